//! Participants and rules as the main chain's state proves them, kept between runs; the genesis' until then.
//!
//! What is read from the file was proven when it was written; it is used for the pins of the next start.

use crate::{
    error::ClientError,
    group::{Inner, heavy, locked},
    settings::Settings,
    trust::{TrustError, write_whole},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use wardline_crypto::{Digest, Suite};
use wardline_ledger::{
    BranchId, Canonical, Chain, DecodeError, Genesis, Key, MAX_PARTICIPANTS, NetworkId, NetworkPolicy,
    Participant, Reader, Writer, state::BranchList,
};

const TITLE: &[u8] = b"WARDLINE REGISTRY v1\n";

/// How long a session may last by the newest rules that this console has proven, or the genesis': seconds.
///
/// # Errors
/// When the kept rules are damaged or of another network.
pub fn session_length_s(settings: &Settings, genesis: &Genesis) -> Result<u32, TrustError> {
    Ok(Registry::open(genesis, &settings.state)?.rules.policy.grant_max_s)
}

/// What every record must keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) policy: NetworkPolicy,
    /// Bit n: the suite with code n + 1 may be written.
    pub(crate) suites: u8,
}

impl Rules {
    /// The suite to write: the default one, or the strongest of those in force.
    pub(crate) fn suite(&self) -> Suite {
        let in_force = |suite: &Suite| self.suites & (1 << suite.code().saturating_sub(1)) != 0;
        [Suite::Cascade, Suite::AesGcmSiv, Suite::TripleDes].into_iter().find(in_force).unwrap_or_default()
    }
}

/// Participants and rules, proven at a height of the main chain.
#[derive(Clone)]
pub(crate) struct Registry {
    path: PathBuf,
    network: NetworkId,
    pub(crate) height: u64,
    pub(crate) participants: Vec<Participant>,
    pub(crate) rules: Rules,
}

impl Registry {
    /// What was kept, or the genesis' entries.
    ///
    /// # Errors
    /// When the file is damaged or of another network.
    pub(crate) fn open(genesis: &Genesis, folder: &Path) -> Result<Self, TrustError> {
        let path = folder.join("registry");
        let rules = Rules { policy: genesis.policy, suites: genesis.suites_writable };
        let participants = genesis.participants.clone();
        let start = Self { path: path.clone(), network: genesis.network(), height: 0, participants, rules };
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(start),
            Err(error) => {
                return Err(TrustError::File { path: path.display().to_string(), cause: error.to_string() });
            }
        };
        let damaged = || TrustError::Damaged { path: path.display().to_string() };
        let rest = bytes.strip_prefix(TITLE).ok_or_else(damaged)?;
        let (sum, rest) = rest.split_first_chunk::<32>().ok_or_else(damaged)?;
        if Digest::of(rest) != Digest::from_bytes(*sum) {
            return Err(damaged());
        }
        let (network, height, participants, rules) = decode(rest).map_err(|_| damaged())?;
        if network != start.network {
            return Err(TrustError::OtherNetwork { path: path.display().to_string() });
        }
        Ok(Self { height, participants, rules, ..start })
    }

    /// Writes the file.
    pub(crate) fn keep(&self) -> Result<(), TrustError> {
        write_whole(&self.path, &self.to_file()).map_err(|cause| TrustError::File {
            path: self.path.display().to_string(),
            cause: cause.to_string(),
        })
    }

    fn to_file(&self) -> Vec<u8> {
        let mut w = Writer::default();
        self.network.write(&mut w);
        w.u64(self.height);
        w.list(&self.participants);
        self.rules.policy.write(&mut w);
        w.u8(self.rules.suites);
        let bytes = w.into_bytes();
        [TITLE, Digest::of(&bytes).as_ref(), &bytes].concat()
    }
}

fn decode(bytes: &[u8]) -> Result<(NetworkId, u64, Vec<Participant>, Rules), DecodeError> {
    let mut r = Reader::new(bytes);
    let network = NetworkId::read(&mut r)?;
    let height = r.u64("height")?;
    let participants =
        r.sorted(MAX_PARTICIPANTS, "participants", |participant: &Participant| participant.id)?;
    let rules = Rules { policy: NetworkPolicy::read(&mut r)?, suites: r.u8("suites")? };
    r.finish()?;
    Ok((network, height, participants, rules))
}

impl Inner {
    /// Proves participants and rules at the newest verified height and keeps them. Rules hold from now on; changed
    /// keys and addresses of branches from the next start.
    pub(crate) async fn refresh_registry(&self) -> Result<(), ClientError> {
        let first = [Key::Policy, Key::Suites, Key::Participants].map(|key| key.bytes());
        let proven = self.proven(Chain::Main, &first).await?;
        let height = proven.height;
        let mut values = proven.values.into_iter().flatten();
        let (Some(policy), Some(suites), Some(ids)) = (values.next(), values.next(), values.next()) else {
            return Err(missing("the main chain's state has no registry"));
        };
        let malformed = |error: DecodeError| missing(&error.to_string());
        let policy = NetworkPolicy::decode(&policy).map_err(malformed)?;
        let suites = *suites.first().ok_or_else(|| missing("no suites in force"))?;
        let BranchList(ids) = BranchList::decode(&ids).map_err(malformed)?;

        let keys: Vec<Vec<u8>> = ids.iter().map(|id: &BranchId| Key::Participant(*id).bytes()).collect();
        let proven = self.proven(Chain::Main, &keys).await?;
        let participants = proven
            .values
            .into_iter()
            .map(|value| Participant::decode(&value.unwrap_or_default()).map_err(malformed))
            .collect::<Result<Vec<_>, _>>()?;

        let kept = {
            let mut registry = locked(&self.registry);
            if height < registry.height {
                return Ok(());
            }
            registry.height = height;
            registry.rules = Rules { policy, suites };
            registry.participants = participants;
            registry.clone()
        };
        heavy(move || kept.keep()).await??;
        Ok(())
    }
}

fn missing(what: &str) -> ClientError {
    ClientError::NoneUsable(what.to_owned())
}
