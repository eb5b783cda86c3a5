//! A kind of forgery, and one network's honest histories to make an example of it from.

use super::{
    export::Export,
    honest::{Growing, History, main_chain, side_chain},
    network::{Gate, Network},
    vote::Vote,
};
use std::{cell::OnceCell, sync::Arc};
use wardline_crypto::Digest;
use wardline_ledger::{Body, tree};

/// A way to forge.
pub struct Kind {
    /// Its own name, for good.
    pub name: &'static str,
    /// What is done, for people; the bug in another system that it is, if it was one.
    pub what: &'static str,
    /// What a verifier must refuse it with, exactly: of a history the block and the reason.
    pub reason: &'static str,
    forge: Forge,
}

enum Forge {
    Any(fn(&Case) -> Item),
    /// A transaction against the rules in block 6, which a quorum of corrupt validators certified.
    Main(fn(&Network) -> Vec<u8>),
    Side(fn(&Network) -> Vec<u8>),
}

impl Kind {
    pub const fn new(
        name: &'static str,
        what: &'static str,
        reason: &'static str,
        forge: fn(&Case) -> Item,
    ) -> Self {
        Self { name, what, reason, forge: Forge::Any(forge) }
    }

    /// A transaction against the rules of the main chain in block 6, certified by a quorum.
    pub const fn main(
        name: &'static str,
        what: &'static str,
        reason: &'static str,
        forge: fn(&Network) -> Vec<u8>,
    ) -> Self {
        Self { name, what, reason, forge: Forge::Main(forge) }
    }

    /// The same on the side chain.
    pub const fn side(
        name: &'static str,
        what: &'static str,
        reason: &'static str,
        forge: fn(&Network) -> Vec<u8>,
    ) -> Self {
        Self { name, what, reason, forge: Forge::Side(forge) }
    }

    /// Makes one.
    pub fn forge(&self, case: &Case) -> Item {
        match self.forge {
            Forge::Any(forge) => forge(case),
            Forge::Main(forge) => case.certified(&case.main, vec![forge(&case.network)]),
            Forge::Side(forge) => case.certified(&case.side, vec![forge(&case.network)]),
        }
    }
}

/// A forged thing in the bytes that a verifier meets.
pub enum Item {
    /// A history: as an export, or from a branch.
    History(Box<Export>),
    /// An export that no branch could serve: what is wrong is in the file's own form.
    File(Vec<u8>),
    /// A value, or its absence, under a state root.
    Proof { root: Digest, key: Vec<u8>, value: Option<Vec<u8>>, proof: Vec<u8> },
    /// That a transaction is in a block.
    Inclusion { transaction: Vec<u8>, index: u64, size: u64, proof: Vec<Digest>, root: Digest },
    /// An evidence file.
    Evidence(Vec<u8>),
    /// A sealed record: its bytes, and what the storage transaction says of it.
    Envelope { bytes: Vec<u8>, pointer: Digest, size: u32 },
}

/// A network with its histories.
pub struct Case {
    pub network: Arc<Network>,
    pub main: History,
    pub side: History,
    other: OnceCell<Box<(Network, History)>>,
    seed: u64,
}

impl Case {
    pub fn new(seed: u64, gate: Option<&Gate>) -> Self {
        let network = Arc::new(Network::new(seed, gate));
        let (main, side) = (main_chain(&network), side_chain(&network));
        Self { network, main, side, other: OnceCell::new(), seed }
    }

    /// Another network of the same shape, and its main chain.
    pub fn other(&self) -> &(Network, History) {
        self.other.get_or_init(|| {
            let network = Network::new(self.seed + 1_000_000, None);
            let main = main_chain(&network);
            Box::new((network, main))
        })
    }

    /// The honest main chain, edited.
    pub fn main(&self, edit: impl FnOnce(&mut Export)) -> Item {
        self.edited(&self.main, edit)
    }

    /// The honest main chain with another certificate for block 5, which validators 0, 1 and 2 signed.
    pub fn vote(&self, edit: impl FnOnce(&mut Vote)) -> Item {
        self.main(|export| export.vote(5, edit))
    }

    /// The honest main chain up to block 5, whose header is changed and certified anew by a quorum.
    pub fn resigned(&self, edit: impl FnOnce(&mut wardline_ledger::Header)) -> Item {
        self.main(|export| {
            export.header(5, edit);
            export.certify(&self.network, &self.main, 5, &[0, 1, 2]);
            export.cut(5);
        })
    }

    pub fn edited(&self, history: &History, edit: impl FnOnce(&mut Export)) -> Item {
        let mut export = Export::of(&self.network, history);
        edit(&mut export);
        Item::History(Box::new(export))
    }

    /// Honest blocks up to 5, then one of these transactions that a quorum certified against the rules.
    pub fn certified(&self, history: &History, transactions: Vec<Vec<u8>>) -> Item {
        let forged = history.forged(&self.network, 6, transactions, |_| {});
        self.edited(&forged, |_| {})
    }

    /// The honest main chain with block 5 of another history of the same network, which only these signed.
    pub fn fork(&self, signers: &[usize]) -> History {
        let mut fork = Growing::from(&self.network, &self.main, 4);
        let storage = self.network.by("ward", Body::Storage(self.network.storage("forked")));
        fork.extend(&[storage], signers);
        fork.done()
    }

    /// A key of the main chain's state after block 6, with its value and proof.
    pub fn proven(&self, key: &[u8]) -> (Digest, Option<Vec<u8>>, Vec<u8>) {
        self.proven_at(&self.main, 6, key)
    }

    pub fn proven_at(
        &self,
        history: &History,
        height: u64,
        key: &[u8],
    ) -> (Digest, Option<Vec<u8>>, Vec<u8>) {
        let growing = Growing::from(&self.network, history, height);
        let state = growing.replay().state();
        let (value, proof) = tree::prove(state, height, key).unwrap();
        (history.block(height).header.state_root, value, proof.bytes().to_vec())
    }

    /// The reason of a kind, with this case's own names where it says `{network}`, `{other}` network and `{nobody}`.
    pub fn reason(&self, kind: &Kind) -> String {
        let mut reason = kind.reason.to_owned();
        if reason.contains("{other}") {
            reason = reason.replace("{other}", &self.other().0.id.short());
        }
        let nobody = self.network.keys().staff_id("nobody").to_string();
        reason.replace("{network}", &self.network.id.short()).replace("{nobody}", &nobody)
    }
}

/// Takes the last item off.
pub fn shorten<T>(list: &mut Vec<T>) {
    list.pop();
}
