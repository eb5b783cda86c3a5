//! What each branch said of each height, held against the verified chain. No network, no disk: every word follows from
//! what was put in.
//!
//! It must not decide whether a header or a certificate stands; it is told.

use super::{Cell, StripCell, StripRow};
use crate::{alarm::Certified, overview::Head, trust::Known};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::time::Instant;
use wardline_crypto::Digest;
use wardline_ledger::{Canonical, SignedTip};

/// Heights kept.
pub(crate) const HEIGHTS: usize = 4096;
/// Certificates kept, for evidence: of the newest heights.
const CERTIFICATES: usize = 1024;
/// Signed tips above the verified chain that are kept of a branch until it is verified as far.
const TIPS_AHEAD: usize = 64;
/// Findings of a kind that are remembered of a branch so that they are told once; forks are all remembered, since each
/// costs a quorum's signatures. Beyond it those of the lowest heights are told anew, rather than others not at all.
const TOLD: usize = 1024;
/// How often the highest tips are written while they grow.
const KEEP_EVERY: Duration = Duration::from_secs(2);
/// A branch that says nothing for so long is silent: streams say something every two seconds.
pub(crate) const SILENT: Duration = Duration::from_secs(6);
/// A block may be missing at a branch for so long without its being behind.
pub(crate) const JUST_NOW: Duration = Duration::from_secs(3);

/// Two statements that cannot both be true.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Clash {
    /// Another certified block at a verified height; or, where nothing is verified yet, `against` another branch's.
    Fork { height: u64, theirs: Certified, against: Option<Certified> },
    /// A signed tip with another digest at a verified height.
    Contradiction { tip: SignedTip },
    /// A signed tip below an earlier one of the same branch.
    Rollback { earlier: SignedTip, later: SignedTip },
}

impl Clash {
    /// What it is known again by.
    fn name(&self) -> (u64, Digest) {
        match self {
            Self::Fork { height, theirs, .. } => {
                (*height, theirs.headers.first().map_or(Digest::ZERO, |header| Digest::of(header)))
            }
            Self::Contradiction { tip } => (tip.height, tip.digest),
            // A branch that stays rolled back says so with every tip.
            Self::Rollback { earlier, .. } => (earlier.height, earlier.digest),
        }
    }
}

/// A header that a branch gave and that is not the verified one, or not yet.
#[derive(Clone, Debug)]
pub(crate) struct Other {
    pub(crate) cell: Cell,
    pub(crate) digest: Option<Digest>,
    pub(crate) why: String,
    /// Its proof, when a quorum certified it.
    pub(crate) certified: Option<Certified>,
    /// Whether the branch gave or signed the verified block afterwards: the lie stays on the strip until its alarm is
    /// closed.
    pub(crate) righted: bool,
}

impl Other {
    /// Whether it shows a lie, and is not only what nobody has verified yet.
    const fn is_false(&self) -> bool {
        matches!(self.cell, Cell::Conflict | Cell::Invalid)
    }
}

/// What a branch said of a height.
#[derive(Clone, Debug, Default)]
enum Mark {
    #[default]
    Nothing,
    Fetching,
    Same,
    Other(Box<Other>),
}

struct Row {
    verified: Option<Known>,
    /// When it was verified, or first told of.
    since: Instant,
    /// In the order of the branches.
    marks: Vec<Mark>,
}

/// What is known of one branch on the chain.
#[derive(Default)]
pub(crate) struct Voice {
    /// When its stream was first asked for.
    pub(crate) asked: Option<Instant>,
    /// When its last item came.
    pub(crate) heard: Option<Instant>,
    /// The same by the clock, Unix seconds.
    pub(crate) heard_s: Option<u64>,
    /// Its newest tip of this run.
    pub(crate) tip: Option<SignedTip>,
    /// The tip with the greatest height, of this run or an earlier one.
    pub(crate) highest: Option<SignedTip>,
    /// Why what it said last does not stand.
    pub(crate) trouble: Option<String>,
    /// Why its stream could not be read the last time.
    pub(crate) failed: Option<String>,
    /// Why it does not give its stream.
    pub(crate) refused: Option<String>,
    /// It gave a certified block that is not the verified one.
    pub(crate) forked: bool,
    /// The greatest height at which it gave or signed the verified block in this run.
    pub(crate) verified: Option<u64>,
    /// Since when its tip is below the verified head.
    pub(crate) behind_since: Option<(Instant, u64)>,
    /// Since when its tip is above the verified head.
    pub(crate) ahead_since: Option<Instant>,
    /// The verified height beyond which it could not prove what it claims.
    pub(crate) unproven_at: Option<u64>,
    ahead: BTreeMap<u64, SignedTip>,
    told: [BTreeSet<(u64, Digest)>; 3],
}

impl Voice {
    /// Whether items come.
    pub(crate) fn is_live(&self, now: Instant) -> bool {
        self.heard.is_some_and(|at| now.duration_since(at) <= SILENT)
    }

    /// Whether it was asked and nothing comes.
    pub(crate) fn is_silent(&self, now: Instant) -> bool {
        let waited = self.asked.is_some_and(|at| now.duration_since(at) > SILENT);
        let given_up = self.heard.is_some() || self.failed.is_some();
        self.asked.is_some() && !self.is_live(now) && (waited || given_up)
    }

    /// What is said of its stream.
    pub(crate) fn words(&self) -> (bool, [Option<String>; 3]) {
        (self.asked.is_some(), [self.trouble.clone(), self.failed.clone(), self.refused.clone()])
    }

    /// The findings that are as this one, which were told, and how many of them are kept.
    fn told_of(&mut self, clash: &Clash) -> (&mut BTreeSet<(u64, Digest)>, usize) {
        let [forks, contradictions, rollbacks] = &mut self.told;
        match clash {
            Clash::Fork { .. } => (forks, usize::MAX),
            Clash::Contradiction { .. } => (contradictions, TOLD),
            Clash::Rollback { .. } => (rollbacks, TOLD),
        }
    }

    /// The tip that its newest one goes back behind, with that one's height.
    pub(crate) fn rolled_back(&self) -> Option<(&SignedTip, u64)> {
        let (tip, highest) = (self.tip.as_ref()?, self.highest.as_ref()?);
        (tip.height < highest.height && tip.time_s > highest.time_s).then_some((highest, tip.height))
    }
}

/// One chain's table.
pub(crate) struct Table {
    branches: Vec<u16>,
    rows: BTreeMap<u64, Row>,
    voices: Vec<Voice>,
    certificates: BTreeMap<u64, Vec<u8>>,
    /// The newest verified height.
    top: Option<u64>,
    /// Whether something changed since that was last asked.
    touched: bool,
    /// Whether a branch's highest tip has grown since they were kept, and when that was.
    higher: bool,
    kept_at: Option<Instant>,
}

impl Table {
    /// An empty table of these columns.
    pub(crate) fn of(branches: Vec<u16>) -> Self {
        let voices = branches.iter().map(|_| Voice::default()).collect();
        Self {
            branches,
            voices,
            rows: BTreeMap::new(),
            certificates: BTreeMap::new(),
            top: None,
            touched: false,
            higher: false,
            kept_at: None,
        }
    }

    pub(crate) fn branches(&self) -> &[u16] {
        &self.branches
    }

    pub(crate) fn voice(&self, branch: u16) -> Option<&Voice> {
        self.voices.get(self.column(branch)?)
    }

    pub(crate) fn voice_mut(&mut self, branch: u16) -> Option<&mut Voice> {
        let column = self.column(branch)?;
        self.voices.get_mut(column)
    }

    /// The verified header at a height.
    pub(crate) fn verified(&self, height: u64) -> Option<&Known> {
        self.rows.get(&height)?.verified.as_ref()
    }

    /// The newest height with a verified header.
    pub(crate) const fn top(&self) -> Option<u64> {
        self.top
    }

    /// The proof of the verified block at a height from what is in memory.
    pub(crate) fn proof(&self, height: u64) -> Option<Certified> {
        let (last, certificate) = self.certificates.range(height..).next()?;
        let epoch = self.verified(height)?.header.epoch;
        let headers: Option<Vec<Vec<u8>>> = (height..=*last)
            .map(|height| {
                let known = self.verified(height).filter(|known| known.header.epoch == epoch)?;
                Some(known.header.encode())
            })
            .collect();
        Some(Certified { headers: headers?, certificate: certificate.clone() })
    }

    /// Keeps a certificate that was checked for the verified block of its height.
    pub(crate) fn keep_certificate(&mut self, height: u64, certificate: Vec<u8>) {
        self.certificates.entry(height).or_insert(certificate);
        while self.certificates.len() > CERTIFICATES {
            self.certificates.pop_first();
        }
    }

    /// Whether these very bytes were checked for the verified block of this height.
    pub(crate) fn has_certificate(&self, height: u64, certificate: &[u8]) -> bool {
        self.certificates.get(&height).is_some_and(|kept| kept == certificate)
    }

    /// A header is verified. Gives, with their branches, what was said before and cannot stand beside it.
    pub(crate) fn verify(&mut self, known: &Known, now: Instant) -> Vec<(u16, Clash)> {
        let height = known.header.height;
        self.top = self.top.max(Some(height));
        let Some(row) = self.row(height, now) else { return Vec::new() };
        if row.verified.as_ref() == Some(known) {
            return Vec::new();
        }
        row.verified = Some(known.clone());
        row.since = now;
        self.touched = true;
        let mut clashes = Vec::new();
        for column in 0..self.branches.len() {
            let mut said = Vec::new();
            if let Some(other) = self.other(height, column)
                && let Some(digest) = other.digest
            {
                if digest == known.digest {
                    self.set(height, column, Mark::Same, now);
                } else {
                    other.cell = Cell::Conflict;
                    other.why = another(height);
                    said.extend(other.certified.clone().map(|theirs| Clash::Fork {
                        height,
                        theirs,
                        against: None,
                    }));
                }
            }
            let tip = self.voices.get_mut(column).and_then(|voice| voice.ahead.remove(&height));
            said.extend(tip.and_then(|tip| self.hold(column, tip, now)));
            clashes.extend(said.into_iter().filter_map(|clash| self.tell(column, clash)));
        }
        clashes
    }

    /// A branch gave a header whose form stands; `certified` when a quorum signed it.
    pub(crate) fn give(
        &mut self,
        branch: u16,
        height: u64,
        digest: Digest,
        certified: Option<Certified>,
        now: Instant,
    ) -> Option<Clash> {
        let column = self.column(branch)?;
        let verified = self.verified(height).map(|known| known.digest);
        if verified == Some(digest) {
            self.set(height, column, Mark::Same, now);
            return None;
        }
        let (cell, why) = match verified {
            Some(_) => (Cell::Conflict, another(height)),
            None => (Cell::Unchecked, "nothing is verified at this height yet".to_owned()),
        };
        let other = Other { cell, digest: Some(digest), why, certified: certified.clone(), righted: false };
        self.set(height, column, Mark::Other(Box::new(other)), now);
        let theirs = certified?;
        let against = match verified {
            Some(_) => None,
            // Two certified blocks are one too many, whichever of them this console will verify.
            None => Some(self.certified(height, |given| given != digest)?),
        };
        self.tell(column, Clash::Fork { height, theirs, against }).map(|(_, clash)| clash)
    }

    /// What a branch gave at a height cannot stand. Says whether that is new.
    pub(crate) fn refuse(&mut self, branch: u16, height: u64, other: Other, now: Instant) -> bool {
        let Some(column) = self.column(branch) else { return false };
        let new = self.other(height, column).is_none_or(|before| before.righted || before.cell != other.cell);
        self.set(height, column, Mark::Other(Box::new(other)), now);
        new
    }

    /// An item of a branch's stream came.
    pub(crate) fn heard(&mut self, branch: u16, now: Instant, now_s: u64) {
        let Some(voice) = self.voice_mut(branch) else { return };
        let was_silent = !voice.is_live(now);
        (voice.heard, voice.heard_s) = (Some(now), Some(now_s));
        self.touched |= was_silent;
    }

    /// A branch is being asked for a height, or that question has ended without an answer.
    pub(crate) fn fetch(&mut self, branch: u16, height: u64, asking: bool, now: Instant) {
        let Some(column) = self.column(branch) else { return };
        let mark = self.rows.get(&height).and_then(|row| row.marks.get(column));
        match (mark, asking) {
            (None | Some(Mark::Nothing), true) => self.set(height, column, Mark::Fetching, now),
            (Some(Mark::Fetching), false) => self.set(height, column, Mark::Nothing, now),
            _ => {}
        }
    }

    /// A branch's own signed tip, whose signature was checked.
    pub(crate) fn tip(&mut self, branch: u16, tip: SignedTip, now: Instant) -> Vec<Clash> {
        let Some(column) = self.column(branch) else { return Vec::new() };
        let mut said = Vec::new();
        if let Some(voice) = self.voices.get_mut(column) {
            match &voice.highest {
                Some(earlier) if tip.height < earlier.height => {
                    if tip.time_s > earlier.time_s {
                        said.push(Clash::Rollback { earlier: earlier.clone(), later: tip.clone() });
                    }
                }
                // Of tips at one height the first one proves most.
                Some(earlier) if tip.height == earlier.height => {}
                _ => {
                    voice.highest = Some(tip.clone());
                    self.higher = true;
                }
            }
            let height = voice.tip.as_ref().map(|before| before.height);
            self.touched |= height != Some(tip.height);
            voice.tip = Some(tip.clone());
        }
        if self.verified(tip.height).is_some() {
            said.extend(self.hold(column, tip, now));
        } else if self.top().is_none_or(|top| tip.height > top)
            && let Some(voice) = self.voices.get_mut(column)
        {
            voice.ahead.insert(tip.height, tip);
            while voice.ahead.len() > TIPS_AHEAD {
                voice.ahead.pop_first();
            }
        }
        said.into_iter().filter_map(|clash| self.tell(column, clash)).map(|(_, clash)| clash).collect()
    }

    /// A branch's highest tip of an earlier run.
    pub(crate) fn remember(&mut self, tip: SignedTip) {
        if let Some(voice) = self.voice_mut(tip.branch.0) {
            voice.highest = Some(tip);
        }
    }

    /// Every branch's highest tip, if there is a higher one than when this was last asked, a while ago.
    pub(crate) fn take_highest(&mut self, now: Instant) -> Vec<SignedTip> {
        let lately = self.kept_at.is_some_and(|at| now.duration_since(at) < KEEP_EVERY);
        if !self.higher || lately {
            return Vec::new();
        }
        (self.higher, self.kept_at) = (false, Some(now));
        self.voices.iter().filter_map(|voice| voice.highest.clone()).collect()
    }

    /// Notes since when branches are behind or ahead of the verified head. Says whether there is something to draw.
    pub(crate) fn settle(&mut self, head: u64, now: Instant, now_s: u64) -> bool {
        let mut apart = false;
        for voice in &mut self.voices {
            let height = voice.tip.as_ref().map(|tip| tip.height);
            match height {
                Some(height) if height < head => {
                    voice.behind_since = voice.behind_since.or(Some((now, now_s)))
                }
                _ => voice.behind_since = None,
            }
            match height {
                Some(height) if height > head => voice.ahead_since = voice.ahead_since.or(Some(now)),
                _ => voice.ahead_since = None,
            }
            apart |= voice.behind_since.is_some() || voice.ahead_since.is_some();
        }
        // How long they are so is told with every item.
        std::mem::take(&mut self.touched) || apart
    }

    /// The newest rows, newest first, from the highest that anybody told of.
    pub(crate) fn rows(&self, head: &Head, count: usize, now: Instant) -> Vec<StripRow> {
        let top = self.rows.last_key_value().map_or(head.height, |(height, _)| head.height.max(*height));
        let count = u64::try_from(count.min(HEIGHTS)).unwrap_or(u64::MAX);
        let low = (top + 1).saturating_sub(count);
        (low..=top).rev().take(count as usize).map(|height| self.strip_row(height, now)).collect()
    }

    /// Whether the branch's newest tip is a verified block, is another one, or cannot be told.
    pub(crate) fn tip_holds(&self, branch: u16) -> Option<bool> {
        let tip = self.voice(branch)?.tip.as_ref()?;
        Some(self.verified(tip.height)?.digest == tip.digest)
    }

    fn strip_row(&self, height: u64, now: Instant) -> StripRow {
        let row = self.rows.get(&height);
        let verified = row.and_then(|row| row.verified.as_ref());
        let cells = self.voices.iter().enumerate().map(|(column, voice)| {
            let mark = row.and_then(|row| row.marks.get(column)).unwrap_or(&Mark::Nothing);
            let plain = |cell, theirs| StripCell { cell, theirs, why: None };
            match mark {
                Mark::Same => plain(Cell::Verified, verified.map(|known| known.digest)),
                Mark::Fetching => plain(Cell::Fetching, None),
                Mark::Other(other) => {
                    StripCell { cell: other.cell, theirs: other.digest, why: Some(other.why.clone()) }
                }
                Mark::Nothing => {
                    let below = voice.tip.as_ref().is_some_and(|tip| tip.height < height);
                    let old = row.is_some_and(|row| now.duration_since(row.since) > JUST_NOW);
                    match voice {
                        voice if voice.is_silent(now) => plain(Cell::Silent, None),
                        _ if below && old => plain(Cell::Behind, None),
                        _ => plain(Cell::Unchecked, None),
                    }
                }
            }
        });
        StripRow {
            height,
            digest: verified.map(|known| known.digest),
            time_s: verified.map(|known| known.header.time_s),
            transactions: verified.map(|known| known.header.transactions),
            cells: cells.collect(),
        }
    }

    /// Holds a tip against the verified header of its height.
    fn hold(&mut self, column: usize, tip: SignedTip, now: Instant) -> Option<Clash> {
        let known = self.verified(tip.height)?;
        if known.digest == tip.digest {
            self.set(tip.height, column, Mark::Same, now);
            return None;
        }
        let (height, digest) = (tip.height, tip.digest);
        // A block that a quorum signed is a fork, and no lie of those who hold it.
        let certified = self.certified(height, |given| given == digest);
        let kept = |other: &mut Other| other.digest == Some(digest) || other.certified.is_some();
        if !self.other(height, column).is_some_and(kept) {
            let certified = certified.clone();
            let (cell, why) = (Cell::Conflict, another(height));
            let other = Other { cell, digest: Some(digest), why, certified, righted: false };
            self.set(height, column, Mark::Other(Box::new(other)), now);
        }
        Some(match certified {
            Some(theirs) => Clash::Fork { height, theirs, against: None },
            None => Clash::Contradiction { tip },
        })
    }

    /// A certified block of this height that some branch gave, with a digest that is wanted.
    fn certified(&self, height: u64, wanted: impl Fn(Digest) -> bool) -> Option<Certified> {
        self.rows.get(&height)?.marks.iter().find_map(|mark| match mark {
            Mark::Other(other) if other.digest.is_some_and(&wanted) => other.certified.clone(),
            _ => None,
        })
    }

    /// A clash is told once in a run.
    fn tell(&mut self, column: usize, clash: Clash) -> Option<(u16, Clash)> {
        let branch = *self.branches.get(column)?;
        let voice = self.voices.get_mut(column)?;
        voice.forked |= matches!(clash, Clash::Fork { .. });
        let (told, most) = voice.told_of(&clash);
        let new = told.insert(clash.name());
        if told.len() > most {
            told.pop_first();
        }
        new.then_some((branch, clash))
    }

    /// No alarm about the branch is open any more: where it gave the verified block since, that is what counts.
    pub(crate) fn forgive(&mut self, branch: u16) {
        let Some(column) = self.column(branch) else { return };
        for mark in self.rows.values_mut().filter_map(|row| row.marks.get_mut(column)) {
            if matches!(mark, Mark::Other(other) if other.righted) {
                *mark = Mark::Same;
            }
        }
    }

    /// A clash could not be handed on: it is told when it is said again.
    pub(crate) fn untell(&mut self, branch: u16, clash: &Clash) {
        if let Some(voice) = self.voice_mut(branch) {
            voice.told_of(clash).0.remove(&clash.name());
        }
    }

    fn column(&self, branch: u16) -> Option<usize> {
        self.branches.iter().position(|id| *id == branch)
    }

    fn other(&mut self, height: u64, column: usize) -> Option<&mut Other> {
        match self.rows.get_mut(&height)?.marks.get_mut(column)? {
            Mark::Other(other) => Some(other),
            _ => None,
        }
    }

    fn set(&mut self, height: u64, column: usize, mark: Mark, now: Instant) {
        if matches!(mark, Mark::Same)
            && let Some(voice) = self.voices.get_mut(column)
        {
            voice.verified = voice.verified.max(Some(height));
        }
        if let Some(place) = self.row(height, now).and_then(|row| row.marks.get_mut(column)) {
            match (&mut *place, mark) {
                (Mark::Other(before), Mark::Same) if before.is_false() => before.righted = true,
                (Mark::Other(before), Mark::Other(other)) if before.is_false() && !other.is_false() => {}
                (_, mark) => *place = mark,
            }
            self.touched = true;
        }
    }

    /// The row of a height, made when it is not there; nothing for heights below those kept, or so far above that they
    /// would push the verified ones out.
    fn row(&mut self, height: u64, now: Instant) -> Option<&mut Row> {
        if self.top.is_some_and(|top| height > top.saturating_add(HEIGHTS as u64 / 4)) {
            return None;
        }
        let columns = self.branches.len();
        self.rows.entry(height).or_insert_with(|| Row {
            verified: None,
            since: now,
            marks: vec![Mark::Nothing; columns],
        });
        while self.rows.len() > HEIGHTS {
            self.rows.pop_first();
        }
        self.rows.get_mut(&height)
    }
}

fn another(height: u64) -> String {
    format!("another block than the verified one at height {height}")
}

#[cfg(test)]
#[path = "table/tests.rs"]
mod tests;
