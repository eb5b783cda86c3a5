//! What may be said of one record, check by check: filled from what was really done for this very answer.
//!
//! A check that was not made is never taken for one that holds. It must not make any check itself but that of custody
//! receipts: the others are told where they are made, on the way of a [`History`] to a record.

use crate::{
    blocks::BlockBody,
    error::ClientError,
    group::{Group, locked},
    history::{History, Row},
};
use wardline_crypto::{Digest, PublicKey};
use wardline_ledger::{Body, BranchId, Chain, Custody, NetworkId, Receipt, RecordId, Storage};

/// What came of one check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// It was not made: it may hold or not.
    #[default]
    NotChecked,
    /// It was made here, and holds.
    Holds,
    /// It was made here, and does not hold; why, for people.
    Fails(String),
    /// It cannot be made now; why, for people.
    CannotBe(String),
}

impl Check {
    /// The words in capitals, as shown.
    pub const fn text(&self) -> &'static str {
        match self {
            Self::NotChecked => "NOT CHECKED YET",
            Self::Holds => "HOLDS",
            Self::Fails(_) => "FAILS",
            Self::CannotBe(_) => "CANNOT BE CHECKED",
        }
    }

    /// Why it fails or cannot be made.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::NotChecked | Self::Holds => None,
            Self::Fails(why) | Self::CannotBe(why) => Some(why),
        }
    }
}

/// The four checks on which a record rests. Before any was made, none holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordVerdict {
    /// The main chain's entry of the record is proven under a verified header, and is the one that the link says.
    pub pointer: Check,
    /// SHA-256 of the sealed record that was opened is the pointer.
    pub ciphertext: Check,
    /// It opened, and its header names this record, this version and this kind.
    pub opened: Check,
    /// The list that the record is from is proven to be the patient's, and whole.
    pub history: Check,
}

impl RecordVerdict {
    /// Each check with its name in programs, in the order in which one rests on the other.
    pub const fn checks(&self) -> [(&'static str, &Check); 4] {
        [
            ("pointer", &self.pointer),
            ("ciphertext", &self.ciphertext),
            ("opened", &self.opened),
            ("history", &self.history),
        ]
    }

    /// Whether every check was made and holds.
    pub fn holds(&self) -> bool {
        self.checks().iter().all(|(_, check)| **check == Check::Holds)
    }
}

impl Row {
    /// The four checks as a person reads them: what is checked, and what came of it with heights and names.
    pub fn account(&self, history: &History) -> [(&'static str, String); 4] {
        let verdict = &self.verdict;
        let height = |at: Option<u64>| at.map_or_else(|| "?".to_owned(), |at| at.to_string());
        let kind = self.kind.map_or("?", |kind| kind.name());
        let from = self.opened_from.and_then(|from| history.branches.iter().find(|one| one.branch == from));
        let copy =
            from.map_or_else(|| "the copy that was given".to_owned(), |one| format!("{}'s copy", one.name));
        let held = [
            (
                "Pointer",
                &verdict.pointer,
                format!(
                    "taken in block {} of the main chain, proven under its verified block {}",
                    height(self.main_height),
                    history.main_height
                ),
            ),
            ("Ciphertext", &verdict.ciphertext, format!("SHA-256 of {copy} is the pointer")),
            (
                "Opened text",
                &verdict.opened,
                format!(
                    "its sealed header names this record and version {}, and it is of kind {kind}",
                    self.version.map_or_else(|| "?".to_owned(), |version| version.to_string())
                ),
            ),
            (
                "History",
                &verdict.history,
                format!(
                    "the list of all {} is proven by block {} of the side chain",
                    history.total_links, history.side_height
                ),
            ),
        ];
        held.map(|(what, check, held)| {
            let told = match check {
                Check::Holds => Some(held.as_str()),
                other => other.why(),
            };
            let told =
                told.map_or_else(|| check.text().to_owned(), |told| format!("{}: {told}", check.text()));
            (what, told)
        })
    }
}

/// Which branches signed, in a record's storage transaction, that they hold its sealed form durably.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustodyReceipts {
    /// The block that the transaction is in; its body was held against the verified header.
    pub height: u64,
    /// The transaction's id.
    pub transaction: Digest,
    /// Ascending by branch.
    pub receipts: Vec<CustodyReceipt>,
}

impl CustodyReceipts {
    /// Who signed, as a person reads it: those whose signature was checked first, then each of the others and why not.
    pub fn account(&self) -> Vec<String> {
        let held = |one: &&CustodyReceipt| one.signature == Check::Holds;
        let names: Vec<&str> = self.receipts.iter().filter(held).map(|one| one.name.as_str()).collect();
        let mut lines = Vec::new();
        if !names.is_empty() {
            lines.push(format!("{}: signed that they hold it, signatures checked", names.join(", ")));
        }
        lines.extend(self.receipts.iter().filter(|one| !held(one)).map(|one| {
            let why = one.signature.why().map_or_else(String::new, |why| format!(": {why}"));
            format!("{}: signed, {}{why}", one.name, one.signature.text())
        }));
        lines
    }
}

/// One branch's signed word that it holds a sealed record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustodyReceipt {
    /// The branch.
    pub branch: u16,
    /// Its name.
    pub name: String,
    /// Whether its signature is for this record, version and pointer, by the key that is registered for it now.
    pub signature: Check,
}

impl Group {
    /// The custody receipts of the version of a record whose envelope has this digest, from the block of the main
    /// chain that took it.
    ///
    /// # Errors
    /// When the session ended, the block cannot be had or may not be seen, or nothing in it stores that record.
    pub async fn custody(
        &self,
        record: RecordId,
        pointer: Digest,
        height: u64,
    ) -> Result<CustodyReceipts, ClientError> {
        let block = self.block(Chain::Main, height).await?;
        let given = match block.body {
            BlockBody::Whole(given) => given,
            BlockBody::Refused(why) => return Err(ClientError::Refused(why)),
            BlockBody::Unavailable(why) => return Err(ClientError::NoneUsable(why)),
            BlockBody::Alarm => {
                return Err(ClientError::NoneUsable(format!(
                    "no branch gave what block {height} commits to"
                )));
            }
        };
        let stored = given.transactions.iter().find_map(|view| match &view.transaction.as_ref()?.body {
            Body::Storage(storage) if storage.record == record && storage.pointer == pointer => {
                Some((view.id, storage))
            }
            _ => None,
        });
        let (transaction, storage) = stored
            .ok_or_else(|| ClientError::NoneUsable(format!("block {height} does not store that record")))?;
        let participants = locked(&self.inner.registry).participants.clone();
        let key_of = |id: BranchId| participants.iter().find(|one| one.id == id).map(|one| one.signing);
        let receipts = storage
            .receipts
            .iter()
            .map(|receipt| CustodyReceipt {
                branch: receipt.branch.0,
                name: self.inner.name_of(receipt.branch.0),
                signature: signed(storage, self.inner.network, receipt, key_of(receipt.branch)),
            })
            .collect();
        Ok(CustodyReceipts { height, transaction, receipts })
    }
}

/// Holds a receipt against the key that is registered now. An older key's signature was the validators' to check when
/// they took the block; here it cannot be told from a wrong one.
fn signed(storage: &Storage, network: NetworkId, receipt: &Receipt, key: Option<PublicKey>) -> Check {
    let custody: Custody = storage.custody(network);
    match key {
        Some(key) if receipt.verify(&custody, &key) => Check::Holds,
        Some(_) => Check::CannotBe(
            "it is not by the key that is registered now; the validators checked it when they took the block"
                .to_owned(),
        ),
        None => Check::CannotBe("the branch is not in the registry any more".to_owned()),
    }
}
