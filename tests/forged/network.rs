//! A small network whose every key the tests own, and what its people and branches may honestly say.
//!
//! Everything follows from a seed. Validators' keys are drawn so that they sort as their branches do: who is the first
//! signer of a certificate is then the same for every seed, and so is the reason that names a branch.

use super::vote::Vote;
use std::collections::BTreeMap;
use wardline_crypto::{
    AgreementKey, Content, DataKey, Digest, Header as EnvelopeHeader, Secret, SeededEntropy, Signature,
    SigningKey, Suite, seal,
};
use wardline_ledger::{
    Approval, Assent, Body, BranchId, Canonical, Chain, Enrol, Genesis, Grant, Link, Lookup, LookupId,
    NetworkPolicy, Participant, PatientId, Receipt, RecordId, Registry, RegistryEntry, StaffEntry, StaffId,
    Storage, Transaction, ValidatorSet,
};
use wardline_policy::{Purpose, RecordKind, Role, Roles};

/// Blocks of an epoch.
pub const EPOCH: u64 = 4;
/// When the network was made, Unix seconds. Block `h` is made `h` seconds after [`NOW`].
pub const CREATED: u64 = NOW - 100;
/// The middle of every session.
pub const NOW: u64 = 1_790_000_000;
/// Keys that a validator may have one after the other.
const GENERATIONS: u16 = 2;

/// Where branches answer, in the order of their numbers, and with which key.
#[derive(Clone)]
pub struct Gate {
    pub apis: Vec<String>,
    pub tls: Digest,
}

/// The network with all its secrets.
pub struct Network {
    seed: u64,
    pub genesis: Genesis,
    pub id: Digest,
    validators: BTreeMap<[u8; 32], SigningKey>,
}

impl Network {
    pub fn new(seed: u64, gate: Option<&Gate>) -> Self {
        let keys = Keys(seed);
        let mut participants: Vec<Participant> = (1..=6).map(|id| keys.participant(id)).collect();
        if let Some(gate) = gate {
            for participant in &mut participants {
                participant.api.clone_from(&gate.apis[usize::from(participant.id.0) - 1]);
                participant.tls = gate.tls;
            }
        }
        let mut staff = vec![
            keys.staff("admin-a", 1, &[Role::Operator, Role::Supervisor]),
            keys.staff("admin-b", 2, &[Role::Operator, Role::Supervisor]),
            keys.staff("ward", 1, &[Role::Ward]),
            keys.staff("registrar", 1, &[Role::Registrar]),
            keys.staff("operator", 1, &[Role::Operator]),
            keys.staff("auditor", 1, &[Role::Auditor, Role::Ward, Role::Registrar, Role::Supervisor]),
            keys.staff("researcher", 5, &[Role::Researcher]),
            keys.staff("institute-ward", 5, &[Role::Ward, Role::Registrar]),
            keys.staff("leaver", 2, &[Role::Ward]),
        ];
        staff.sort_by_key(|entry| entry.id);
        let genesis = Genesis {
            name: format!("Forged {seed}"),
            created_s: CREATED,
            epoch_length: EPOCH,
            participants,
            staff,
            suites_writable: 0b110,
            policy: NetworkPolicy::default(),
        };
        genesis.check().unwrap();
        let every = Chain::ALL.into_iter().flat_map(|chain| {
            (1..=6).flat_map(move |id| (0..=GENERATIONS).map(move |generation| (chain, id, generation)))
        });
        let validators = every
            .map(|(chain, id, generation)| keys.validator(chain, id, generation))
            .map(|key| (*key.public().bytes(), key))
            .collect();
        Self { seed, id: genesis.network(), genesis, validators }
    }

    pub const fn keys(&self) -> Keys {
        Keys(self.seed)
    }

    /// The vote of these members for a header: what a quorum of them makes a certificate of.
    pub fn vote(
        &self,
        chain: Chain,
        set: &ValidatorSet,
        signers: &[usize],
        epoch: u64,
        payload: Digest,
    ) -> Vote {
        let mut vote = Vote::unsigned(epoch, payload, set.members.len());
        self.sign(&mut vote, chain, set, signers);
        vote
    }

    /// Signs a vote anew by these members, whatever it says.
    pub fn sign(&self, vote: &mut Vote, chain: Chain, set: &ValidatorSet, signers: &[usize]) {
        vote.sign(&self.genesis.namespace(chain), "_FINALIZE", signers, |member| {
            &self.validators[set.members[member].1.bytes()]
        });
    }

    pub fn grant(&self, who: &str) -> Grant {
        let (key, session) = (self.keys().key(who), format!("session of {who}"));
        Grant {
            network: self.id,
            staff: self.keys().staff_id(who),
            key_epoch: 1,
            session: self.keys().key(&session).public(),
            session_agreement: self.keys().agreement(&session).public(),
            not_before_s: NOW - 3600,
            not_after_s: NOW + 3600,
            signature: Signature::from_bytes([0; 64]),
        }
        .signed(&key)
    }

    /// A transaction of a member of staff by its session.
    pub fn by(&self, who: &str, body: Body) -> Transaction {
        self.with_grant(who, body, |_| {})
    }

    /// The same over a grant that its owner signed after `edit`.
    pub fn with_grant(&self, who: &str, body: Body, edit: impl FnOnce(&mut Grant)) -> Transaction {
        let mut grant = self.grant(who);
        edit(&mut grant);
        let session = self.keys().key(&format!("session of {who}"));
        Transaction::by_session(self.id, body, grant.signed(&self.keys().key(who)), &session)
    }

    pub fn by_branch(&self, branch: u16, body: Body) -> Transaction {
        let key = self.keys().key(&format!("signing {branch}"));
        Transaction::by_branch(self.id, body, BranchId(branch), &key)
    }

    pub fn approved(&self, by: &[&str], entry: RegistryEntry, version: u32) -> Transaction {
        let body = Body::Registry(Registry { version, entry });
        let approve =
            |who: &&str| Approval::sign(&self.keys().key(who), self.keys().staff_id(who), &self.id, &body);
        let approvals = by.iter().map(approve).collect();
        Transaction::by_staff(self.id, body, approvals)
    }

    /// A record of branch 1 with the receipts of branches 1 and 2.
    pub fn storage(&self, name: &str) -> Storage {
        let envelope = self.envelope(name, 1);
        let body = Storage {
            record: self.keys().record(name),
            branch: BranchId(1),
            kind: RecordKind::Visit,
            pointer: Digest::of(&envelope),
            size: u32::try_from(envelope.len()).unwrap(),
            version: 1,
            assent: Assent::NetworkDefault(1),
            receipts: vec![],
        };
        self.held_by(body, &[1, 2])
    }

    /// The sealed record of a name.
    pub fn envelope(&self, name: &str, version: u32) -> Vec<u8> {
        let object = *self.keys().record(name).bytes();
        self.sealed(object, Suite::Cascade, Content::Record, version)
    }

    fn sealed(&self, object: [u8; 16], suite: Suite, content: Content, version: u32) -> Vec<u8> {
        let mut entropy = SeededEntropy::new(self.seed);
        let header = EnvelopeHeader { suite, content, object, version };
        seal(&DataKey::generate(&mut entropy), &header, b"made up", &mut entropy).unwrap()
    }

    /// The body with receipts of these branches.
    pub fn held_by(&self, mut body: Storage, branches: &[u16]) -> Storage {
        let custody = body.custody(self.id);
        let sign = |&branch: &u16| {
            Receipt::signed(&custody, BranchId(branch), &self.keys().key(&format!("signing {branch}")))
        };
        body.receipts = branches.iter().map(sign).collect();
        body
    }

    pub fn enrol(&self, name: &str) -> Enrol {
        let patient = self.keys().patient(name);
        Enrol { patient, identity: self.identity(name, Suite::Cascade, Content::Identity, 1) }
    }

    /// A sealed identity, or what calls itself one.
    pub fn identity(&self, name: &str, suite: Suite, content: Content, version: u32) -> Vec<u8> {
        self.sealed(*self.keys().patient(name).bytes(), suite, content, version)
    }

    pub fn link(&self, record: &str, patient: &str) -> Link {
        let keys = self.keys();
        Link { record: keys.record(record), patient: keys.patient(patient), branch: BranchId(1) }
    }

    pub fn lookup(&self, name: &str, patient: &str) -> Lookup {
        Lookup {
            lookup: LookupId::from_bytes(self.keys().id16(name)),
            patient: self.keys().patient(patient),
            purpose: Purpose::Treatment,
            reason: "admitted to ward 3".into(),
        }
    }

    /// A member of staff as in the genesis document, changed.
    pub fn changed(&self, who: &str, edit: impl FnOnce(&mut StaffEntry)) -> RegistryEntry {
        let id = self.keys().staff_id(who);
        let mut entry = self.genesis.staff.iter().find(|staff| staff.id == id).unwrap().clone();
        edit(&mut entry);
        RegistryEntry::Staff(entry)
    }

    /// A participant as it is after the honest history's change of keys, changed.
    pub fn participant(&self, id: u16, edit: impl FnOnce(&mut Participant)) -> RegistryEntry {
        let mut entry = self.genesis.participants.iter().find(|one| one.id.0 == id).unwrap().clone();
        if id == 2 {
            entry.main_validator = self.keys().validator(Chain::Main, 2, 1).public();
            entry.side_validator = Some(self.keys().validator(Chain::Side, 2, 1).public());
        }
        edit(&mut entry);
        RegistryEntry::Participant(entry)
    }
}

/// Draws everything that has a name from the seed.
#[derive(Clone, Copy)]
pub struct Keys(u64);

impl Keys {
    fn draw(self, name: &str) -> Digest {
        Digest::of_parts(&[&self.0.to_be_bytes(), name.as_bytes()])
    }

    pub fn key(self, name: &str) -> SigningKey {
        SigningKey::from_seed(Secret::new(*self.draw(name).bytes()))
    }

    pub fn agreement(self, name: &str) -> AgreementKey {
        AgreementKey::from_bytes(Secret::new(*self.draw(name).bytes()))
    }

    pub fn id16(self, name: &str) -> [u8; 16] {
        *self.draw(name).bytes().first_chunk().unwrap()
    }

    pub fn record(self, name: &str) -> RecordId {
        RecordId::from_bytes(self.id16(name))
    }

    pub fn patient(self, name: &str) -> PatientId {
        PatientId::from_bytes(self.id16(name))
    }

    pub fn staff_id(self, name: &str) -> StaffId {
        StaffId::from_bytes(self.id16(name))
    }

    /// A validator's key, whose first byte is in its branch's own range.
    pub fn validator(self, chain: Chain, branch: u16, generation: u16) -> SigningKey {
        let range = branch * 36..branch * 36 + 36;
        (0u32..)
            .map(|attempt| self.key(&format!("{chain} {branch} {generation} {attempt}")))
            .find(|key| range.contains(&u16::from(key.public().bytes()[0])))
            .unwrap()
    }

    /// Branches 1 to 4 validate, 5 is a research institute, 6 is trusted and has no vote.
    fn participant(self, id: u16) -> Participant {
        let trusted = id != 5;
        Participant {
            id: BranchId(id),
            name: format!("Branch {id}"),
            trusted,
            votes: id <= 4,
            signing: self.key(&format!("signing {id}")).public(),
            main_validator: self.validator(Chain::Main, id, 0).public(),
            side_validator: trusted.then(|| self.validator(Chain::Side, id, 0).public()),
            wrap: self.agreement(&format!("wrap {id}")).public(),
            tls: self.draw("tls"),
            api: format!("https://127.0.0.1:{id}"),
            main_address: format!("127.0.0.1:{}", 9000 + id),
            side_address: trusted.then(|| format!("127.0.0.1:{}", 9100 + id)),
            active: true,
        }
    }

    pub fn staff(self, name: &str, branch: u16, roles: &[Role]) -> StaffEntry {
        StaffEntry {
            id: self.staff_id(name),
            branch: BranchId(branch),
            signing: self.key(name).public(),
            agreement: self.agreement(name).public(),
            roles: Roles::of(roles),
            key_epoch: 1,
            active: true,
        }
    }
}

/// The bytes of transactions.
pub fn bytes(transactions: &[Transaction]) -> Vec<Vec<u8>> {
    transactions.iter().map(Canonical::encode).collect()
}
