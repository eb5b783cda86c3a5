//! The one table of bindings: it drives the keys, the footer and the help, so that they cannot disagree.
//!
//! It must not know what an action does; [`update`](crate::update) does.

mod table;

use crate::message::Action;
use std::fmt;
use wardline_policy::Operation;

pub use table::BINDINGS;

/// A key as the terminal tells it, without what no binding needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each name is the name on the keyboard")]
pub enum Key {
    Char(char),
    Ctrl(char),
    F(u8),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Char(' ') => f.write_str("Space"),
            Self::Char(c) => write!(f, "{c}"),
            Self::Ctrl(c) => write!(f, "Ctrl-{}", c.to_ascii_uppercase()),
            Self::F(n) => write!(f, "F{n}"),
            Self::BackTab => f.write_str("Shift-Tab"),
            Self::PageUp => f.write_str("PgUp"),
            Self::PageDown => f.write_str("PgDn"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// Where keys go: a screen, a part of one, or a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The passphrase field and the list of key files.
    Unlock,
    /// The table of branches.
    Overview,
    /// The field in which a patient is searched.
    SearchField,
    /// The list of patients that were found.
    Candidates,
    /// A patient's history.
    History,
    /// One record.
    Record,
    /// A text field of the entry form.
    EntryText,
    /// A choice of the entry form.
    EntryChoice,
    /// A button of the entry form.
    EntryButton,
    /// The progress of what is being sent.
    Sending,
    /// The list of a chain's blocks.
    Chain,
    /// One block.
    Block,
    /// One transaction of a block.
    Transaction,
    /// One cell of the verification strip in words.
    Cell,
    /// Where two branches differ first.
    Bisect,
    /// The list of alarms.
    Alarms,
    /// One alarm in full.
    Alarm,
    /// The reason for closing an alarm.
    AlarmReason,
    /// The list of purposes in the lookup dialog.
    LookupPurpose,
    /// The list of usual reasons in the lookup dialog.
    LookupUsual,
    /// The reason field of the lookup dialog.
    LookupReason,
    /// The lookup dialog while it waits for the answer.
    LookupWaiting,
    /// A question with two answers.
    Confirm,
    /// The help.
    Help,
    /// Who is signed in, and what that person may do.
    Staff,
}

impl Place {
    /// Whether characters are typed into a field here, so that they are no commands. In the lists of the lookup dialog
    /// they go to the reason's words.
    pub const fn typing(self) -> bool {
        matches!(
            self,
            Self::Unlock
                | Self::SearchField
                | Self::EntryText
                | Self::LookupPurpose
                | Self::LookupUsual
                | Self::LookupReason
                | Self::AlarmReason
        )
    }

    /// Whether letters and signs can be commands here: not where text is typed, nor elsewhere in what such a field is
    /// part of. A word that is typed there one step too early or too late must not lock or leave the console.
    const fn has_letter_commands(self) -> bool {
        !self.typing() && !matches!(self, Self::EntryChoice | Self::EntryButton | Self::LookupWaiting)
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// Any of these.
    pub keys: &'static [Key],
    /// What it asks for.
    pub action: Action,
    /// Where it works.
    pub places: &'static [Place],
    /// Two words for the footer.
    pub label: &'static str,
    /// A sentence for the help.
    pub help: &'static str,
    /// Place in the footer, 1 first; 0: not in the footer.
    pub rank: u8,
    /// What policy must allow; a refused action stays visible and says why.
    pub needs: Option<Operation>,
}

/// The binding that a key has at a place. Where text is typed, characters have none; in the rest of a form, only Space.
pub fn binding(place: Place, key: Key) -> Option<&'static Binding> {
    let typed = match key {
        Key::Char(' ') => place.typing(),
        Key::Char(_) => !place.has_letter_commands(),
        _ => false,
    };
    if typed {
        return None;
    }
    BINDINGS.iter().find(|binding| binding.places.contains(&place) && binding.keys.contains(&key))
}

/// The keys of a binding that work at a place: not those that another binding takes, or that are typed there.
pub fn working_keys(binding: &'static Binding, place: Place) -> impl Iterator<Item = Key> {
    let taken_here =
        move |key: &Key| self::binding(place, *key).is_some_and(|found| std::ptr::eq(found, binding));
    binding.keys.iter().copied().filter(taken_here)
}

/// The bindings that work at a place, each with its first working key, in the order of the table.
pub fn bindings(place: Place) -> impl Iterator<Item = (&'static Binding, Key)> {
    BINDINGS
        .iter()
        .filter(move |binding| binding.places.contains(&place))
        .filter_map(move |binding| Some((binding, working_keys(binding, place).next()?)))
}
