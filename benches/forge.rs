//! A chain by whoever owns every key: headers, certificates and handovers as nodes make them, without bodies or state,
//! which a light client never sees. It makes a million blocks in seconds.

use std::collections::BTreeMap;
use wardline_crypto::{AgreementKey, Digest, PublicKey, Secret, SigningKey};
use wardline_ledger::{
    BranchId, Canonical, Chain, Changes, Genesis, HEADER_VERSION, Header, Key, NetworkPolicy, Overlay,
    Participant, StaffEntry, StaffId, StateProof, StateUnavailable, StateView, TreeNodes, ValidatorSet,
    ends_epoch, epoch_of, namespace, tree,
};
use wardline_policy::{Role, Roles};

const CREATED_S: u64 = 1_800_000_000;

/// The same numbers for the same seed (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What the next block is like.
pub struct Next {
    /// Whether it has a certificate of its own; at an epoch's end it always has.
    pub certified: bool,
    /// How many validators more than a quorum sign.
    pub surplus: usize,
    /// Seconds after the block before.
    pub seconds: u64,
    pub transactions: u32,
    /// The validators of the next epoch, where this block ends one and they change.
    pub set: Option<ValidatorSet>,
}

impl Default for Next {
    fn default() -> Self {
        Self { certified: true, surplus: 0, seconds: 1, transactions: 3, set: None }
    }
}

/// Epoch, validators and their proof.
pub type Handover = (u64, (Vec<u8>, StateProof));

pub struct Made {
    pub header: Vec<u8>,
    pub certificate: Option<Vec<u8>>,
    pub handover: Option<Handover>,
}

pub struct Forge {
    pub genesis: Genesis,
    pub tip: Header,
    pub digest: Digest,
    pub set: ValidatorSet,
    keys: BTreeMap<PublicKey, ed25519_dalek::SigningKey>,
    namespace: Vec<u8>,
    keys_made: u64,
}

struct Nothing;

impl StateView for Nothing {
    fn get(&self, _: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        Ok(None)
    }
}

impl TreeNodes for Nothing {
    fn node(&self, _: &[u8]) -> Result<Option<Vec<u8>>, StateUnavailable> {
        Ok(None)
    }
}

fn seed(name: &str) -> [u8; 32] {
    *Digest::of(name.as_bytes()).bytes()
}

fn public(name: &str) -> PublicKey {
    SigningKey::from_seed(Secret::new(seed(name))).public()
}

impl Forge {
    pub fn new(validators: u16, epoch_length: u64) -> Self {
        let wrap = |name: String| AgreementKey::from_bytes(Secret::new(seed(&name))).public();
        let participant = |id: u16| Participant {
            id: BranchId(id),
            name: format!("Branch {id}"),
            trusted: true,
            votes: true,
            signing: public(&format!("signing {id}")),
            main_validator: public(&format!("main {id}")),
            side_validator: Some(public(&format!("side {id}"))),
            wrap: wrap(format!("wrap {id}")),
            tls: Digest::of(b"tls"),
            api: format!("https://127.0.0.1:{}", 8000 + id),
            main_address: format!("127.0.0.1:{}", 9000 + id),
            side_address: Some(format!("127.0.0.1:{}", 9100 + id)),
            active: true,
        };
        let operator = |id: u8| StaffEntry {
            id: StaffId::from_bytes([id; 16]),
            branch: BranchId(1),
            signing: public(&format!("operator {id}")),
            agreement: wrap(format!("operator {id}")),
            roles: Roles::of(&[Role::Operator]),
            key_epoch: 1,
            active: true,
        };
        let genesis = Genesis {
            name: "Forged".into(),
            created_s: CREATED_S,
            epoch_length,
            participants: (1..=validators).map(participant).collect(),
            staff: vec![operator(1), operator(2)],
            suites_writable: 0b111,
            policy: NetworkPolicy::default(),
        };
        genesis.check().unwrap();
        let tip = genesis.block(Chain::Main).unwrap().header;
        let signing = |id: u16| (public(&format!("main {id}")), dalek(&format!("main {id}")));
        Self {
            digest: tip.digest(),
            tip,
            set: genesis.validators(Chain::Main),
            keys: (1..=validators).map(signing).collect(),
            namespace: namespace(&genesis.network(), Chain::Main),
            genesis,
            keys_made: 0,
        }
    }

    /// A fresh validator's key.
    pub fn new_key(&mut self) -> PublicKey {
        self.keys_made += 1;
        let name = format!("validator {}", self.keys_made);
        let key = public(&name);
        self.keys.insert(key, dalek(&name));
        key
    }

    /// Whether the next block is the last of its epoch.
    pub fn ends_epoch(&self) -> bool {
        ends_epoch(self.tip.height + 1, self.genesis.epoch_length)
    }

    pub fn next(&mut self, next: Next) -> Made {
        let ends = self.ends_epoch();
        let height = self.tip.height + 1;
        let epoch = epoch_of(height, self.genesis.epoch_length);
        let set = next.set.filter(|_| ends).unwrap_or_else(|| self.set.clone());
        let mut state_root = Digest::of(&height.to_be_bytes());
        let mut handover = None;
        if ends {
            let key = Key::Validators(epoch + 1).bytes();
            let changes = Changes::from([(key.clone(), Some(set.encode()))]);
            let update = tree::update(&Nothing, 0, &changes).unwrap();
            state_root = update.root;
            let mut after = Overlay::new(&Nothing);
            after.push(changes, &update);
            let (value, proof) = tree::prove(&after, 0, &key).unwrap();
            handover = Some((epoch + 1, (value.unwrap(), proof)));
        }
        self.tip = Header {
            parent: self.digest,
            height,
            version: HEADER_VERSION,
            network: self.tip.network,
            chain: Chain::Main,
            epoch,
            time_s: self.tip.time_s + next.seconds,
            transactions: next.transactions,
            transaction_root: Digest::of(&height.to_le_bytes()),
            state_root,
        };
        let header = self.tip.encode();
        self.digest = Digest::of(&header);
        let certificate = (next.certified || ends).then(|| self.certify(next.surplus));
        self.set = set;
        Made { header, certificate, handover }
    }

    /// The tip's certificate by a quorum and some more, the first of which moves with the height.
    fn certify(&self, surplus: usize) -> Vec<u8> {
        let count = self.set.members.len();
        let signers = (self.set.quorum() + surplus).min(count);
        let first = self.tip.height as usize % count;
        let mut certificate =
            [varint(self.tip.epoch), varint(self.tip.height), varint(self.tip.height - 1)].concat();
        certificate.extend(self.digest.bytes());
        let domain = [self.namespace.as_slice(), b"_FINALIZE"].concat();
        let message = [varint(domain.len() as u64), domain, certificate.clone()].concat();
        let mut bitmap = vec![0u8; count.div_ceil(8)];
        let mut signatures = Vec::new();
        for place in 0..count {
            if (place + count - first) % count < signers {
                bitmap[place / 8] |= 1 << (place % 8);
                use ed25519_dalek::Signer as _;
                signatures.extend(self.keys[&self.set.members[place].1].sign(&message).to_bytes());
            }
        }
        certificate.extend((count as u64).to_be_bytes());
        certificate.extend(bitmap);
        certificate.extend(varint(signers as u64));
        certificate.extend(signatures);
        certificate
    }
}

fn dalek(name: &str) -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&seed(name))
}

fn varint(mut n: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while n > 0x7f {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
    out
}
