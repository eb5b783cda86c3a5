//! The alarms that this console knows of, and what they mean for whoever sits at it.
//!
//! They are kept over the lock: an alarm is nobody's session. It must not decide what is an alarm, nor which writes an
//! open one stops: the client does, and refuses them; here they are told before anybody types.

use std::collections::BTreeSet;
use wardline_client::{Alarm, AlarmKind};

/// Fewest and most characters of the reason for closing an alarm.
pub const REASON: std::ops::RangeInclusive<usize> = 3..=200;

/// All alarms of the network that are known.
#[derive(Debug, Default)]
pub struct Alarms {
    /// Open ones first, newest first, as the client gave them.
    list: Vec<Alarm>,
    /// Whether the client was asked in this run: what was open before is known and does not ring.
    known: bool,
}

impl Alarms {
    /// Takes what the client knows by now; says whether an alarm is open that was not before.
    pub fn take(&mut self, list: Vec<Alarm>) -> bool {
        let is_new = |alarm: &Alarm| self.list.iter().all(|known| known.id != alarm.id);
        let raised = self.known && list.iter().any(|alarm| alarm.closed.is_none() && is_new(alarm));
        (self.list, self.known) = (list, true);
        raised
    }

    /// Every alarm, closed ones too.
    pub fn all(&self) -> &[Alarm] {
        &self.list
    }

    /// The alarm with this id.
    pub fn find(&self, id: &str) -> Option<&Alarm> {
        self.list.iter().find(|alarm| alarm.id == id)
    }

    /// Those that nobody has closed.
    pub fn open(&self) -> impl Iterator<Item = &Alarm> {
        self.list.iter().filter(|alarm| alarm.closed.is_none())
    }

    /// The one that is told first: a fork before all others, else the newest.
    pub fn first(&self) -> Option<&Alarm> {
        self.open().find(|alarm| alarm.kind == AlarmKind::Fork).or_else(|| self.open().next())
    }

    /// The branches that nothing is written to because of open alarms, by name.
    pub fn stopped_branches(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self.open().filter_map(|alarm| alarm.branch_name.as_deref()).collect();
        names.into_iter().collect()
    }

    /// Lines that the banner takes from every screen.
    pub fn lines(&self) -> u16 {
        u16::from(self.first().is_some())
    }

    /// Why nothing can be written at this branch now, for people; nothing where it can.
    pub fn stopped(&self, branch: u16) -> Option<String> {
        let alarm = self.open().find(|alarm| stops(alarm, branch))?;
        Some(format!("WRITES ARE STOPPED: {}", headline(alarm)))
    }
}

/// A fork stops every write; anything else those to the branch that it is about.
fn stops(alarm: &Alarm, branch: u16) -> bool {
    alarm.kind == AlarmKind::Fork || alarm.branch == Some(branch)
}

/// "FORK on the main chain at block 1204, South": what, where, who.
pub fn headline(alarm: &Alarm) -> String {
    let at = alarm.height.map_or_else(String::new, |height| format!(" at block {height}"));
    let branch = alarm.branch_name.as_ref().map_or_else(String::new, |name| format!(", {name}"));
    format!("{} on the {} chain{at}{branch}", alarm.kind.text(), alarm.chain)
}

/// What an open alarm stops, in a sentence.
pub fn consequence(alarm: &Alarm) -> String {
    match (&alarm.closed, alarm.kind, &alarm.branch_name) {
        (Some(_), ..) => "Nothing any more: it was closed.".to_owned(),
        (None, AlarmKind::Fork, _) => "All writes from this console, until the alarm is closed.".to_owned(),
        (None, _, Some(name)) => format!("Writes to {name} from this console, until the alarm is closed."),
        (None, _, None) => "No writes: no branch is known to be at fault.".to_owned(),
    }
}

/// What such an alarm means and what is to be done, for people who never heard of chains.
pub const fn advice(kind: AlarmKind) -> &'static str {
    match kind {
        AlarmKind::Fork => {
            "Two blocks of one height are both signed by a quorum: more than a third of the branches signed \
             both. Write nothing, on paper where care needs it. Call the operators of all branches; they \
             compare state words and find out whose keys were used."
        }
        AlarmKind::Contradiction => {
            "The branch signed that it has another block than the agreed one. Do not rely on what it alone \
             shows. Call its operators: its database or its key may be in other hands."
        }
        AlarmKind::Rollback => {
            "The branch signed a newer and then an older state: it was set back, by a restored backup or on \
             purpose. Call its operators before anything is written there."
        }
        AlarmKind::Forged => {
            "The branch gave a block or a certificate that does not verify, signed with its own key. Nothing \
             of it was believed. Call its operators and keep the evidence."
        }
        AlarmKind::Altered => {
            "The branch gave other bytes than the sealed record that was agreed. The record was taken from \
             another copy where there was one. Call its operators: its disk or its database was changed."
        }
        AlarmKind::Missing => {
            "The branch signed that it holds the sealed record and now says that it has none. Other copies \
             are used. Call its operators: the copy must be restored."
        }
        AlarmKind::Omission => {
            "The branch gave a list of a patient's records that is not the one of the chain. The list was \
             taken from another branch where there was one. Call its operators."
        }
        AlarmKind::Damaged => {
            "A file in the folder of evidence on this machine cannot be read as evidence: what it showed may be \
             lost. Look after this machine's disk and who has access to it."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::alarms::{altered, closed, fork};

    #[test]
    fn an_alarm_rings_when_it_is_raised_and_not_again() {
        let mut alarms = Alarms::default();
        assert!(!alarms.take(vec![altered()]), "it was open before this console was");
        assert!(alarms.take(vec![fork(), altered()]));
        assert!(!alarms.take(vec![fork(), altered()]));
        assert!(!alarms.take(vec![fork(), closed()]), "a closed one says nothing");
    }

    #[test]
    fn a_fork_stops_all_writes_and_anything_else_those_to_its_branch() {
        let mut alarms = Alarms::default();
        alarms.take(vec![altered()]);
        let at = altered().branch.unwrap();
        assert!(alarms.stopped(at).is_some() && alarms.stopped(at + 1).is_none());
        alarms.take(vec![altered(), fork()]);
        assert!(alarms.stopped(at + 1).is_some());
        assert_eq!(alarms.first().unwrap().kind, AlarmKind::Fork);
        alarms.take(vec![closed()]);
        assert_eq!((alarms.stopped(at), alarms.lines()), (None, 0));
    }
}
