//! The built program asks a hostile branch over TLS: what is no history in a file is none from a branch either.
//!
//! Every question is a process of its own that unlocks a key file (64 MiB of Argon2), about a second each: by default
//! each eighth kind is asked; `WARDLINE_FORGED_TLS=1` asks them all.

use super::{
    case::{Case, Item, Kind},
    certificate, handover, header,
    hostile::{Node, Served, Vice},
    judge::{Terminal, fault},
    kinds, number,
};
use serde_json::Value;
use std::thread;
use wardline_ledger::Chain;

/// The branch that is asked.
const BRANCH: &str = "Branch 4";
/// Processes at a time.
const AT_ONCE: usize = 2;

/// What is wrong in files alone: a branch has no line to say it with.
const IN_FILES: &[&str] = &[
    "head.",
    "file.",
    "block.genesis.",
    "block.height",
    "block.body.too-early",
    "block.only-genesis",
    "block.tail-dropped",
    "handover.swapped",
    "handover.early",
    "handover.within",
    "handover.first",
];

/// What the program says of a branch where it says something else of a file, because a branch says more: its newest
/// block, and headers apart from bodies.
const SAID_OF_BRANCHES: &[(&str, &str)] = &[
    ("header.version.zero", "block 5: the header of its newest block is malformed: `0` is no header version"),
    ("header.network.resigned", "block 5: its newest block is of another chain"),
    ("header.chain.resigned", "block 5: its newest block is of another chain"),
    ("certificate.dropped.last", "it claims block 13, and nobody proves more than 12"),
    (
        "handover.proof.empty",
        "block 1: the validators of epoch `1` are not proven: the bytes end inside `leaf`",
    ),
    (
        "handover.proof.truncated",
        "block 1: the validators of epoch `1` are not proven: the bytes end inside `sibling`",
    ),
    (
        "handover.proof.extended",
        "block 1: the validators of epoch `1` are not proven: `1` bytes follow the value",
    ),
    ("handover.epoch.next", "block 1: the validators of epoch `2` are handed over twice"),
    ("handover.doubled", "block 1: the validators of epoch `1` are handed over twice"),
    (
        "block.dropped",
        "block 5: the header after height `4` does not follow: the block's height is `6`, not `5`",
    ),
    (
        "block.doubled",
        "block 6: the header after height `5` does not follow: the block's height is `5`, not `6`",
    ),
    (
        "block.swapped",
        "block 5: the header after height `4` does not follow: the block's height is `6`, not `5`",
    ),
    (
        "block.both",
        "block 6: the header after height `5` does not follow: the block's height is `5`, not `6`",
    ),
    (
        "block.body.missing",
        "block 5: its body is not the one that the certified header commits to: the bytes end inside `transactions`",
    ),
    ("block.after-end", "it claims block 9, and nobody proves more than 7"),
];

/// Lies beside the history, which is honest, and what each is refused with.
const LIES: &[(Vice, &str)] = &[
    (Vice::ClaimsMore, "block 14: it says that its newest block is 14 and leaves this one out"),
    (Vice::ShowsOther, "block 13: it shows another block than the verified one"),
    (Vice::ShowsNetwork, "block 13: its newest block is of another chain"),
    (Vice::ShowsChain, "block 13: its newest block is of another chain"),
    (
        Vice::ShowsNothing,
        "block 13: the header of its newest block is malformed: the bytes end inside `digest`",
    ),
    (
        Vice::LeavesOut,
        "block 5: the header after height `4` does not follow: the block's height is `6`, not `5`",
    ),
    (
        Vice::Doubles,
        "block 5: the header after height `4` does not follow: the block's height is `4`, not `5`",
    ),
    (Vice::Swaps, "block 5: the header after height `4` does not follow: the block's height is `6`, not `5`"),
    (Vice::EndsEarly, "block 10: it says that its newest block is 13 and leaves this one out"),
    (Vice::OtherBlock, "block 5: its block has another header than its list"),
    (Vice::DeniesBlock, "block 5: it has no such block and claims newer ones"),
    (Vice::HandsOverTwice, "block 1: the validators of epoch `1` are handed over twice"),
    (Vice::HandsOverNobody, "block 3: the validators of epoch `1` are missing"),
    (Vice::Unsigned, "Branch 4: answers without its signature over the answer"),
    (Vice::SignsAsOther, "Branch 4: answers with a signature that does not hold"),
    (Vice::NamesOther, "Branch 4: answers with a signature of another branch"),
    (Vice::SignsOtherNetwork, "Branch 4: answers with a signature for another network"),
    (Vice::SignsOtherRequest, "Branch 4: answers with a signature for another request"),
    (Vice::SignsOtherBody, "Branch 4: answers with a signature over another body"),
    (Vice::SignsPart, "Branch 4: answers with a signature over another part"),
    (Vice::SignsOtherStatus, "Branch 4: answers with a signature over another status"),
    (Vice::SpoilsSignature, "Branch 4: answers with a signature that does not hold"),
    (Vice::GreetsAsOther, "Branch 4: answers as branch 1"),
    (Vice::GreetsAsOtherNetwork, "Branch 4: answers for another network"),
    (Vice::LeavesEnvelopeOut, "it left records out of its answer"),
];

/// A hostile node with a terminal that asks it.
struct Pair {
    node: Node,
    case: Case,
    terminal: Terminal,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let node = Node::start();
        let case = Case::new(seed, Some(&node.gate));
        let terminal = Terminal::new(&case.network);
        Self { node, case, terminal }
    }

    /// What the program says when the branch serves this; nothing when it takes it.
    fn verify(&self, served: Served) -> Result<(), String> {
        self.node.serve(served);
        let (code, said) = self.terminal.verify_branch(BRANCH)?;
        let why = faults(&said);
        match (code, why.into_iter().next()) {
            (Some(0), None) => Ok(()),
            (Some(3 | 4), Some(why)) => Err(why),
            _ => Err(format!("{code:?}: {said:#}")),
        }
    }

    /// The kind in what a branch can serve.
    fn served(&self, item: Item) -> Option<Served> {
        let mut served = Served::honest(&self.case);
        match item {
            Item::History(export) if export.chain == Chain::Main => served.main = *export,
            Item::History(export) => served.side = *export,
            Item::Envelope { bytes, .. } => {
                served.envelopes.insert(self.case.network.keys().record("b"), bytes);
            }
            _ => return None,
        }
        Some(served)
    }
}

/// Everything that is wrong or was not proven, in words: the chains first, then the records.
fn faults(said: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let chains = [&said["main"], &said["side"]];
    let wrong = chains.iter().flat_map(|chain| list(&chain["faults"])).map(|one| fault(&one));
    let why = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    let unheard = chains.iter().flat_map(|chain| list(&chain["not_heard"])).map(|one| why(&one, "why"));
    let altered = list(&said["records"]["altered"]).into_iter().map(|one| why(&one, "what"));
    let branches = list(&said["records"]["branches"]).into_iter().map(|one| why(&one, "why"));
    wrong.chain(unheard).chain(altered).chain(branches).filter(|text| !text.is_empty()).collect()
}

/// Gives each of `things` to one of several pairs at a time; what they say is wrong.
fn each<T: Sync>(things: &[T], ask: impl Fn(&Pair, &T) -> Option<String> + Sync) {
    let wrong = thread::scope(|scope| {
        let (things, ask) = (&things, &ask);
        let work = |worker: usize| {
            scope.spawn(move || {
                let pair = Pair::new(0);
                things
                    .iter()
                    .skip(worker)
                    .step_by(AT_ONCE)
                    .filter_map(|one| ask(&pair, one))
                    .collect::<Vec<_>>()
            })
        };
        let workers: Vec<_> = (0..AT_ONCE).map(work).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One in so many.
fn share() -> usize {
    usize::try_from(number("WARDLINE_FORGED_TLS", 8)).unwrap()
}

#[test]
fn the_built_program_refuses_every_kind_from_a_hostile_branch() {
    let honest = Pair::new(1);
    assert_eq!(honest.verify(Served::honest(&honest.case)), Ok(()));
    let told = |kind: &&Kind| !IN_FILES.iter().any(|start| kind.name.starts_with(start));
    let copies = |kind: &&Kind| !kind.name.starts_with("outer-form.");
    let kinds: Vec<&Kind> = kinds().filter(told).filter(copies).step_by(share()).collect();
    each(&kinds, |pair, kind| {
        let served = pair.served(kind.forge(&pair.case))?;
        let said = pair.verify(served);
        let other = SAID_OF_BRANCHES.iter().find(|(name, _)| *name == kind.name);
        let reason = other.map_or_else(|| pair.case.reason(kind), |(_, reason)| (*reason).to_owned());
        (said != Err(reason.clone())).then(|| format!("{}: {said:?}, not {reason}", kind.name))
    });
}

#[test]
fn lies_beside_an_honest_history_are_refused() {
    each(LIES, |pair, (vice, reason)| {
        let said = pair.verify(Served { vice: *vice, ..Served::honest(&pair.case) });
        (said != Err((*reason).to_owned())).then(|| format!("{vice:?}: {said:?}, not {reason}"))
    });
}

/// Of what bodies and rules alone tell, headers know nothing: a quorum certified it.
#[test]
fn status_shows_no_branch_as_verified_that_serves_a_forged_head() {
    let heads = [header::KINDS, certificate::KINDS, handover::KINDS];
    let told = |kind: &&Kind| !IN_FILES.iter().any(|start| kind.name.starts_with(start));
    let seen = |kind: &&Kind| !kind.reason.contains("body") && !kind.reason.contains("state root is not");
    let kinds: Vec<&Kind> = heads.into_iter().flatten().filter(told).filter(seen).step_by(share()).collect();
    each(&kinds, |pair, kind| {
        let Item::History(mut export) = kind.forge(&pair.case) else { return None };
        // What lies above it would speak for it.
        export.cut(kind.reason.split([' ', ':']).nth(1).unwrap().parse().unwrap());
        pair.node.serve(pair.served(Item::History(export))?);
        let (code, said) = pair.terminal.status();
        let branches = said["branches"].as_array().unwrap();
        let verified = branches.iter().any(|branch| branch["state"] == "VERIFIED");
        (verified || code != Some(3)).then(|| format!("{}: {:?}", kind.name, branches[3]))
    });
}
