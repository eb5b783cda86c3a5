//! Everything that is on the screen, and everything that decides what a key does, as one plain value.
//!
//! It must not know the terminal, the network or the session's keys: those stay with [`run`](crate::run) and the
//! effects. Drawing only reads it.

use crate::{
    alarms::Alarms,
    dialogs::{
        alarms::Alarms as AlarmsDialog, bisect::Bisect, cell::Cell, confirm::Confirm, help::Help,
        lookup::Lookup, staff::Staff,
    },
    keymap::Place,
    message::{Ticket, Who},
    screens::{
        chain::ChainScreen, entry::Entry, history::HistoryScreen, overview::OverviewScreen,
        patients::Patients, record::RecordScreen, unlock::Unlock,
    },
    theme::{Theme, Tone},
};
use jiff::tz::TimeZone;
use wardline_policy::{Operation, Purpose, Request, decide};

/// The screens; one is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// Choose a key file and type the passphrase.
    Unlock,
    /// The branches and their chains.
    Overview,
    /// Find a patient.
    Patients,
    /// A patient's records.
    History,
    /// One record in full.
    Record,
    /// Write a visit.
    Entry,
    /// The blocks of a chain.
    Chain,
    /// One block.
    Block,
    /// One transaction.
    Transaction,
}

impl Screen {
    /// Whether it shows where the chains are, so that the branches are asked again and again.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Overview) || self.is_chain()
    }

    /// Whether it is the chain's screen or one of its pages.
    pub const fn is_chain(self) -> bool {
        matches!(self, Self::Chain | Self::Block | Self::Transaction)
    }
}

/// What may lie over a screen. They stack: the help opens over any other.
#[derive(Debug)]
pub enum Dialog {
    /// What was found out.
    Alarms(AlarmsDialog),
    /// Where two branches differ first.
    Bisect(Bisect),
    /// One cell of the strip in words.
    Cell(Cell),
    /// Purpose and reason of a lookup.
    Lookup(Box<Lookup>),
    /// A question with two answers.
    Confirm(Confirm),
    /// The keys.
    Help(Help),
    /// Who is signed in.
    Staff(Staff),
}

/// Work that a person waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its answer carries this.
    pub ticket: Ticket,
    /// When it was asked for, Unix seconds.
    pub since_s: u64,
}

/// A line for the person; gone with the next key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What happened.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
}

/// The console as one value.
#[derive(Debug)]
pub struct Model {
    /// The network's name.
    pub network_name: String,
    /// Unix seconds by the injected clock, as of the last message.
    pub now_s: u64,
    /// In which times are shown and dates are read.
    pub zone: TimeZone,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// How meanings look.
    pub theme: Theme,
    /// The screen.
    pub screen: Screen,
    /// What lies over it, topmost last.
    pub dialogs: Vec<Dialog>,
    /// What was found out; kept over the lock.
    pub alarms: Alarms,
    /// Whether a new alarm rings the terminal's bell.
    pub bell: bool,
    /// The line above the footer.
    pub notice: Option<Notice>,
    /// Who is signed in.
    pub who: Option<Who>,
    /// Seconds without a key after which the console locks itself.
    pub idle_lock_s: u64,
    /// When a key was last pressed, Unix seconds.
    pub last_key_s: u64,
    /// The spinner's picture.
    pub spin: usize,
    /// The screen of the same name.
    pub unlock: Unlock,
    /// The screen of the same name.
    pub overview: OverviewScreen,
    /// The screen of the same name.
    pub patients: Patients,
    /// The screen of the same name, while a patient is open.
    pub history: Option<HistoryScreen>,
    /// The screen of the same name, while a record is open.
    pub record: RecordScreen,
    /// The chain's screen and its pages.
    pub chain: ChainScreen,
    /// The form, kept until it is sent or thrown away, over a lock too.
    pub entry: Option<Entry>,
    tickets: u64,
}

impl Model {
    /// A locked console.
    pub fn new(
        network_name: String,
        unlock: Unlock,
        idle_lock_s: u64,
        now_s: u64,
        zone: TimeZone,
        theme: Theme,
    ) -> Self {
        Self {
            network_name,
            now_s,
            zone,
            size: (80, 24),
            theme,
            screen: Screen::Unlock,
            dialogs: Vec::new(),
            alarms: Alarms::default(),
            bell: true,
            notice: None,
            who: None,
            idle_lock_s,
            last_key_s: now_s,
            spin: 0,
            unlock,
            overview: OverviewScreen::default(),
            patients: Patients::default(),
            history: None,
            record: RecordScreen::default(),
            chain: ChainScreen::default(),
            entry: None,
            tickets: 0,
        }
    }

    /// A ticket that no other work has.
    pub fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// New work that the person waits for.
    pub fn pending(&mut self) -> Pending {
        Pending { ticket: self.ticket(), since_s: self.now_s }
    }

    /// Where keys go now.
    pub fn place(&self) -> Place {
        match self.dialogs.last() {
            Some(Dialog::Alarms(alarms)) => alarms.place(),
            Some(Dialog::Bisect(_)) => Place::Bisect,
            Some(Dialog::Cell(_)) => Place::Cell,
            Some(Dialog::Lookup(lookup)) => lookup.place(),
            Some(Dialog::Confirm(_)) => Place::Confirm,
            Some(Dialog::Help(_)) => Place::Help,
            Some(Dialog::Staff(_)) => Place::Staff,
            None => match self.screen {
                Screen::Unlock => Place::Unlock,
                Screen::Overview => Place::Overview,
                Screen::Patients => self.patients.place(),
                Screen::History => Place::History,
                Screen::Record => Place::Record,
                Screen::Entry => self.entry.as_ref().map_or(Place::Sending, Entry::place),
                Screen::Chain => Place::Chain,
                Screen::Block => Place::Block,
                Screen::Transaction => Place::Transaction,
            },
        }
    }

    /// Why the signed-in person may not do this, or nothing when allowed. The nodes decide again.
    pub fn refusal(&self, operation: Operation) -> Option<String> {
        if !operation.needs_purpose() {
            return self.refusal_for(operation, None);
        }
        let mut refusals = Purpose::ALL.iter().map(|&purpose| self.refusal_for(operation, Some(purpose)));
        let first = refusals.next().flatten()?;
        refusals.all(|refusal| refusal.is_some()).then_some(first)
    }

    /// The same for one purpose.
    pub fn refusal_for(&self, operation: Operation, purpose: Option<Purpose>) -> Option<String> {
        let who = self.who.as_ref()?;
        let decision = decide(&Request {
            purpose,
            own_branch: true,
            trusted_branch: who.trusted_branch,
            ..Request::new(operation, who.roles)
        });
        (!decision.allowed).then(|| decision.to_string())
    }

    /// Puts a line above the footer.
    pub fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), tone });
    }

    /// Whether a spinner turns on what is shown.
    pub fn animated(&self) -> bool {
        let waiting_dialog = match self.dialogs.last() {
            Some(Dialog::Alarms(alarms)) => alarms.open.as_ref().is_some_and(|open| open.pending.is_some()),
            Some(Dialog::Bisect(bisect)) => bisect.pending.is_some(),
            Some(Dialog::Lookup(lookup)) => lookup.pending.is_some(),
            Some(Dialog::Cell(_) | Dialog::Confirm(_) | Dialog::Help(_) | Dialog::Staff(_)) | None => false,
        };
        waiting_dialog
            || match self.screen {
                Screen::Unlock => self.unlock.pending.is_some(),
                Screen::Overview | Screen::Record | Screen::Transaction => false,
                // What comes in at once must not make the line flicker.
                Screen::Chain => {
                    self.chain.blocks().pending.is_some_and(|pending| self.now_s > pending.since_s)
                }
                Screen::Block => self.chain.open.as_ref().is_some_and(|open| open.pending.is_some()),
                Screen::Patients => self.patients.pending.is_some(),
                Screen::History => self.history.as_ref().is_some_and(|history| history.pending.is_some()),
                Screen::Entry => self.is_sending(),
            }
    }

    /// Whether records are on their way.
    pub fn is_sending(&self) -> bool {
        self.entry.as_ref().is_some_and(Entry::is_sending)
    }

    /// Whether the form has text in it that would be lost.
    pub fn has_unsent_text(&self) -> bool {
        self.entry.as_ref().is_some_and(Entry::has_unsent_text)
    }

    /// Seconds until something must be looked at even if nobody presses a key.
    pub fn wake_in_s(&self) -> Option<u64> {
        self.who.as_ref()?;
        let lock = (self.last_key_s + self.idle_lock_s).saturating_sub(self.now_s);
        let refresh = match self.screen {
            screen if screen.is_live() && self.overview.asking.is_none() => {
                self.overview.next_s.saturating_sub(self.now_s)
            }
            _ => u64::MAX,
        };
        Some(lock.min(refresh))
    }

    /// One cell that turns while something is under way, and the seconds since it began.
    pub fn spinner(&self, pending: Pending) -> String {
        let picture = ["|", "/", "-", "\\"].get(self.spin % 4).copied().unwrap_or("|");
        format!("{picture} {} s", self.now_s.saturating_sub(pending.since_s))
    }
}
