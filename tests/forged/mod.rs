//! A corpus of forged histories: every kind of forgery with the one reason that it must be refused with.
//!
//! One small network whose keys are all here makes one honest history; a kind is one thing done to it, with new
//! signatures by whoever the story gives keys to. The same bytes are judged by the library, by the built program, over
//! TLS by the built program that asks a hostile branch, and by the second verifier, written from the format alone.
//! `-- --nocapture` prints the table of kinds. `WARDLINE_FORGED_SEEDS` says how many networks are made of every kind.

mod author;
mod case;
mod certificate;
mod content;
mod envelope;
mod evidence;
mod export;
mod file;
mod handover;
mod header;
mod history;
mod honest;
mod hostile;
mod judge;
mod network;
mod over_tls;
mod proof;
mod random;
mod receipt;
mod registry;
mod transaction;
mod verdict;
mod vote;

use case::{Case, Item, Kind};
use export::Export;
use judge::Terminal;
use network::Network;
use std::collections::BTreeSet;
use wardline_ledger::Chain;

/// Every kind, by what is forged.
const CORPUS: &[&[Kind]] = &[
    header::KINDS,
    certificate::KINDS,
    handover::KINDS,
    proof::STATES,
    proof::INCLUSIONS,
    transaction::BODIES,
    transaction::FORM,
    author::KINDS,
    content::STORAGE,
    content::OTHERS,
    registry::KINDS,
    verdict::KINDS,
    receipt::KINDS,
    envelope::COPIES,
    envelope::FORMS,
    evidence::KINDS,
    history::REWRITES,
    history::LINES,
    file::HEADS,
    file::FILES,
];

fn kinds() -> impl Iterator<Item = &'static Kind> {
    CORPUS.iter().flat_map(|kinds| kinds.iter())
}

/// A number from the environment.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn every_kind_is_refused_with_its_own_reason() {
    let mut wrong = Vec::new();
    for seed in 0..number("WARDLINE_FORGED_SEEDS", 5) {
        let case = Case::new(seed, None);
        for kind in kinds() {
            let said = match judge::library(&case.network, &kind.forge(&case)) {
                Ok(()) => "ACCEPTED".to_owned(),
                Err(why) => why,
            };
            let reason = case.reason(kind);
            if said != reason {
                wrong.push(format!("{seed}\t{}\t{said}\t{reason}", kind.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_honest_histories_are_accepted() {
    for seed in 0..number("WARDLINE_FORGED_SEEDS", 5) {
        let case = Case::new(seed, None);
        for history in [&case.main, &case.side] {
            assert_eq!(judge::library(&case.network, &case.edited(history, |_| {})), Ok(()), "{seed}");
        }
        for claim in evidence::CLAIMS {
            let file = Item::Evidence(evidence::honest(&case, *claim));
            assert_eq!(judge::library(&case.network, &file), Ok(()), "{seed}: {claim:?}");
        }
    }
}

#[test]
fn random_honest_histories_are_accepted() {
    let blocks = number("WARDLINE_HONEST_BLOCKS", 20);
    for seed in 0..number("WARDLINE_HONEST_SEEDS", 10) {
        let network = Network::new(seed, None);
        for chain in Chain::ALL {
            let history = random::history(&network, chain, seed, blocks);
            let export = Export::of(&network, &history);
            assert_eq!(judge::archive(&network, &export.bytes()), Ok(()), "seed {seed}, {chain}");
        }
    }
}

#[test]
fn there_are_more_than_two_hundred_kinds_each_with_a_name_of_its_own() {
    let names: BTreeSet<&str> = kinds().map(|kind| kind.name).collect();
    assert_eq!(names.len(), kinds().count());
    assert!(names.len() >= 200, "{}", names.len());
    for kind in kinds() {
        println!("{:<44} {}\n{:<44} => {}", kind.name, kind.what, "", kind.reason);
    }
    println!("{} kinds", names.len());
}

#[test]
fn the_built_program_refuses_every_file() {
    let case = Case::new(0, None);
    let terminal = Terminal::new(&case.network);
    for history in [&case.main, &case.side] {
        assert_eq!(terminal.verify_export(&Export::of(&case.network, history).bytes()), Ok(()));
    }
    let mut wrong = Vec::new();
    for kind in kinds() {
        let bytes = match kind.forge(&case) {
            Item::History(export) => export.bytes(),
            Item::File(bytes) => bytes,
            _ => continue,
        };
        let (said, reason) = (terminal.verify_export(&bytes), case.reason(kind));
        if said != Err(reason.clone()) {
            wrong.push(format!("{}: {said:?}, not {reason}", kind.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_second_verifier_agrees() {
    let case = Case::new(0, None);
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let honest = [&case.main, &case.side].map(|history| Export::of(&case.network, history).bytes());
    let mut exports: Vec<(&str, bool, Vec<u8>)> = honest.map(|bytes| ("honest", true, bytes)).into();
    let mut envelopes = vec![("honest", true, case.network.envelope("b", 1))];
    let claims = evidence::CLAIMS.iter();
    let mut evidence: Vec<_> =
        claims.map(|claim| ("honest", true, evidence::honest(&case, *claim))).collect();
    for kind in kinds() {
        match kind.forge(&case) {
            Item::History(export) => exports.push((kind.name, false, export.bytes())),
            Item::File(bytes) => exports.push((kind.name, false, bytes)),
            // An altered copy may be an envelope all the same: the chain names another.
            Item::Envelope { bytes, .. } if kind.name.starts_with("outer-form.") => {
                envelopes.push((kind.name, false, bytes));
            }
            Item::Evidence(bytes) => evidence.push((kind.name, false, bytes)),
            _ => {}
        }
    }
    for (what, items) in [("export", exports), ("evidence", evidence), ("envelope", envelopes)] {
        let write = |(at, (_, _, bytes)): (usize, &(&str, bool, Vec<u8>))| {
            let path = folder.path().join(format!("{what}-{at}"));
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let files: Vec<_> = items.iter().enumerate().map(write).collect();
        for ((name, honest, _), (accepted, why)) in
            items.iter().zip(judge::second(&case.network, what, &files))
        {
            println!("{name:<44} {why}");
            if accepted != *honest {
                wrong.push(format!("{name}: accepted is {accepted}: {why}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
