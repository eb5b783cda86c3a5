//! Random honest histories: whatever the rules allow, agreed in any round by any quorum, with certificates missing where
//! they may. A verifier that refuses one of them is as wrong as one that accepts a forged one.

use super::{
    honest::{Growing, History, change, log},
    network::{EPOCH, Network},
};
use wardline_crypto::{Digest, Entropy, SeededEntropy};
use wardline_ledger::{
    Assent, Body, BranchId, Chain, Lookup, NetworkPolicy, RegistryEntry, Storage, Transaction, ends_epoch,
};
use wardline_policy::{Purpose, RecordKind};

/// Random numbers from a seed.
struct Dice(SeededEntropy);

impl Dice {
    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_be_bytes(bytes) % end
    }

    fn one_of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// A quorum of a set of this size, or more.
    fn quorum(&mut self, members: usize) -> Vec<usize> {
        let mut signers: Vec<usize> = (0..members).collect();
        let absent = self.below(1 + (members as u64 - 1) / 3);
        for _ in 0..absent {
            let one = self.below(signers.len() as u64) as usize;
            signers.remove(one);
        }
        signers
    }
}

/// What the people of a random history have done by now.
struct Story<'n> {
    network: &'n Network,
    chain: Chain,
    dice: Dice,
    records: Vec<(String, u32)>,
    patients: Vec<String>,
    log: usize,
    registry: u32,
    policy: u32,
    things: u64,
}

/// A history of so many blocks.
pub fn history(network: &Network, chain: Chain, seed: u64, blocks: u64) -> History {
    let mut story = Story {
        network,
        chain,
        dice: Dice(SeededEntropy::new(seed)),
        records: Vec::new(),
        patients: Vec::new(),
        log: 0,
        registry: 0,
        policy: 1,
        things: 0,
    };
    let mut growing = Growing::new(network, chain);
    for height in 1..=blocks {
        let transactions: Vec<Transaction> =
            (0..1 + story.dice.below(4)).map(|_| story.transaction()).collect();
        let must = ends_epoch(height, EPOCH) || height == blocks;
        let silent = !must && story.dice.below(4) == 0;
        let members = growing.set().members.len();
        let signers = if silent { Vec::new() } else { story.dice.quorum(members) };
        growing.view = story.dice.below(120) as u8 + 1;
        growing.extend(&transactions, &signers);
    }
    growing.done()
}

impl Story<'_> {
    fn name(&mut self) -> String {
        self.things += 1;
        format!("thing {}", self.things)
    }

    fn transaction(&mut self) -> Transaction {
        match (self.chain, self.dice.below(8)) {
            (_, 0) => self.registry(),
            (Chain::Main, 1) => {
                let from = std::mem::replace(&mut self.log, 0);
                self.log = from + 1 + self.dice.below(5) as usize;
                self.network.by_branch(1, Body::Access(log(from, self.log)))
            }
            (Chain::Main, 2 | 3) if !self.records.is_empty() => {
                let at = self.dice.below(self.records.len() as u64) as usize;
                self.records[at].1 += 1;
                let (name, version) = self.records[at].clone();
                self.storage(&name, version)
            }
            (Chain::Main, _) => {
                let name = self.name();
                self.records.push((name.clone(), 1));
                self.storage(&name, 1)
            }
            (Chain::Side, 1) => self.enrol(),
            (Chain::Side, 2..=4) if !self.patients.is_empty() => {
                let (record, patient) = (self.name(), self.dice.one_of(&self.patients).clone());
                self.network.by("ward", Body::Link(self.network.link(&record, &patient)))
            }
            (Chain::Side, _) if !self.patients.is_empty() => {
                let (lookup, patient) = (self.name(), self.dice.one_of(&self.patients).clone());
                let purpose = *self.dice.one_of(&[Purpose::Treatment, Purpose::Emergency]);
                let reason = "é".repeat(1 + self.dice.below(100) as usize);
                let body = Lookup { purpose, reason, ..self.network.lookup(&lookup, &patient) };
                self.network.by("ward", Body::Lookup(body))
            }
            (Chain::Side, _) => self.enrol(),
        }
    }

    fn enrol(&mut self) -> Transaction {
        let name = self.name();
        self.patients.push(name.clone());
        self.network.by("registrar", Body::Enrol(self.network.enrol(&name)))
    }

    /// A record's version. Its kind and author stay the same, everything else may change.
    fn storage(&mut self, name: &str, version: u32) -> Transaction {
        let kind = RecordKind::from_code(1 + (name.len() % 12) as u8).unwrap();
        let assent = match self.dice.below(3) {
            0 => Assent::Emergency(1 + self.dice.below(4) as u8),
            1 => Assent::UnableToAsk(1 + self.dice.below(6) as u8),
            _ => Assent::NetworkDefault(1),
        };
        let size = 1 + self.dice.below(33 << 20) as u32;
        let pointer = Digest::of(&self.dice.below(u64::MAX).to_be_bytes());
        let body = Storage { kind, pointer, size, version, assent, ..self.network.storage("any") };
        let body = Storage { record: self.network.keys().record(name), ..body };
        let holders: [&[u16]; 3] = [&[1, 2], &[1, 2, 3, 4, 6], &[1, 6]];
        let holders = *self.dice.one_of(&holders);
        self.network.by("ward", Body::Storage(self.network.held_by(body, holders)))
    }

    /// First the changes of the fixed history, then policies and validators in turn.
    fn registry(&mut self) -> Transaction {
        self.registry += 1;
        if self.registry <= 2 {
            return change(self.network, self.registry);
        }
        let entry = match self.dice.below(3) {
            0 => {
                self.policy += 1;
                let tip_max_age_s = 10 + self.dice.below(100) as u32;
                let policy =
                    NetworkPolicy { version: self.policy, tip_max_age_s, ..NetworkPolicy::default() };
                RegistryEntry::Policy(policy)
            }
            1 => RegistryEntry::Suites(0b110 | self.dice.below(2) as u8),
            _ => {
                let sets: [&[u16]; 4] = [&[1, 2, 3, 4], &[1, 2, 4], &[2], &[1, 3]];
                let set = *self.dice.one_of(&sets);
                let chain = *self.dice.one_of(&Chain::ALL);
                RegistryEntry::Validators { chain, set: set.iter().map(|id| BranchId(*id)).collect() }
            }
        };
        self.network.approved(&["admin-a", "admin-b"], entry, self.registry)
    }
}
