//! A network for tests: four trusted branches and a research institute, their keys, people and transactions.

use crate::{BranchAddresses, BranchSecrets};
use std::{collections::BTreeMap, net::TcpListener};
use wardline_crypto::{
    AgreementKey, Content, DataKey, Digest, Entropy, Header as EnvelopeHeader, Secret, SeededEntropy,
    Signature, SigningKey, Suite, seal,
};
use wardline_ledger::{
    Approval, Assent, Body, BranchId, Canonical, Custody, Enrol, Genesis, Grant, Link, Lookup, LookupId,
    NetworkPolicy, PatientId, Receipt, RecordId, Registry, RegistryEntry, StaffEntry, StaffId, Storage,
    Transaction,
};
use wardline_policy::{Purpose, RecordKind, Role, Roles};

/// The research institute's number; branches 1 to 4 are trusted.
pub(crate) const INSTITUTE: u16 = 5;

pub(crate) struct World {
    pub genesis: Genesis,
    pub network: Digest,
    secrets: BTreeMap<u16, Vec<u8>>,
    people: BTreeMap<&'static str, Person>,
}

pub(crate) struct Person {
    pub entry: StaffEntry,
    pub key: SigningKey,
}

/// Somebody's unlocked session.
pub(crate) struct Session {
    pub grant: Grant,
    pub key: SigningKey,
    pub agreement: AgreementKey,
}

const PEOPLE: &[(&str, u16, &[Role])] = &[
    ("admin 1", 1, &[Role::Operator, Role::Supervisor]),
    ("admin 2", 2, &[Role::Operator, Role::Supervisor]),
    ("ward 1", 1, &[Role::Ward]),
    ("ward 2", 2, &[Role::Ward]),
    ("registrar 1", 1, &[Role::Registrar]),
    ("operator 1", 1, &[Role::Operator]),
    ("auditor 1", 1, &[Role::Auditor]),
    ("crew 2", 2, &[Role::Crew]),
    ("patient 1", 1, &[Role::Patient]),
    ("researcher", INSTITUTE, &[Role::Researcher]),
    ("institute ward", INSTITUTE, &[Role::Ward, Role::Registrar, Role::Auditor]),
];

pub(crate) fn signing(name: &str) -> SigningKey {
    SigningKey::from_seed(Secret::from_slice(Digest::of(name.as_bytes()).bytes()).unwrap())
}

pub(crate) fn agreement(name: &str) -> AgreementKey {
    AgreementKey::from_bytes(Secret::from_slice(Digest::of(name.as_bytes()).bytes()).unwrap())
}

pub(crate) fn id16(name: &str) -> [u8; 16] {
    *Digest::of(name.as_bytes()).bytes().first_chunk().unwrap()
}

pub(crate) fn record_id(name: &str) -> RecordId {
    RecordId::from_bytes(id16(name))
}

pub(crate) fn patient_id(name: &str) -> PatientId {
    PatientId::from_bytes(id16(name))
}

pub(crate) fn lookup_id(name: &str) -> LookupId {
    LookupId::from_bytes(id16(name))
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

impl World {
    /// The network as it is at `now_s`.
    pub fn new(now_s: u64) -> Self {
        Self::with_epochs(now_s, 512)
    }

    pub fn with_epochs(now_s: u64, epoch_length: u64) -> Self {
        let mut entropy = SeededEntropy::new(7);
        let mut participants = Vec::new();
        let mut secrets = BTreeMap::new();
        for id in 1..=INSTITUTE {
            let trusted = id != INSTITUTE;
            let own = BranchSecrets::generate(trusted, &mut entropy).unwrap();
            let address = || format!("127.0.0.1:{}", free_port());
            let addresses = BranchAddresses {
                api: format!("https://{}", address()),
                main: address(),
                side: trusted.then(address),
            };
            participants
                .push(own.participant(BranchId(id), &format!("Branch {id}"), trusted, &addresses).unwrap());
            secrets.insert(id, own.encode().expose().to_vec());
        }
        let mut people = BTreeMap::new();
        for (name, branch, roles) in PEOPLE {
            let key = signing(name);
            let entry = StaffEntry {
                id: StaffId::from_bytes(id16(name)),
                branch: BranchId(*branch),
                signing: key.public(),
                agreement: agreement(name).public(),
                roles: Roles::of(roles),
                key_epoch: 1,
                active: true,
            };
            people.insert(*name, Person { entry, key });
        }
        let mut staff: Vec<StaffEntry> = people.values().map(|person| person.entry.clone()).collect();
        staff.sort_by_key(|entry| entry.id);
        let genesis = Genesis {
            name: crate::DEMO.to_owned(),
            created_s: now_s.saturating_sub(100),
            epoch_length,
            participants,
            staff,
            suites_writable: 0b110,
            policy: NetworkPolicy { tip_max_age_s: 4, ..NetworkPolicy::default() },
        };
        genesis.check().unwrap();
        Self { network: genesis.network(), genesis, secrets, people }
    }

    pub fn secrets(&self, branch: u16) -> BranchSecrets {
        crate::secrets::decode(&self.secrets[&branch]).unwrap()
    }

    pub fn person(&self, name: &str) -> &Person {
        &self.people[name]
    }

    /// Unlocks a session that began a minute before `now_s`.
    pub fn session(&self, name: &str, now_s: u64) -> Session {
        self.session_of(name, name, now_s, 3600)
    }

    /// The session `label` of a person, which ends `lasts_s` after `now_s`.
    pub fn session_of(&self, name: &str, label: &str, now_s: u64, lasts_s: u64) -> Session {
        let person = self.person(name);
        let (key, agreement) = (signing(&format!("session {label}")), agreement(&format!("session {label}")));
        let grant = Grant {
            network: self.network,
            staff: person.entry.id,
            key_epoch: person.entry.key_epoch,
            session: key.public(),
            session_agreement: agreement.public(),
            not_before_s: now_s - 60,
            not_after_s: now_s + lasts_s,
            signature: Signature::from_bytes([0; 64]),
        }
        .signed(&person.key);
        Session { grant, key, agreement }
    }

    pub fn by(&self, session: &Session, body: Body) -> Vec<u8> {
        Transaction::by_session(self.network, body, session.grant.clone(), &session.key).encode()
    }

    /// A sealed identity and its key.
    pub fn identity(&self, patient: PatientId) -> (Vec<u8>, DataKey) {
        self.sealed(*patient.bytes(), Content::Identity, Suite::Cascade, b"a name and a birth date")
    }

    /// A sealed record and its key.
    pub fn record(&self, record: RecordId) -> (Vec<u8>, DataKey) {
        self.sealed(*record.bytes(), Content::Record, Suite::Cascade, b"what the doctor wrote")
    }

    pub fn sealed(
        &self,
        object: [u8; 16],
        content: Content,
        suite: Suite,
        plain: &[u8],
    ) -> (Vec<u8>, DataKey) {
        let mut entropy = SeededEntropy::new(u64::from_be_bytes(*object.first_chunk().unwrap()));
        let key = DataKey::generate(&mut entropy);
        let header = EnvelopeHeader { suite, content, object, version: 1 };
        (seal(&key, &header, plain, &mut entropy as &mut dyn Entropy).unwrap(), key)
    }

    pub fn enrol(&self, by: &Session, patient: PatientId) -> Vec<u8> {
        let (identity, _) = self.identity(patient);
        self.by(by, Body::Enrol(Enrol { patient, identity }))
    }

    pub fn link(&self, by: &Session, record: RecordId, patient: PatientId, branch: u16) -> Vec<u8> {
        self.by(by, Body::Link(Link { record, patient, branch: BranchId(branch) }))
    }

    pub fn lookup(&self, by: &Session, lookup: LookupId, patient: PatientId, purpose: Purpose) -> Vec<u8> {
        self.by(by, Body::Lookup(Lookup { lookup, patient, purpose, reason: "asked for advice".into() }))
    }

    /// A storage transaction with receipts of these branches.
    pub fn storage(
        &self,
        by: &Session,
        record: RecordId,
        branch: u16,
        kind: RecordKind,
        holders: &[u16],
    ) -> Vec<u8> {
        let (envelope, _) = self.record(record);
        let (pointer, size) = (Digest::of(&envelope), u32::try_from(envelope.len()).unwrap());
        let receipts = holders
            .iter()
            .map(|id| {
                let (network, home) = (self.network, BranchId(branch));
                let custody = Custody { network, record, version: 1, home, pointer, size };
                Receipt::signed(&custody, BranchId(*id), &self.secrets(*id).signing)
            })
            .collect();
        let assent = Assent::NetworkDefault(1);
        let branch = BranchId(branch);
        self.by(
            by,
            Body::Storage(Storage { record, branch, kind, pointer, size, version: 1, assent, receipts }),
        )
    }

    /// A registry change, approved by both administrators.
    pub fn registry(&self, version: u32, entry: RegistryEntry) -> Vec<u8> {
        let body = Body::Registry(Registry { version, entry });
        let approvals = ["admin 1", "admin 2"].map(|name| {
            let person = self.person(name);
            Approval::sign(&person.key, person.entry.id, &self.network, &body)
        });
        Transaction::by_staff(self.network, body, approvals.to_vec()).encode()
    }

    /// A person's registry entry, revoked.
    pub fn revoke(&self, name: &str) -> Vec<u8> {
        let entry = StaffEntry { active: false, ..self.person(name).entry.clone() };
        self.registry(1, RegistryEntry::Staff(entry))
    }
}
