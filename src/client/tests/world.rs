//! A network in memory: both ledgers with their rules, blocks that a quorum certifies, branches that keep envelopes.

use crate::{Clock, Group, Session, Settings, StaffPublic};
use ed25519_dalek::Signer as _;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};
use wardline_crypto::{AgreementKey, Digest, Entropy, OsEntropy, Secret, Signature, SigningKey, array};
use wardline_ledger::{
    BranchId, Canonical, Chain, Genesis, Grant, Handover, Header, NetworkPolicy, Participant, Refusal,
    StaffEntry, StaffId, StateUnavailable, StateView, TreeNodes, TreeUpdate, ValidatorSet, build_block,
    ends_epoch, state,
};
use wardline_policy::{Role, Roles};

/// Branches 1 to 4 are trusted and vote, 5 is a research institute.
pub(crate) const TRUSTED: [u16; 4] = [1, 2, 3, 4];
pub(crate) const INSTITUTE: u16 = 5;
/// Blocks of an epoch, where a test does not say otherwise.
pub(crate) const EPOCH: u64 = 6;

/// The time of the tests; it passes only when they say so.
pub(crate) struct TestClock(pub(crate) AtomicU64);

impl Clock for TestClock {
    fn now_s(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A branch's keys.
pub(crate) struct Keys {
    pub(crate) signing: SigningKey,
    pub(crate) wrap: AgreementKey,
    pub(crate) tls: rcgen::KeyPair,
    main: [u8; 32],
    side: [u8; 32],
}

/// One chain as every honest branch has it.
pub(crate) struct Ledger {
    pub(crate) values: BTreeMap<Vec<u8>, Vec<u8>>,
    nodes: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) blocks: Vec<Block>,
    /// What each block changed, to answer for earlier heights too.
    changes: Vec<state::Changes>,
    handovers: BTreeMap<u64, Handover>,
}

#[derive(Clone)]
pub(crate) struct Block {
    pub(crate) header: Header,
    pub(crate) bytes: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) certificate: Option<Vec<u8>>,
}

impl StateView for Ledger {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        Ok(self.values.get(key).cloned())
    }
}

impl TreeNodes for Ledger {
    fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        Ok(self.nodes.get(key).cloned())
    }
}

/// A ledger as it was at a height.
pub(crate) struct At<'a>(pub(crate) &'a Ledger, pub(crate) u64);

impl StateView for At<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        let by_then = self.0.changes.iter().take(usize::try_from(self.1).unwrap() + 1);
        Ok(by_then.rev().find_map(|changes| changes.get(key)).cloned().flatten())
    }
}

impl TreeNodes for At<'_> {
    fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        self.0.node(key)
    }
}

impl Ledger {
    fn begin(genesis: &Genesis, chain: Chain) -> Self {
        let first = genesis.block(chain).unwrap();
        let block =
            Block { bytes: first.header_bytes, body: first.body, certificate: None, header: first.header };
        let mut ledger = Self {
            values: BTreeMap::new(),
            nodes: BTreeMap::new(),
            blocks: vec![block],
            changes: Vec::new(),
            handovers: BTreeMap::new(),
        };
        ledger.apply(first.changes, &first.tree);
        ledger
    }

    fn apply(&mut self, changes: state::Changes, tree: &TreeUpdate) {
        for (key, value) in changes.clone() {
            match value {
                Some(value) => self.values.insert(key, value),
                None => self.values.remove(&key),
            };
        }
        self.changes.push(changes);
        self.nodes.extend(tree.nodes.iter().cloned());
        if let Some(handover) = &tree.handover {
            self.handovers.insert(handover.epoch, handover.clone());
        }
    }

    pub(crate) fn head(&self) -> &Block {
        self.blocks.last().unwrap()
    }

    pub(crate) fn height(&self) -> u64 {
        self.head().header.height
    }

    pub(crate) fn handover(&self, epoch: u64) -> Option<&Handover> {
        self.handovers.get(&epoch)
    }
}

/// Everything that honest branches agree on, and their keys.
pub(crate) struct World {
    pub(crate) genesis: Genesis,
    pub(crate) network: Digest,
    pub(crate) keys: BTreeMap<u16, Keys>,
    main: Mutex<Ledger>,
    side: Mutex<Ledger>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) staff: SigningKey,
    /// The two who may change the registry; the first is an auditor too.
    pub(crate) administrators: Vec<SigningKey>,
    /// Only every so many blocks get a certificate of their own.
    pub(crate) certify_every: AtomicU64,
}

pub(crate) fn seed() -> [u8; 32] {
    array(&mut OsEntropy)
}

fn key_of(seed: [u8; 32]) -> SigningKey {
    SigningKey::from_seed(Secret::new(seed))
}

impl World {
    /// `apis`: where each branch answers.
    pub(crate) fn new(apis: &BTreeMap<u16, String>, epoch_length: u64) -> Self {
        let now = 1_800_000_000;
        let mut keys = BTreeMap::new();
        let mut participants = Vec::new();
        for (id, api) in apis {
            let trusted = TRUSTED.contains(id);
            let mut entropy = OsEntropy;
            let branch = Keys {
                signing: SigningKey::generate(&mut entropy),
                wrap: AgreementKey::generate(&mut entropy),
                tls: rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap(),
                main: seed(),
                side: seed(),
            };
            participants.push(Participant {
                id: BranchId(*id),
                name: format!("Branch {id}"),
                trusted,
                votes: trusted,
                signing: branch.signing.public(),
                main_validator: key_of(branch.main).public(),
                side_validator: trusted.then(|| key_of(branch.side).public()),
                wrap: branch.wrap.public(),
                tls: Digest::of(&rcgen::PublicKeyData::subject_public_key_info(&branch.tls)),
                api: api.clone(),
                main_address: format!("127.0.0.1:{}", 9000 + id),
                side_address: trusted.then(|| format!("127.0.0.1:{}", 9100 + id)),
                active: true,
            });
            keys.insert(*id, branch);
        }
        let staff = SigningKey::generate(&mut OsEntropy);
        let member = |id: u8, branch: u16, signing: &SigningKey, roles: &[Role]| StaffEntry {
            id: StaffId::from_bytes([id; 16]),
            branch: BranchId(branch),
            signing: signing.public(),
            agreement: AgreementKey::generate(&mut OsEntropy).public(),
            roles: Roles::of(roles),
            key_epoch: 1,
            active: true,
        };
        let administrators: Vec<SigningKey> = (0..2).map(|_| SigningKey::generate(&mut OsEntropy)).collect();
        let genesis = Genesis {
            name: "Test".to_owned(),
            created_s: now - 1000,
            epoch_length,
            participants,
            staff: vec![
                member(1, 1, &staff, &[Role::Ward, Role::Registrar, Role::Auditor]),
                member(2, 2, &administrators[0], &[Role::Operator, Role::Auditor]),
                member(3, 3, &administrators[1], &[Role::Operator]),
            ],
            suites_writable: 0b111,
            policy: NetworkPolicy::default(),
        };
        genesis.check().unwrap();
        Self {
            network: genesis.network(),
            main: Mutex::new(Ledger::begin(&genesis, Chain::Main)),
            side: Mutex::new(Ledger::begin(&genesis, Chain::Side)),
            genesis,
            keys,
            clock: Arc::new(TestClock(AtomicU64::new(now))),
            staff,
            administrators,
            certify_every: AtomicU64::new(1),
        }
    }

    pub(crate) fn ledger(&self, chain: Chain) -> MutexGuard<'_, Ledger> {
        match chain {
            Chain::Main => self.main.lock().unwrap(),
            Chain::Side => self.side.lock().unwrap(),
        }
    }

    /// Puts a transaction into a block of its own and certifies it.
    pub(crate) fn accept(&self, chain: Chain, transaction: Vec<u8>) -> Result<(), Refusal> {
        self.agree(chain, transaction, |_| {})
    }

    /// The same by a quorum that signs a header which it changed.
    pub(crate) fn agree(
        &self,
        chain: Chain,
        transaction: Vec<u8>,
        change: impl FnOnce(&mut Header),
    ) -> Result<(), Refusal> {
        let mut ledger = self.ledger(chain);
        let parent = ledger.head().header.clone();
        let proposal =
            build_block(&*ledger, &parent, self.clock.now_s(), std::iter::once(transaction)).unwrap();
        if let Some((_, refusal)) = proposal.refused.into_iter().next() {
            return Err(refusal);
        }
        let mut block = proposal.block.unwrap();
        change(&mut block.header);
        block.header_bytes = block.header.encode();
        let height = block.header.height;
        let every = self.certify_every.load(Ordering::Relaxed);
        let certified = height.is_multiple_of(every) || ends_epoch(height, self.genesis.epoch_length);
        let certificate = certified.then(|| self.certify(chain, &block.header, 3));
        ledger.apply(block.changes, &block.tree);
        ledger.blocks.push(Block {
            header: block.header,
            bytes: block.header_bytes,
            body: block.body,
            certificate,
        });
        Ok(())
    }

    /// A certificate by the first `signers` validators.
    pub(crate) fn certify(&self, chain: Chain, header: &Header, signers: usize) -> Vec<u8> {
        let set: ValidatorSet = self.genesis.validators(chain);
        let varint = |mut n: usize| {
            let mut out = Vec::new();
            while n > 0x7f {
                out.push((n & 0x7f) as u8 | 0x80);
                n >>= 7;
            }
            out.push(n as u8);
            out
        };
        let namespace = self.genesis.namespace(chain);
        let view = usize::try_from(header.height).unwrap();
        let epoch = usize::try_from(header.epoch).unwrap();
        let mut certificate = [varint(epoch), varint(view), varint(view - 1)].concat();
        certificate.extend_from_slice(header.digest().bytes());
        let mut message = varint(namespace.len() + 9);
        message.extend_from_slice(&namespace);
        message.extend_from_slice(b"_FINALIZE");
        message.extend_from_slice(&certificate);

        certificate.extend_from_slice(&(set.members.len() as u64).to_be_bytes());
        certificate.push((1 << signers) - 1);
        certificate.extend(varint(signers));
        for (branch, _) in set.members.iter().take(signers) {
            let keys = &self.keys[&branch.0];
            let seed = if chain == Chain::Main { keys.main } else { keys.side };
            certificate
                .extend_from_slice(&ed25519_dalek::SigningKey::from_bytes(&seed).sign(&message).to_bytes());
        }
        certificate
    }

    /// The chain as it would be had a quorum signed another block at `from` and again after it.
    pub(crate) fn forked(&self, chain: Chain, from: u64, signers: usize) -> Vec<Block> {
        let mut blocks = self.ledger(chain).blocks.clone();
        let at = usize::try_from(from).unwrap();
        for height in at..blocks.len() {
            let mut header = blocks[height].header.clone();
            header.time_s += 1;
            if height > at {
                header.parent = blocks[height - 1].header.digest();
            }
            blocks[height].certificate = Some(self.certify(chain, &header, signers));
            blocks[height].bytes = wardline_ledger::Canonical::encode(&header);
            blocks[height].header = header;
        }
        blocks
    }

    /// Puts bytes that no rule accepted into a block that is certified all the same.
    pub(crate) fn force(&self, chain: Chain, transaction: Vec<u8>) {
        let mut ledger = self.ledger(chain);
        let parent = ledger.head().header.clone();
        let transactions = [transaction];
        let header = Header {
            parent: parent.digest(),
            height: parent.height + 1,
            epoch: wardline_ledger::epoch_of(parent.height + 1, self.genesis.epoch_length),
            transactions: 1,
            transaction_root: wardline_ledger::transaction_root(&transactions),
            ..parent
        };
        let certificate = Some(self.certify(chain, &header, 3));
        let body = wardline_ledger::encode_body(&transactions);
        let bytes = wardline_ledger::Canonical::encode(&header);
        ledger.changes.push(state::Changes::new());
        ledger.blocks.push(Block { header, bytes, body, certificate });
    }

    /// A session of the nurse at branch 1, without the second that a passphrase takes.
    pub(crate) fn session(&self) -> Session {
        self.session_of(self.genesis.staff[0].roles)
    }

    /// The same, with other roles in the key file.
    pub(crate) fn session_of(&self, roles: Roles) -> Session {
        let entry = &self.genesis.staff[0];
        self.session_as(entry.branch, roles)
    }

    /// The same with a key file that says another branch and other roles.
    pub(crate) fn session_as(&self, branch: BranchId, roles: Roles) -> Session {
        self.session_by(&self.genesis.staff[0], &self.staff, branch, roles)
    }

    /// A session of the second auditor, at branch 2.
    pub(crate) fn second_auditor(&self) -> Session {
        let entry = &self.genesis.staff[1];
        self.session_by(entry, &self.administrators[0], entry.branch, entry.roles)
    }

    fn session_by(&self, entry: &StaffEntry, key: &SigningKey, branch: BranchId, roles: Roles) -> Session {
        let mut entropy = OsEntropy;
        let (signing, agreement) = (SigningKey::generate(&mut entropy), AgreementKey::generate(&mut entropy));
        let now = self.clock.now_s();
        let grant = Grant {
            network: self.network,
            staff: entry.id,
            key_epoch: entry.key_epoch,
            session: signing.public(),
            session_agreement: agreement.public(),
            not_before_s: now - 60,
            not_after_s: now + 3600,
            signature: Signature::from_bytes([0; 64]),
        }
        .signed(key);
        let public = StaffPublic {
            network: self.network,
            staff: entry.id,
            branch,
            name: "Nurse".to_owned(),
            roles,
            key_epoch: entry.key_epoch,
            signing: entry.signing,
            agreement: entry.agreement,
        };
        Session::new(public, grant, signing, agreement)
    }

    pub(crate) fn settings(&self, folder: &std::path::Path) -> Settings {
        Settings {
            network_name: "Test".to_owned(),
            network: self.network,
            genesis: folder.join("genesis"),
            state: folder.to_owned(),
            memory: Some(folder.join("memory")),
            urls: BTreeMap::new(),
            deadline_ms: 2000,
        }
    }

    pub(crate) fn group(&self, folder: &std::path::Path) -> Group {
        Group::open(self.settings(folder), self.genesis.clone(), self.session(), self.clock.clone()).unwrap()
    }
}

/// Sixteen fresh bytes.
pub(crate) fn fresh16() -> [u8; 16] {
    let mut out = [0; 16];
    OsEntropy.fill(&mut out);
    out
}

/// A header that nobody agreed on.
pub(crate) fn forged(header: &Header) -> Header {
    Header { time_s: header.time_s + 1, ..header.clone() }
}
