//! Alarms: what a branch or a quorum signed that cannot be true, kept with its evidence until somebody closes it.
//!
//! An open alarm stops writing: a fork everywhere, any other at its branch. Reading goes on. It must not know how a lie
//! is noticed; whoever notices one raises it here.

mod build;
mod kept;
mod raising;
mod words;

pub(crate) use kept::write_new;
pub(crate) use raising::Raising;
pub use words::headline;

use crate::{
    answer::SignedBody,
    branch::Branch,
    error::ClientError,
    group::{Group, Inner, heavy, locked},
};
use kept::Folder;
use raising::{Tasks, Words};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};
use wardline_crypto::Digest;
use wardline_ledger::{
    Canonical as _, Chain, Genesis, RecordId, SignedTip,
    evidence::{Claim, FinalBlock, Kind, Proven},
};
use wardline_policy::{Operation, Request, decide};

/// Open alarms of one kind about one branch: more of the same is told in the log alone.
const OPEN_MAX: usize = 16;
/// Characters of the reason for closing an alarm.
const REASON: std::ops::RangeInclusive<usize> = 3..=200;

/// What an alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlarmKind {
    /// Two final blocks of one height.
    Fork,
    /// A branch signed another block than the final one.
    Contradiction,
    /// A branch's own word went back.
    Rollback,
    /// A branch answered with a header or certificate that cannot be.
    Forged,
    /// A branch gave another envelope than the agreed one.
    Altered,
    /// A branch says that it has not what it signed for.
    Missing,
    /// A branch gave a patient's list that is not the whole one.
    Omission,
    /// A file beside the evidence that cannot be read as evidence.
    Damaged,
}

impl AlarmKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Fork,
        Self::Contradiction,
        Self::Rollback,
        Self::Forged,
        Self::Altered,
        Self::Missing,
        Self::Omission,
        Self::Damaged,
    ];

    /// The word in capitals, as shown.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Fork => "FORK",
            Self::Contradiction => "CONTRADICTION",
            Self::Rollback => "ROLLED BACK",
            Self::Forged => "FORGED",
            Self::Altered => "ALTERED",
            Self::Missing => "MISSING",
            Self::Omission => "OMITTED",
            Self::Damaged => "DAMAGED EVIDENCE",
        }
    }

    /// The name in files and JSON: that of the evidence's kind.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fork => Kind::Fork.name(),
            Self::Contradiction => Kind::Contradiction.name(),
            Self::Rollback => Kind::Rollback.name(),
            Self::Forged => Kind::Forged.name(),
            Self::Altered => Kind::Altered.name(),
            Self::Missing => Kind::Missing.name(),
            Self::Omission => Kind::Omission.name(),
            Self::Damaged => "damaged",
        }
    }
}

/// Something that a branch or a quorum signed and that cannot be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Names it: sixteen hexadecimal digits.
    pub id: String,
    /// What it is about.
    pub kind: AlarmKind,
    /// The chain.
    pub chain: Chain,
    /// The height, where there is one.
    pub height: Option<u64>,
    /// The branch that it is about; nothing where it is about a quorum.
    pub branch: Option<u16>,
    /// That branch's name.
    pub branch_name: Option<String>,
    /// The record, where there is one.
    pub record: Option<RecordId>,
    /// When it was seen, Unix seconds.
    pub seen_s: u64,
    /// One sentence for people.
    pub what: String,
    /// The evidence file; nothing when it could not be made or written, which `what` then says.
    pub evidence: Option<PathBuf>,
    /// Who closed it.
    pub closed: Option<Closed>,
}

/// That an alarm was dealt with.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closed {
    /// By whom: name and staff id.
    pub by: String,
    /// When, Unix seconds.
    pub at_s: u64,
    /// Why, in that person's words.
    pub reason: String,
}

/// A final block in the bytes that prove it: the header and those after it up to the first with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certified {
    pub(crate) headers: Vec<Vec<u8>>,
    pub(crate) certificate: Vec<u8>,
}

impl From<Certified> for FinalBlock {
    fn from(certified: Certified) -> Self {
        Self { headers: certified.headers, certificate: certified.certificate }
    }
}

/// What somebody noticed, with everything that only the noticer has.
#[derive(Clone, Debug)]
pub(crate) enum Finding {
    /// Two final blocks of one height; `from` is the branch that gave theirs.
    Fork { chain: Chain, ours: Certified, theirs: Certified, from: u16 },
    /// A branch's tip names another block than the final one.
    Contradiction { chain: Chain, block: Certified, tip: SignedTip },
    /// A branch's tips go back.
    Rollback { chain: Chain, earlier: SignedTip, later: SignedTip },
    /// An answer with a header or certificate that cannot be.
    Forged { chain: Chain, proof: Arc<SignedBody> },
    /// An answer with an envelope that is not the agreed one.
    Altered { record: RecordId, proof: Arc<SignedBody> },
    /// An answer without an envelope that the branch must have.
    Missing { record: RecordId, proof: Arc<SignedBody> },
    /// An answer with a patient's list that is not the whole one.
    Omission { proof: Arc<SignedBody> },
}

impl Finding {
    pub(crate) const fn kind(&self) -> AlarmKind {
        match self {
            Self::Fork { .. } => AlarmKind::Fork,
            Self::Contradiction { .. } => AlarmKind::Contradiction,
            Self::Rollback { .. } => AlarmKind::Rollback,
            Self::Forged { .. } => AlarmKind::Forged,
            Self::Altered { .. } => AlarmKind::Altered,
            Self::Missing { .. } => AlarmKind::Missing,
            Self::Omission { .. } => AlarmKind::Omission,
        }
    }

    pub(crate) const fn chain(&self) -> Chain {
        match self {
            Self::Fork { chain, .. }
            | Self::Contradiction { chain, .. }
            | Self::Rollback { chain, .. }
            | Self::Forged { chain, .. } => *chain,
            Self::Altered { .. } | Self::Missing { .. } => Chain::Main,
            Self::Omission { .. } => Chain::Side,
        }
    }

    /// The branch that it is about; of a fork a quorum's validators are to blame, whoever gave it.
    fn branch(&self) -> Option<u16> {
        match self {
            Self::Fork { .. } => None,
            Self::Contradiction { tip, .. } => Some(tip.branch.0),
            Self::Rollback { later, .. } => Some(later.branch.0),
            Self::Forged { proof, .. }
            | Self::Altered { proof, .. }
            | Self::Missing { proof, .. }
            | Self::Omission { proof } => Some(proof.answer.answer.branch.0),
        }
    }

    fn record(&self) -> Option<RecordId> {
        match self {
            Self::Altered { record, .. } | Self::Missing { record, .. } => Some(*record),
            _ => None,
        }
    }

    /// The signed word that it is about, where such a word can come again.
    fn word(&self) -> Option<Digest> {
        match self {
            Self::Contradiction { tip, .. } => Some(Digest::of(&tip.encode())),
            Self::Rollback { later, .. } => Some(Digest::of(&later.encode())),
            _ => None,
        }
    }

    /// Whether what was noticed shows it by itself, with nothing that has to be fetched: everything in it was verified.
    const fn convicts(&self) -> bool {
        matches!(self, Self::Fork { .. } | Self::Contradiction { .. } | Self::Rollback { .. })
    }

    fn height(&self) -> Option<u64> {
        match self {
            Self::Contradiction { tip, .. } => Some(tip.height),
            Self::Rollback { later, .. } => Some(later.height),
            Self::Fork { ours, .. } => {
                let header = ours.headers.first()?;
                wardline_ledger::Canonical::decode(header)
                    .ok()
                    .map(|header: wardline_ledger::Header| header.height)
            }
            _ => None,
        }
    }
}

/// What an alarm is about: kind, chain, branch, record.
type Subject = (AlarmKind, Chain, Option<u16>, Option<RecordId>);

/// The alarms of a console, and where their evidence lies.
pub(crate) struct Alarms {
    folder: Folder,
    genesis: Genesis,
    list: Mutex<Vec<Alarm>>,
    /// What is being looked at now, so that the same finding is not looked at twice at once; and the alarm that stops
    /// writing meanwhile.
    under_way: Mutex<Vec<(Subject, Option<String>)>>,
    /// What alarms have shown already.
    shown: Mutex<Words>,
    tasks: Tasks,
}

impl Alarms {
    /// Reads what is kept. A file that is damaged becomes an alarm itself.
    pub(crate) fn open(state: &std::path::Path, genesis: &Genesis, now_s: u64) -> Self {
        let folder = Folder::new(state.join("evidence"), genesis.network());
        let list = Mutex::new(folder.read(now_s));
        let shown = Mutex::new(folder.shown());
        let (under_way, tasks) = (Mutex::default(), Tasks::default());
        Self { folder, genesis: genesis.clone(), list, under_way, shown, tasks }
    }

    fn list(&self) -> Vec<Alarm> {
        let mut alarms = locked(&self.list).clone();
        alarms.sort_by_key(|alarm| (alarm.closed.is_some(), std::cmp::Reverse(alarm.seen_s)));
        alarms
    }
}

impl Group {
    /// Every alarm that is kept: open ones first, newest first.
    pub fn alarms(&self) -> Vec<Alarm> {
        let mut alarms = self.inner.alarms.list();
        for alarm in &mut alarms {
            alarm.branch_name = alarm.branch.map(|branch| self.inner.name_of(branch));
        }
        alarms
    }

    /// Closes an alarm: writing goes on. Who, when and why is kept beside the evidence.
    ///
    /// # Errors
    /// When the person is neither operator, supervisor nor auditor, the reason is not 3 to 200 characters on one line,
    /// there is no such open alarm, its evidence is still being made, or it cannot be written.
    pub async fn close_alarm(&self, id: &str, reason: &str) -> Result<(), ClientError> {
        let inner = &self.inner;
        inner.in_session()?;
        let decision = decide(&Request::new(Operation::CloseAlarm, inner.session.roles()));
        if !decision.allowed {
            return Err(ClientError::Refused(decision.to_string()));
        }
        let reason = reason.trim();
        if !REASON.contains(&reason.chars().count()) || reason.chars().any(char::is_control) {
            return Err(ClientError::Refused("say in 3 to 200 characters on one line why".to_owned()));
        }
        let open = |alarm: &&Alarm| alarm.id == id && alarm.closed.is_none();
        let alarm = locked(&inner.alarms.list).iter().find(open).cloned();
        let alarm = alarm.ok_or_else(|| ClientError::Refused(format!("there is no open alarm `{id}`")))?;
        if inner.alarms.is_under_way(id) {
            let why = "its evidence is being made at this moment; close it in a few seconds";
            return Err(ClientError::Refused(why.to_owned()));
        }
        let staff = inner.session.staff();
        let closed = Closed {
            by: format!("{} ({})", staff.name, staff.staff),
            at_s: inner.clock.now_s(),
            reason: reason.to_owned(),
        };
        if let Some(evidence) = alarm.evidence {
            let closed = closed.clone();
            let kept = heavy(move || kept::close(&evidence, &closed)).await?;
            kept.map_err(|error| ClientError::Output(crate::error::clean(&error.to_string())))?;
        }
        let mut list = locked(&inner.alarms.list);
        if let Some(alarm) = list.iter_mut().find(|alarm| alarm.id == id) {
            alarm.closed = Some(closed);
        }
        drop(list);
        inner.watch.changed();
        Ok(())
    }
}

impl Inner {
    /// Whether new records and transactions may go to a branch.
    ///
    /// # Errors
    /// The open alarm that is in the way: a fork everywhere, any other at its branch.
    pub(crate) fn may_write(&self, branch: u16) -> Result<(), ClientError> {
        let alarms = locked(&self.alarms.list);
        let stops = |alarm: &&Alarm| {
            alarm.closed.is_none() && (alarm.kind == AlarmKind::Fork || alarm.branch == Some(branch))
        };
        match alarms.iter().find(stops) {
            None => Ok(()),
            Some(alarm) => Err(ClientError::Alarm {
                kind: alarm.kind.text(),
                id: alarm.id.clone(),
                what: alarm.what.clone(),
            }),
        }
    }

    /// The branches of a chain that may be written to, in the order in which to ask.
    ///
    /// # Errors
    /// The alarm in the way when there is none.
    pub(crate) fn writable(&self, chain: Chain) -> Result<Vec<Arc<Branch>>, ClientError> {
        let mut stopped = None;
        let mut branches = self.on(chain);
        branches.retain(|branch| match self.may_write(branch.id()) {
            Ok(()) => true,
            Err(error) => {
                stopped = Some(error);
                false
            }
        });
        match stopped {
            Some(error) if branches.is_empty() => Err(error),
            _ => Ok(branches),
        }
    }
}

/// An alarm as its evidence tells it.
fn alarm_of(proven: &Proven, seen_s: u64) -> Alarm {
    let kind = match &proven.claim {
        Claim::Inclusion { .. } => AlarmKind::Damaged,
        Claim::Fork { .. } => AlarmKind::Fork,
        Claim::Contradiction { .. } => AlarmKind::Contradiction,
        Claim::Rollback { .. } => AlarmKind::Rollback,
        Claim::Forged { .. } => AlarmKind::Forged,
        Claim::Altered { .. } => AlarmKind::Altered,
        Claim::Missing { .. } => AlarmKind::Missing,
        Claim::Omission { .. } => AlarmKind::Omission,
    };
    let height = match &proven.claim {
        Claim::Rollback { later, .. } => Some(later.0),
        _ => proven.blocks.first().map(|block| block.height),
    };
    let record = match &proven.claim {
        Claim::Altered { record, .. } | Claim::Missing { record, .. } => Some(*record),
        _ => None,
    };
    let branch = match proven.claim.branches().as_slice() {
        [branch] if kind != AlarmKind::Fork => Some(branch.0),
        _ => None,
    };
    let what = headline(proven);
    Alarm {
        id: kept::name_of_alarm(kind, proven.chain, branch, seen_s, what.as_bytes()),
        kind,
        chain: proven.chain,
        height,
        branch,
        branch_name: None,
        record,
        seen_s,
        what,
        evidence: None,
        closed: None,
    }
}
