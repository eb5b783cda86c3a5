//! Staff key files: making them, reading who they belong to, unlocking them into a session, approving with them.
//!
//! The staff's secret keys exist in here only, between unlocking and the end of the call; they are wiped on the way
//! out. The public part (who, where, which roles the file was made with) is readable without the passphrase and is
//! proven only by unlocking; what the person may do is what the registry says.

use crate::session::Session;
use wardline_crypto::{
    AgreementKey, AgreementPublic, Cost, Digest, Entropy, FileKind, KeyFileError, PublicKey, Secret,
    SecretBytes, Signature, SigningKey, lock, read_public,
};
use wardline_ledger::{
    Approval, Body, BranchId, Canonical, DecodeError, Grant, MAX_GRANT_S, MAX_NAME, NetworkId, Reader,
    StaffEntry, StaffId, Writer,
};
use wardline_policy::Roles;

/// Version of the public part.
const VERSION: u8 = 1;
/// Ed25519 seed and X25519 key.
const SECRET_LEN: usize = 64;
/// A grant begins this long before the console's clock, so that a branch whose clock is a little behind takes it.
const BACKDATE_S: u64 = 60;

/// Who a key file is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStaff {
    /// The person's new id.
    pub staff: StaffId,
    /// The person's branch.
    pub branch: BranchId,
    /// The person's name, shown to its owner alone; it is on no chain. At most 100 bytes without control characters.
    pub name: String,
    /// Roles to register.
    pub roles: Roles,
    /// 1 for a person's first keys, one more at every change.
    pub key_epoch: u32,
}

/// The public part of a key file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffPublic {
    /// The network.
    pub network: Digest,
    /// Who.
    pub staff: StaffId,
    /// Where.
    pub branch: BranchId,
    /// The name, for its owner's eyes.
    pub name: String,
    /// The roles that the file was made with; the registry decides.
    pub roles: Roles,
    /// The keys' epoch.
    pub key_epoch: u32,
    /// Signs grants and approvals.
    pub signing: PublicKey,
    /// The person's X25519 key.
    pub agreement: AgreementPublic,
}

impl StaffPublic {
    /// The registry entry that these keys belong to.
    pub fn entry(&self) -> StaffEntry {
        StaffEntry {
            id: self.staff,
            branch: self.branch,
            signing: self.signing,
            agreement: self.agreement,
            roles: self.roles,
            key_epoch: self.key_epoch,
            active: true,
        }
    }
}

impl Canonical for StaffPublic {
    fn write(&self, w: &mut Writer) {
        w.u8(VERSION);
        self.network.write(w);
        self.staff.write(w);
        self.branch.write(w);
        w.text(&self.name);
        w.u16(self.roles.bits());
        w.u32(self.key_epoch);
        self.signing.write(w);
        self.agreement.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("key file version")? {
            VERSION => {}
            code => return Err(DecodeError::UnknownCode { what: "key file version", code: code.into() }),
        }
        Ok(Self {
            network: Digest::read(r)?,
            staff: StaffId::read(r)?,
            branch: BranchId::read(r)?,
            name: r.text(MAX_NAME, "name")?,
            roles: {
                let bits = r.u16("roles")?;
                Roles::from_bits(bits)
                    .map_err(|_| DecodeError::UnknownCode { what: "role set", code: bits.into() })?
            },
            key_epoch: r.u32("key epoch")?,
            signing: PublicKey::read(r)?,
            agreement: AgreementPublic::read(r)?,
        })
    }
}

/// Why a key file cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum StaffFileError {
    /// The name is empty, too long or has control characters.
    #[error("a name has 1 to {MAX_NAME} bytes and no control characters")]
    Name,
    /// The file is no key file, or cannot be sealed.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// It is a branch's or a patient's.
    #[error("this is no staff key file: choose the file that was made for you")]
    OtherKind,
    /// The public part does not decode.
    #[error("the key file's public part is malformed: {0}")]
    Malformed(#[from] DecodeError),
}

/// Why a key file does not unlock.
#[derive(Debug, thiserror::Error)]
pub enum UnlockError {
    /// The file cannot be read, before any passphrase.
    #[error(transparent)]
    File(#[from] StaffFileError),
    /// Wrong passphrase or a changed file; which of them is not told.
    #[error(transparent)]
    Locked(KeyFileError),
    /// What was sealed does not belong to the public part.
    #[error("the key file's secret keys are not those of its public part: ask for a new file")]
    OtherKeys,
    /// It is for another network than the one that is asked.
    #[error("the key file is for another network: choose the file that was made for this one")]
    OtherNetwork,
}

/// A person's new keys, before they are locked: a network's genesis holds its first people's public keys, so that
/// they are drawn before the network has an identity. Wiped when dropped.
pub struct StaffKeys {
    who: NewStaff,
    signing: SigningKey,
    agreement: AgreementKey,
}

impl StaffKeys {
    /// Draws a person's keys.
    ///
    /// # Errors
    /// When the name is empty, too long or has control characters.
    pub fn draw(who: NewStaff, entropy: &mut dyn Entropy) -> Result<Self, StaffFileError> {
        if who.name.trim().is_empty() || who.name.len() > MAX_NAME || who.name.chars().any(char::is_control) {
            return Err(StaffFileError::Name);
        }
        Ok(Self { who, signing: SigningKey::generate(entropy), agreement: AgreementKey::generate(entropy) })
    }

    /// The entry for the registry.
    pub fn entry(&self) -> StaffEntry {
        self.public(Digest::ZERO).entry()
    }

    /// The text of a key file of the network, locked with a passphrase.
    ///
    /// # Errors
    /// When the cost is below the floor.
    pub fn lock(
        &self,
        network: NetworkId,
        passphrase: &SecretBytes,
        cost: Cost,
        entropy: &mut dyn Entropy,
    ) -> Result<String, StaffFileError> {
        let mut secret = Vec::with_capacity(SECRET_LEN);
        secret.extend_from_slice(self.signing.seed());
        secret.extend_from_slice(self.agreement.bytes());
        let public = self.public(network).encode();
        Ok(lock(FileKind::Staff, &public, &SecretBytes::new(secret), passphrase, cost, entropy)?)
    }

    fn public(&self, network: NetworkId) -> StaffPublic {
        StaffPublic {
            network,
            staff: self.who.staff,
            branch: self.who.branch,
            name: self.who.name.clone(),
            roles: self.who.roles,
            key_epoch: self.who.key_epoch,
            signing: self.signing.public(),
            agreement: self.agreement.public(),
        }
    }
}

/// Whose file it is. Needs no passphrase and proves nothing: anybody could have written it.
///
/// # Errors
/// When it is no staff key file.
pub fn read_staff_file(file: &str) -> Result<StaffPublic, StaffFileError> {
    let (kind, public) = read_public(file)?;
    if kind != FileKind::Staff {
        return Err(StaffFileError::OtherKind);
    }
    Ok(StaffPublic::decode(&public)?)
}

/// Unlocks the file into a session of at most `length_s` seconds (see `session_length_s`) and 12 hours, and wipes the
/// staff's keys. Takes about a third of a second on purpose.
///
/// # Errors
/// A wrong passphrase and a changed file give the same error.
pub fn unlock(
    file: &str,
    passphrase: &SecretBytes,
    now_s: u64,
    length_s: u32,
    entropy: &mut dyn Entropy,
) -> Result<Session, UnlockError> {
    let (public, key) = open_file(file, passphrase)?;
    let session = SigningKey::generate(entropy);
    let agreement = AgreementKey::generate(entropy);
    let length_s = u64::from(length_s.min(MAX_GRANT_S));
    // A short session must not be over before it begins.
    let not_before_s = now_s.saturating_sub(BACKDATE_S.min(length_s / 10));
    let grant = Grant {
        network: public.network,
        staff: public.staff,
        key_epoch: public.key_epoch,
        session: session.public(),
        session_agreement: agreement.public(),
        not_before_s,
        not_after_s: not_before_s.saturating_add(length_s),
        signature: Signature::from_bytes([0; 64]),
    }
    .signed(&key);
    Ok(Session::new(public, grant, session, agreement))
}

/// Approves a registry change with a staff key.
///
/// # Errors
/// As [`unlock`], and when the file is for another network.
pub fn approve(
    file: &str,
    passphrase: &SecretBytes,
    network: &NetworkId,
    body: &Body,
) -> Result<Approval, UnlockError> {
    let (public, key) = open_file(file, passphrase)?;
    if public.network != *network {
        return Err(UnlockError::OtherNetwork);
    }
    Ok(Approval::sign(&key, public.staff, network, body))
}

fn open_file(file: &str, passphrase: &SecretBytes) -> Result<(StaffPublic, SigningKey), UnlockError> {
    read_staff_file(file)?;
    let unlocked = wardline_crypto::unlock(file, passphrase).map_err(UnlockError::Locked)?;
    let public = StaffPublic::decode(&unlocked.public).map_err(StaffFileError::from)?;
    let (seed, agreement) = unlocked.secret.expose().split_at_checked(32).ok_or(UnlockError::OtherKeys)?;
    let key = SigningKey::from_seed(Secret::from_slice(seed).ok_or(UnlockError::OtherKeys)?);
    let agreement = AgreementKey::from_bytes(Secret::from_slice(agreement).ok_or(UnlockError::OtherKeys)?);
    if key.public() != public.signing || agreement.public() != public.agreement {
        return Err(UnlockError::OtherKeys);
    }
    Ok((public, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardline_crypto::SeededEntropy;
    use wardline_policy::Role;

    fn network() -> NetworkId {
        Digest::of(b"network")
    }

    fn who() -> NewStaff {
        NewStaff {
            staff: StaffId::from_bytes([3; 16]),
            branch: BranchId(2),
            name: "Nurse Joy".to_owned(),
            roles: Roles::of(&[Role::Ward, Role::Registrar]),
            key_epoch: 1,
        }
    }

    fn secret(text: &str) -> SecretBytes {
        SecretBytes::new(text.as_bytes().to_vec())
    }

    #[test]
    fn a_file_unlocks_into_a_session_that_its_registry_entry_vouches_for() {
        let mut entropy = SeededEntropy::new(1);
        let keys = StaffKeys::draw(who(), &mut entropy).unwrap();
        let entry = keys.entry();
        let file = keys.lock(network(), &secret("open sesame"), Cost::default(), &mut entropy).unwrap();
        let public = read_staff_file(&file).unwrap();
        assert_eq!(
            (public.name.as_str(), public.branch, public.roles),
            ("Nurse Joy", BranchId(2), who().roles)
        );
        assert_eq!(public.entry(), entry);

        let now = 1_800_000_000;
        let session = unlock(&file, &secret("open sesame"), now, MAX_GRANT_S, &mut entropy).unwrap();
        let grant = session.grant();
        assert_eq!(grant.verify(&network(), &entry, now, MAX_GRANT_S), Ok(()));
        assert_eq!(grant.verify(&network(), &entry, now - 30, MAX_GRANT_S), Ok(()), "a clock that is behind");
        assert!(grant.verify(&network(), &entry, session.expires_s() + 1, MAX_GRANT_S).is_err());
        assert_ne!(grant.session, entry.signing, "a session has its own keys");

        let short = unlock(&file, &secret("open sesame"), now, 600, &mut entropy).unwrap();
        assert_eq!(short.grant().verify(&network(), &entry, now, 600), Ok(()));

        let brief = unlock(&file, &secret("open sesame"), now, 60, &mut entropy).unwrap();
        assert_eq!(brief.grant().verify(&network(), &entry, now + 54, 60), Ok(()));

        let wrong = unlock(&file, &secret("open sesamf"), now, MAX_GRANT_S, &mut entropy).unwrap_err();
        assert!(matches!(wrong, UnlockError::Locked(_)), "{wrong}");
    }

    #[test]
    fn an_approval_is_for_one_network_and_one_body() {
        let mut entropy = SeededEntropy::new(2);
        let keys = StaffKeys::draw(who(), &mut entropy).unwrap();
        let entry = keys.entry();
        let file = keys.lock(network(), &secret("pass"), Cost::default(), &mut entropy).unwrap();
        let body = Body::Registry(wardline_ledger::Registry {
            version: 2,
            entry: wardline_ledger::RegistryEntry::Suites(0b100),
        });
        let approval = approve(&file, &secret("pass"), &network(), &body).unwrap();
        assert_eq!(approval.staff, who().staff);
        let message = body.approval_bytes(&network());
        assert!(entry.signing.verify(wardline_crypto::Domain::Approval, &message, &approval.signature));
        assert!(matches!(
            approve(&file, &secret("pass"), &Digest::of(b"other"), &body),
            Err(UnlockError::OtherNetwork)
        ));
    }

    #[test]
    fn names_that_cannot_be_kept_are_refused() {
        let mut entropy = SeededEntropy::new(3);
        for name in ["", "  ", "two\nlines", &"x".repeat(MAX_NAME + 1)] {
            let bad = NewStaff { name: name.to_owned(), ..who() };
            let error = StaffKeys::draw(bad, &mut entropy).err().unwrap();
            assert!(matches!(error, StaffFileError::Name));
        }
    }

    #[test]
    fn a_branch_key_file_is_no_staff_file() {
        let mut entropy = SeededEntropy::new(4);
        let file = lock(
            FileKind::Branch,
            b"public",
            &secret("secret"),
            &secret("pass"),
            Cost::default(),
            &mut entropy,
        )
        .unwrap();
        assert!(matches!(read_staff_file(&file), Err(StaffFileError::OtherKind)));
        assert!(read_staff_file("no key file").is_err());
    }
}
