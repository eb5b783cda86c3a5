//! What evidence shows, in one sentence for people.

use super::AlarmKind;
use crate::history::listed;
use wardline_ledger::{
    BranchId, Chain,
    evidence::{Claim, Proven},
};

/// What is proven, in one sentence.
pub fn headline(proven: &Proven) -> String {
    let name = |branch: &BranchId| named(proven, *branch);
    let chain = proven.chain;
    let height = proven.blocks.first().map_or(0, |block| block.height);
    match &proven.claim {
        Claim::Inclusion { transaction, index, .. } => format!(
            "transaction {} is number {index} in the final block {height} of the {chain} chain",
            transaction.short()
        ),
        Claim::Fork { branches } => format!(
            "two different blocks {height} of the {chain} chain are final: {} signed both",
            listed(branches.iter().map(name).collect())
        ),
        Claim::Contradiction { branch, signed, .. } => format!(
            "{} signed that its block {height} of the {chain} chain is {}; the final one is {}",
            name(branch),
            signed.short(),
            proven.blocks.first().map(|block| block.digest.short()).unwrap_or_default()
        ),
        Claim::Rollback { branch, earlier, later } => format!(
            "{} signed that its {chain} chain had reached block {}, and later that it had reached block {} only",
            name(branch),
            earlier.0,
            later.0
        ),
        Claim::Forged { branch, what, .. } => format!("{} answered with {what}", name(branch)),
        Claim::Altered { branch, record, version, .. } => format!(
            "{} answered with another sealed record {} version {version} than the agreed one",
            name(branch),
            record.short()
        ),
        Claim::Missing { branch, record, version, .. } => format!(
            "{} answered that it has no sealed record {} version {version}, which was made there and for which it signed",
            name(branch),
            record.short()
        ),
        Claim::Omission { branch, given, held, .. } => match held {
            Some(held) => format!(
                "{} answered with a list of {given} records of a patient who has {held}, or with others than hers",
                name(branch)
            ),
            None => format!(
                "{} answered with an entry of a patient that is not the one in the agreed state",
                name(branch)
            ),
        },
    }
}

/// What was noticed, when nothing proves it.
pub(super) fn without_proof(kind: AlarmKind, chain: Chain) -> String {
    match kind {
        AlarmKind::Fork => format!("two different blocks of the {chain} chain seem to be final"),
        AlarmKind::Contradiction => {
            format!("it signed another block of the {chain} chain than the final one")
        }
        AlarmKind::Rollback => format!("its word on the {chain} chain went back"),
        AlarmKind::Forged => format!("it answered with a block of the {chain} chain that cannot be"),
        AlarmKind::Altered => "it answered with another sealed record than the agreed one".to_owned(),
        AlarmKind::Missing => "it answered that it has no sealed record which was made there".to_owned(),
        AlarmKind::Omission => "it answered with a patient's list that is not the whole one".to_owned(),
        AlarmKind::Damaged => "an evidence file is damaged".to_owned(),
    }
}

fn named(proven: &Proven, branch: BranchId) -> String {
    proven.names.get(&branch).map_or_else(|| format!("branch {branch}"), |name| crate::error::clean(name))
}
