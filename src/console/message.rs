//! Everything that can happen to the console: what a person asks for, what the terminal says, what tasks bring back.
//!
//! It must not know what follows from any of it; [`update`](crate::update) does.

use crate::{keymap::Key, watching::Watched};
use wardline_client::{
    Added, Alarm, Bisection, BlockDetail, BlockLine, CustodyReceipts, FinalLookup, History, Overview,
    Progress, SearchOutcome, StripRow,
};
use wardline_ledger::StaffId;
use wardline_policy::Roles;

/// What a person can ask for. Keys, footer and help speak of nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Enter: take what is selected, or do what the dialog is for.
    Accept,
    /// Esc: leave, one step.
    Back,
    /// Go to the next field, part or record.
    Next,
    /// Go to the field, part or record before.
    Previous,
    /// The option before, in a choice.
    Left,
    /// The option after.
    Right,
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// To the first line.
    First,
    /// To the last line.
    Last,
    /// To the search field.
    Find,
    /// Ask the branches again.
    FetchAgain,
    /// Open the entry form.
    NewVisit,
    /// Check the form and ask before it is sealed and sent.
    Send,
    /// Yes to a question.
    Yes,
    /// No to a question.
    No,
    /// To the branches and their chains.
    Overview,
    /// To the search for patients.
    Patients,
    /// To the blocks of a chain.
    Chain,
    /// Show all of the marked block.
    OpenBlock,
    /// Find the first block in which the marked branch differs from the own one.
    Bisect,
    /// What was found out.
    Alarms,
    /// Close an alarm, with a reason.
    CloseAlarm,
    /// From the main chain's blocks to the side chain's, and back.
    OtherChain,
    /// Who is signed in.
    Staff,
    /// Wipe the session.
    Lock,
    /// Leave the console.
    Quit,
    /// Draw everything again.
    Redraw,
    /// Show the keys.
    Help,
}

/// One step of typing in a text field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// A character at the cursor.
    Insert(char),
    /// The character before the cursor goes.
    Backspace,
    /// The character under the cursor goes.
    Delete,
    /// Cursor left.
    Left,
    /// Cursor right.
    Right,
    /// Cursor to the beginning.
    Home,
    /// Cursor to the end.
    End,
    /// The word before the cursor goes.
    DeleteWord,
    /// Everything goes.
    Clear,
}

impl Edit {
    /// What a key does to a text field, where no binding takes it.
    pub fn of(key: Key) -> Option<Self> {
        Some(match key {
            Key::Char(c) => Self::Insert(c),
            Key::Backspace => Self::Backspace,
            Key::Delete => Self::Delete,
            Key::Left => Self::Left,
            Key::Right => Self::Right,
            Key::Home | Key::Ctrl('a') => Self::Home,
            Key::End | Key::Ctrl('e') => Self::End,
            Key::Ctrl('w') => Self::DeleteWord,
            Key::Ctrl('u') => Self::Clear,
            _ => return None,
        })
    }
}

/// Names one piece of work, so that a late answer to a question nobody asks any more is not taken for another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What comes back from work, or why it failed in words for the person.
pub type Outcome<T> = Result<T, String>;

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The person's registered id.
    pub staff: StaffId,
    /// The name in the key file.
    pub name: String,
    /// The roles that the registry gives.
    pub roles: Roles,
    /// The person's branch.
    pub branch: u16,
    /// Its name.
    pub branch_name: String,
    /// Whether that branch is on the side chain.
    pub trusted_branch: bool,
    /// When the session ends, Unix seconds.
    pub expires_s: u64,
}

/// Everything that can happen.
#[derive(Debug)]
pub enum Message {
    /// A key went down.
    Key(Key),
    /// A line was pasted.
    Paste(String),
    /// The terminal has this size now.
    Resize {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// The clock moved on: Unix seconds.
    Tick {
        /// Unix seconds.
        now_s: u64,
    },
    /// Time for the next picture of the spinner.
    Spin,
    /// The key file was tried.
    Unlocked(Ticket, Outcome<Who>),
    /// The branches were asked.
    Refreshed(Ticket, Box<Overview>),
    /// The search came back.
    Found(Ticket, Outcome<Box<SearchOutcome>>),
    /// The lookup is final, or is not.
    LookedUp(Ticket, Outcome<FinalLookup>),
    /// The history came back.
    Fetched(Ticket, Outcome<Box<History>>),
    /// Blocks for the list came, newest first.
    Blocks(Ticket, Outcome<Vec<BlockLine>>),
    /// A whole block came.
    Block(Ticket, Outcome<Box<BlockDetail>>),
    /// Something moved at the branches: where everything stands now.
    Watched(Box<Watched>),
    /// The streams are over: the branches must be asked again and again.
    WatchEnded,
    /// Every branch was asked for these heights; what the strip knows of them.
    Checked(Ticket, Vec<StripRow>),
    /// Two branches were compared.
    Bisected(Ticket, Outcome<Box<Bisection>>),
    /// An alarm is closed, or is not; all alarms as they are now.
    AlarmClosed(Ticket, Outcome<Vec<Alarm>>),
    /// Who signed that they hold a record.
    Custody(Ticket, Outcome<CustodyReceipts>),
    /// A record went one step on; `part` counts within the form.
    Progressed {
        /// The sending.
        ticket: Ticket,
        /// Which record of the form.
        part: usize,
        /// How far.
        progress: Progress,
    },
    /// A record arrived, or did not.
    Sent {
        /// The sending.
        ticket: Ticket,
        /// Which record of the form.
        part: usize,
        /// What became of it.
        outcome: Outcome<Added>,
    },
}
