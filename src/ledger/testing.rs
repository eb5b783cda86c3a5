//! A small network in memory for the room's tests: four branches, a research institute, their staff and keys.

use crate::overlay::State;
use crate::rules::{BlockContext, Refusal, check_bytes};
use crate::state::{Changes, StateUnavailable, StateView};
use crate::tree::{TreeNodes, TreeUpdate};
use crate::*;
use std::collections::BTreeMap;
use wardline_crypto::{
    AgreementKey, Content, DataKey, Digest, Header as EnvelopeHeader, Secret, SeededEntropy, SigningKey,
    Suite, seal,
};
use wardline_policy::{Purpose, RecordKind, Role, Roles};

/// The time of every test: what blocks and grants are made for.
pub(crate) const NOW: u64 = 1_800_000_000;

/// The same key for the same name, always.
pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(Secret::from_slice(Digest::of(name.as_bytes()).as_ref()).unwrap())
}

pub(crate) fn agreement(name: &str) -> AgreementKey {
    AgreementKey::from_bytes(Secret::from_slice(Digest::of(name.as_bytes()).as_ref()).unwrap())
}

pub(crate) fn id16(name: &str) -> [u8; 16] {
    *Digest::of(name.as_bytes()).bytes().first_chunk().unwrap()
}

pub(crate) fn record(name: &str) -> RecordId {
    RecordId::from_bytes(id16(name))
}

pub(crate) fn patient(name: &str) -> PatientId {
    PatientId::from_bytes(id16(name))
}

pub(crate) fn staff_id(name: &str) -> StaffId {
    StaffId::from_bytes(id16(name))
}

pub(crate) fn participant(id: u16, trusted: bool) -> Participant {
    Participant {
        id: BranchId(id),
        name: format!("Branch {id}"),
        trusted,
        votes: trusted,
        signing: key(&format!("signing {id}")).public(),
        main_validator: key(&format!("main {id}")).public(),
        side_validator: trusted.then(|| key(&format!("side {id}")).public()),
        wrap: agreement(&format!("wrap {id}")).public(),
        tls: Digest::of(b"tls"),
        api: format!("https://127.0.0.1:{}", 8000 + id),
        main_address: format!("127.0.0.1:{}", 9000 + id),
        side_address: trusted.then(|| format!("127.0.0.1:{}", 9100 + id)),
        active: true,
    }
}

pub(crate) fn staff(name: &str, branch: u16, roles: &[Role]) -> StaffEntry {
    StaffEntry {
        id: staff_id(name),
        branch: BranchId(branch),
        signing: key(name).public(),
        agreement: agreement(name).public(),
        roles: Roles::of(roles),
        key_epoch: 1,
        active: true,
    }
}

/// Four trusted branches that validate, a research institute, and staff for every role.
pub(crate) fn genesis() -> Genesis {
    let mut staff = vec![
        staff("admin-a", 1, &[Role::Operator, Role::Supervisor]),
        staff("admin-b", 2, &[Role::Operator, Role::Supervisor]),
        staff("ward", 1, &[Role::Ward]),
        staff("registrar", 1, &[Role::Registrar]),
        staff("operator", 1, &[Role::Operator]),
        staff("researcher", 5, &[Role::Researcher]),
        staff("institute-ward", 5, &[Role::Ward, Role::Registrar]),
        staff("crew", 2, &[Role::Crew]),
    ];
    staff.sort_by_key(|entry| entry.id);
    Genesis {
        name: "Test network".into(),
        created_s: NOW - 100,
        epoch_length: 4,
        participants: vec![
            participant(1, true),
            participant(2, true),
            participant(3, true),
            participant(4, true),
            participant(5, false),
        ],
        staff,
        suites_writable: 0b110,
        policy: NetworkPolicy::default(),
    }
}

/// State and tree in maps, every version kept.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    pub(crate) values: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) nodes: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Memory {
    pub(crate) fn apply(&mut self, changes: Changes, tree: &TreeUpdate) {
        self.change(changes);
        self.nodes.extend(tree.nodes.iter().cloned());
    }

    pub(crate) fn change(&mut self, changes: Changes) {
        for (key, value) in changes {
            match value {
                Some(value) => self.values.insert(key, value),
                None => self.values.remove(&key),
            };
        }
    }

    pub(crate) fn put(&mut self, key: Key, value: &impl Canonical) {
        self.values.insert(key.bytes(), value.encode());
    }
}

impl StateView for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        Ok(self.values.get(key).cloned())
    }
}

impl TreeNodes for Memory {
    fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        Ok(self.nodes.get(key).cloned())
    }
}

/// A state that cannot be read.
pub(crate) struct Broken;

impl StateView for Broken {
    fn get(&self, _: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        Err(StateUnavailable("the disk is gone".into()))
    }
}

impl TreeNodes for Broken {
    fn node(&self, _: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        Err(StateUnavailable("the disk is gone".into()))
    }
}

/// A network right after its genesis, and transactions of its people that hold.
pub(crate) struct World {
    pub(crate) genesis: Genesis,
    pub(crate) network: NetworkId,
    pub(crate) main: Memory,
    pub(crate) side: Memory,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(genesis())
    }

    pub(crate) fn of(genesis: Genesis) -> Self {
        genesis.check().unwrap();
        let [main, side] = Chain::ALL.map(|chain| {
            let block = genesis.block(chain).unwrap();
            let mut memory = Memory::default();
            memory.apply(block.changes, &block.tree);
            memory
        });
        Self { network: genesis.network(), genesis, main, side }
    }

    pub(crate) fn state(&mut self, chain: Chain) -> &mut Memory {
        match chain {
            Chain::Main => &mut self.main,
            Chain::Side => &mut self.side,
        }
    }

    pub(crate) fn context(&self, chain: Chain) -> BlockContext {
        BlockContext { network: self.network, chain, height: 1, epoch: 0, time_s: NOW }
    }

    pub(crate) fn check(&mut self, chain: Chain, bytes: &[u8]) -> Result<Changes, Refusal> {
        let context = self.context(chain);
        check_bytes(self.state(chain), &context, bytes)
    }

    /// Applies a transaction that must hold.
    pub(crate) fn accept(&mut self, chain: Chain, transaction: &Transaction) {
        let changes = self.check(chain, &transaction.encode()).unwrap();
        self.state(chain).change(changes);
    }

    pub(crate) fn grant(&self, who: &str) -> Grant {
        Grant {
            network: self.network,
            staff: staff_id(who),
            key_epoch: 1,
            session: key(&format!("session of {who}")).public(),
            session_agreement: agreement(&format!("session of {who}")).public(),
            not_before_s: NOW - 3600,
            not_after_s: NOW + 3600,
            signature: wardline_crypto::Signature::from_bytes([0; 64]),
        }
        .signed(&key(who))
    }

    pub(crate) fn by(&self, who: &str, body: Body) -> Transaction {
        Transaction::by_session(self.network, body, self.grant(who), &key(&format!("session of {who}")))
    }

    pub(crate) fn by_branch(&self, branch: u16, body: Body) -> Transaction {
        Transaction::by_branch(self.network, body, BranchId(branch), &key(&format!("signing {branch}")))
    }

    pub(crate) fn approved(&self, by: &[&str], entry: RegistryEntry, version: u32) -> Transaction {
        let body = Body::Registry(Registry { version, entry });
        let approvals =
            by.iter().map(|who| Approval::sign(&key(who), staff_id(who), &self.network, &body)).collect();
        Transaction::by_staff(self.network, body, approvals)
    }

    pub(crate) fn storage(&self, name: &str) -> Storage {
        let body = Storage {
            record: record(name),
            branch: BranchId(1),
            kind: RecordKind::Visit,
            pointer: Digest::of(name.as_bytes()),
            size: 5000,
            version: 1,
            assent: Assent::NetworkDefault(1),
            receipts: vec![],
        };
        self.held_by(body, &[1, 2])
    }

    /// The storage body with receipts of these branches.
    pub(crate) fn held_by(&self, mut body: Storage, branches: &[u16]) -> Storage {
        let custody = body.custody(self.network);
        let sign =
            |&branch: &u16| Receipt::signed(&custody, BranchId(branch), &key(&format!("signing {branch}")));
        body.receipts = branches.iter().map(sign).collect();
        body
    }

    pub(crate) fn enrol(&self, name: &str) -> Enrol {
        Enrol {
            patient: patient(name),
            identity: identity(&patient(name), Suite::Cascade, Content::Identity, 1),
        }
    }

    pub(crate) fn link(&self, record_name: &str, patient_name: &str) -> Link {
        Link { record: record(record_name), patient: patient(patient_name), branch: BranchId(1) }
    }

    pub(crate) fn lookup(&self, name: &str, patient_name: &str) -> Lookup {
        Lookup {
            lookup: LookupId::from_bytes(id16(name)),
            patient: patient(patient_name),
            purpose: Purpose::Treatment,
            reason: "admitted to ward 3".into(),
        }
    }
}

pub(crate) fn identity(patient: &PatientId, suite: Suite, content: Content, version: u32) -> Vec<u8> {
    let mut entropy = SeededEntropy::new(7);
    let header = EnvelopeHeader { suite, content, object: *patient.bytes(), version };
    seal(&DataKey::generate(&mut entropy), &header, b"a made-up identity", &mut entropy).unwrap()
}

/// A certificate as the engine makes it, of the chain's validators with these keys.
pub(crate) fn certify(
    namespace: &[u8],
    set: &ValidatorSet,
    signers: &[usize],
    digest: &Digest,
    epoch: u64,
    keys: &[SigningKey],
) -> Vec<u8> {
    let mut certificate = vec![u8::try_from(epoch).unwrap(), 9, 8]; // one-byte varints: epoch, view, parent view
    certificate.extend(digest.bytes());
    let mut message = vec![u8::try_from(namespace.len() + 9).unwrap()];
    message.extend([namespace, b"_FINALIZE", &certificate].concat());
    let mut bitmap = vec![0u8; set.members.len().div_ceil(8)];
    let mut signatures = Vec::new();
    for &signer in signers {
        bitmap[signer / 8] |= 1 << (signer % 8);
        let key = keys.iter().find(|key| key.public() == set.members[signer].1).unwrap();
        signatures.extend(raw_sign(key, &message));
    }
    certificate.extend((set.members.len() as u64).to_be_bytes());
    certificate.extend(bitmap);
    certificate.push(u8::try_from(signers.len()).unwrap());
    certificate.extend(signatures);
    certificate
}

/// Plain Ed25519, as the engine signs: without the room's own domains.
pub(crate) fn raw_sign(key: &SigningKey, message: &[u8]) -> [u8; 64] {
    use ed25519_dalek::Signer as _;
    ed25519_dalek::SigningKey::from_bytes(key.seed()).sign(message).to_bytes()
}

/// Every validator key of a chain.
pub(crate) fn validator_keys(chain: Chain) -> Vec<SigningKey> {
    (1..=9).map(|id| key(&format!("{chain} {id}"))).collect()
}

/// A certificate of a header by the whole set.
pub(crate) fn certificate(header: &Header, set: &ValidatorSet) -> Vec<u8> {
    let all: Vec<usize> = (0..set.members.len()).collect();
    let namespace = namespace(&header.network, header.chain);
    certify(&namespace, set, &all, &header.digest(), header.epoch, &validator_keys(header.chain))
}

/// A chain that grows block by block, as nodes build and check it.
pub(crate) struct TestChain {
    pub(crate) chain: Chain,
    pub(crate) world: World,
    pub(crate) tip: Header,
    /// Header bytes, certificate by all validators but the first, by height from 1.
    pub(crate) blocks: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    pub(crate) sets: BTreeMap<u64, (Vec<u8>, StateProof)>,
    pub(crate) validators: ValidatorSet,
}

impl TestChain {
    pub(crate) fn new(chain: Chain) -> Self {
        let world = World::new();
        let tip = world.genesis.block(chain).unwrap().header;
        let validators = world.genesis.validators(chain);
        Self { chain, world, tip, blocks: vec![], sets: BTreeMap::new(), validators }
    }

    /// Ten blocks of the main chain in epochs of four heights (the first with the genesis); branch 4 leaves the
    /// validators with the first epoch.
    pub(crate) fn three_epochs() -> Self {
        let mut chain = Self::new(Chain::Main);
        let set = vec![BranchId(1), BranchId(2), BranchId(3)];
        let entry = RegistryEntry::Validators { chain: Chain::Main, set };
        chain.extend(&[chain.world.approved(&["admin-a", "admin-b"], entry, 1)]);
        while chain.blocks.len() < 10 {
            let signers = chain.validators.clone();
            chain.extend_any();
            // A set of three needs all three, whom `extend` does not have sign.
            if chain.blocks.len() > 3 {
                chain.blocks.last_mut().unwrap().1 = Some(certificate(&chain.tip, &signers));
            }
        }
        chain
    }

    /// Builds, checks and applies a block of these transactions, all of which must hold.
    pub(crate) fn extend(&mut self, transactions: &[Transaction]) -> &Header {
        let candidates: Vec<Vec<u8>> = transactions.iter().map(Canonical::encode).collect();
        let parent = self.tip.clone();
        let state = self.world.state(self.chain);
        let proposal = build_block(state as &dyn State, &parent, NOW, candidates.into_iter()).unwrap();
        assert_eq!(proposal.refused, []);
        let block = proposal.block.unwrap();
        let (changes, tree) = check_block(state, &parent, &block.header_bytes, &block.body, NOW).unwrap();
        assert_eq!((&changes, &tree), (&block.changes, &block.tree));
        assert_eq!(
            body_matches(&block.header_bytes, &block.body),
            Some((block.header.height, *parent.digest().bytes()))
        );
        state.apply(changes, &tree);

        let all: Vec<usize> = (1..self.validators.members.len()).collect();
        let namespace = self.world.genesis.namespace(self.chain);
        let keys = validator_keys(self.chain);
        let digest = block.header.digest();
        let certificate = certify(&namespace, &self.validators, &all, &digest, block.header.epoch, &keys);
        self.blocks.push((block.header_bytes, Some(certificate)));
        if let Some(handover) = tree.handover {
            self.validators = ValidatorSet::decode(&handover.set).unwrap();
            self.sets.insert(handover.epoch, (handover.set, handover.proof));
        }
        self.tip = block.header;
        &self.tip
    }

    /// A block with one new record in it.
    pub(crate) fn extend_any(&mut self) -> &Header {
        let body = Body::Storage(self.world.storage(&format!("record {}", self.blocks.len())));
        let transaction = self.world.by("ward", body);
        self.extend(&[transaction])
    }
}
