//! Every branch's view of every block, side by side, as the branches' streams tell it.
//!
//! One task for each branch and chain reads that branch's stream, has each new block verified, and puts what the branch
//! said of each height into a table. What cannot both be true becomes an alarm with both sides' own bytes. It must not
//! believe a branch: a cell is *verified* only when the branch gave, or signed, the very digest that this console
//! verified.

mod findings;
mod freshness;
mod judge;
mod overlay;
mod streams;
mod table;
mod tips;

use crate::{
    alarm::{Alarm, AlarmKind},
    branch::Branch,
    group::{Group, Inner, locked},
    overview::{BranchWord, Head},
};
use findings::Findings;
use futures::{StreamExt, stream};
use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use table::Table;
use tokio::{
    sync::{OnceCell, watch},
    task::JoinSet,
    time::Instant,
};
use wardline_crypto::Digest;
use wardline_ledger::{Chain, NetworkId, StateWord, state_word};
#[cfg(test)]
pub(crate) use {findings::EACH, judge::Position};

/// Branches whose headers are asked for at once.
const ASKED_AT_ONCE: usize = 8;

/// What this console knows of one branch's view of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cell {
    /// The branch has not been heard on this block, or what it said cannot be checked yet.
    Unchecked,
    /// It is being asked.
    Fetching,
    /// It gave or signed the digest that this console verified.
    Verified,
    /// Its newest block is below.
    Behind,
    /// It says nothing.
    Silent,
    /// It gave another block than the verified one.
    Conflict,
    /// What it gave cannot be a block of this chain.
    Invalid,
}

impl Cell {
    /// The word in capitals, as shown.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unchecked => "UNCHECKED",
            Self::Fetching => "FETCHING",
            Self::Verified => "VERIFIED",
            Self::Behind => "BEHIND",
            Self::Silent => "SILENT",
            Self::Conflict => "CONFLICT",
            Self::Invalid => "INVALID",
        }
    }

    /// One ASCII character, another for each.
    pub const fn letter(self) -> char {
        match self {
            Self::Unchecked => '.',
            Self::Fetching => '~',
            Self::Verified => '+',
            Self::Behind => '<',
            Self::Silent => '-',
            Self::Conflict => '!',
            Self::Invalid => 'X',
        }
    }
}

/// Block × branch, the newest blocks of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripView {
    /// Which chain's.
    pub chain: Chain,
    /// The columns: branches on the chain, own branch first.
    pub branches: Vec<StripBranch>,
    /// Newest first.
    pub rows: Vec<StripRow>,
    /// The newest verified block; absent when this session's branch is not on the chain.
    pub head: Option<Head>,
    /// Whether a quorum's signed tips, heard by this console itself, say now that no newer block is final.
    pub newest: bool,
    /// The head in three words.
    pub state_word: Option<StateWord>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripBranch {
    /// Its number.
    pub id: u16,
    /// Its name.
    pub name: String,
    /// Whether it is this session's own branch.
    pub own: bool,
    /// What is said of it on this chain.
    pub word: BranchWord,
    /// More on the word, for people.
    pub detail: Option<String>,
    /// Height of its newest signed tip in this run.
    pub height: Option<u64>,
    /// Blocks between it and the verified head.
    pub behind: u64,
    /// Since when it is silent or behind, Unix seconds.
    pub since_s: Option<u64>,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripRow {
    /// Blocks before it.
    pub height: u64,
    /// The verified digest; absent while nothing is verified at this height.
    pub digest: Option<Digest>,
    /// The verified block's time, Unix seconds.
    pub time_s: Option<u64>,
    /// Transactions in the verified block.
    pub transactions: Option<u32>,
    /// In the branches' order.
    pub cells: Vec<StripCell>,
}

/// One branch's view of one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripCell {
    /// What is known of it.
    pub cell: Cell,
    /// The digest that the branch gave.
    pub theirs: Option<Digest>,
    /// Why it is no verified one, for people.
    pub why: Option<String>,
}

/// What runs while the branches are watched.
pub(crate) struct Watch {
    changes: watch::Sender<u64>,
    main: Mutex<Table>,
    side: Option<Mutex<Table>>,
    folder: PathBuf,
    /// Whether the rows below the first head are there.
    begun: [OnceCell<()>; 2],
    /// When branches answered for their status.
    answers: Mutex<BTreeMap<u16, Instant>>,
    /// What was found and is not an alarm yet.
    pub(crate) findings: Findings,
    /// Ends its tasks when it is dropped: with the last clone of the group.
    tasks: Mutex<Option<JoinSet<()>>>,
}

impl Watch {
    /// Nothing watched yet. `branches` in the order of the columns; `side`: whether this session is on the side chain;
    /// `folder`: where the branches' highest tips are kept.
    pub(crate) fn of(network: NetworkId, branches: &[Arc<Branch>], side: bool, folder: &Path) -> Self {
        let table = |chain| {
            let on = branches.iter().filter(|branch| chain == Chain::Main || branch.participant.trusted);
            let mut table = Table::of(on.map(|branch| branch.id()).collect());
            for tip in tips::load(&tips::place(folder, chain), network, chain, branches) {
                table.remember(tip);
            }
            Mutex::new(table)
        };
        Self {
            changes: watch::Sender::new(0),
            main: table(Chain::Main),
            side: side.then(|| table(Chain::Side)),
            folder: folder.to_owned(),
            begun: Default::default(),
            answers: Mutex::default(),
            findings: Findings::default(),
            tasks: Mutex::default(),
        }
    }

    /// Set once a chain's first rows are there.
    pub(crate) const fn begun(&self, chain: Chain) -> &OnceCell<()> {
        let [main, side] = &self.begun;
        match chain {
            Chain::Main => main,
            Chain::Side => side,
        }
    }

    /// A chain's table, if this session is on the chain.
    pub(crate) const fn table(&self, chain: Chain) -> Option<&Mutex<Table>> {
        match chain {
            Chain::Main => Some(&self.main),
            Chain::Side => self.side.as_ref(),
        }
    }

    /// Tells whoever draws that something is new.
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|number| *number = number.wrapping_add(1));
    }

    /// Whether the streams are read.
    #[cfg(test)]
    pub(crate) fn is_running(&self) -> bool {
        locked(&self.tasks).as_mut().is_some_and(|tasks| {
            while tasks.try_join_next().is_some() {}
            !tasks.is_empty()
        })
    }
}

impl Group {
    /// Starts, once, to read every branch's streams; the number grows with every change of [`Group::strip`]. It ends
    /// with the session, with [`Group::unwatch`], or with the last clone of this group. Needs a running runtime.
    pub fn watch(&self) -> watch::Receiver<u64> {
        let watch = &self.inner.watch;
        let mut tasks = locked(&watch.tasks);
        if tasks.is_none() && self.inner.in_session().is_ok() {
            let mut set = JoinSet::new();
            for chain in Chain::ALL.into_iter().filter(|chain| self.inner.trust(*chain).is_ok()) {
                for branch in self.inner.on(chain) {
                    set.spawn(streams::run(Arc::downgrade(&self.inner), branch, chain));
                }
            }
            set.spawn(findings::run(Arc::downgrade(&self.inner)));
            *tasks = Some(set);
        }
        watch.changes.subscribe()
    }

    /// Ends the streams, as when the console locks. What was heard stays.
    pub fn unwatch(&self) {
        locked(&self.inner.watch.tasks).take();
    }

    /// The newest `rows` blocks of a chain as every branch tells them; asks nobody.
    pub fn strip(&self, chain: Chain, rows: usize) -> StripView {
        self.inner.strip(chain, rows, self.forgiven(chain))
    }

    /// The branches whose alarms on a chain are all closed.
    fn forgiven(&self, chain: Chain) -> Vec<u16> {
        let alarms = self.alarms();
        let forgiven = |branch: &u16| {
            let about = |alarm: &&Alarm| {
                alarm.chain == chain && (alarm.kind == AlarmKind::Fork || alarm.branch == Some(*branch))
            };
            let mut about = alarms.iter().filter(about).peekable();
            about.peek().is_some() && about.all(|alarm| alarm.closed.is_some())
        };
        self.inner.infos.iter().map(|info| info.id).filter(forgiven).collect()
    }

    /// Asks every branch for the headers of these heights and compares them; at most the newest 512 of them. Fills the
    /// cells of branches that were not heard on them.
    pub async fn check_strip(&self, chain: Chain, heights: RangeInclusive<u64>) {
        let inner = &self.inner;
        if inner.in_session().is_err() {
            return;
        }
        let Some(heights) = inner.checkable(chain, heights).await else { return };
        let asked = inner.on(chain).into_iter().map(|branch| {
            let heights = heights.clone();
            async move { inner.check_heights(&branch, chain, heights).await }
        });
        stream::iter(asked).buffer_unordered(ASKED_AT_ONCE).collect::<()>().await;
        inner.tell_waiting().await;
        inner.watch.changed();
    }
}

impl Inner {
    fn strip(&self, chain: Chain, rows: usize, forgiven: Vec<u16>) -> StripView {
        let (Some(table), Ok(trust)) = (self.watch.table(chain), self.trust(chain)) else {
            return StripView {
                chain,
                branches: Vec::new(),
                rows: Vec::new(),
                head: None,
                newest: false,
                state_word: None,
            };
        };
        let head = Head::of(&trust.head());
        let mut table = locked(table);
        forgiven.into_iter().for_each(|branch| table.forgive(branch));
        let heard = self.heard(chain, &table, &head);
        let branches = heard.into_iter().filter_map(|heard| {
            let info = self.infos.iter().find(|info| info.id == heard.branch)?;
            Some(StripBranch {
                id: info.id,
                name: info.name.clone(),
                own: info.own,
                word: heard.word,
                detail: heard.detail,
                height: heard.height,
                behind: heard.behind,
                since_s: heard.since_s,
            })
        });
        StripView {
            chain,
            branches: branches.collect(),
            rows: table.rows(&head, rows, Instant::now()),
            newest: self.speaking(chain, &table).is_some_and(|speaking| speaking.nothing_above(head.height)),
            state_word: Some(state_word(&self.network, chain, head.height, &head.digest)),
            head: Some(head),
        }
    }
}
