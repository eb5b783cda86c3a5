//! The table itself: one line for each binding, one list of places for each group of them.

use super::{Binding, Key, Place};
use crate::message::Action;
use wardline_policy::Operation;

const BROWSING: &[Place] = &[
    Place::Overview,
    Place::Candidates,
    Place::History,
    Place::Record,
    Place::Sending,
    Place::Chain,
    Place::Block,
    Place::Transaction,
];
/// Where the chain's screen can be opened: it is not open yet.
const BESIDE_CHAIN: &[Place] =
    &[Place::Overview, Place::Candidates, Place::History, Place::Record, Place::Sending];
/// Where something is typed, chosen or asked: letters neither lock nor leave.
const TALKING: &[Place] = &[
    Place::SearchField,
    Place::EntryText,
    Place::EntryChoice,
    Place::EntryButton,
    Place::LookupPurpose,
    Place::LookupUsual,
    Place::LookupReason,
    Place::LookupWaiting,
    Place::Cell,
    Place::Bisect,
    Place::Alarms,
    Place::Alarm,
    Place::AlarmReason,
    Place::Confirm,
    Place::Help,
    Place::Staff,
];
const EVERYWHERE: &[Place] = &[
    Place::Unlock,
    Place::Overview,
    Place::SearchField,
    Place::Candidates,
    Place::History,
    Place::Record,
    Place::EntryText,
    Place::EntryChoice,
    Place::EntryButton,
    Place::Sending,
    Place::Chain,
    Place::Block,
    Place::Transaction,
    Place::LookupPurpose,
    Place::LookupUsual,
    Place::LookupReason,
    Place::LookupWaiting,
    Place::Cell,
    Place::Bisect,
    Place::Alarms,
    Place::Alarm,
    Place::AlarmReason,
    Place::Confirm,
    Place::Help,
    Place::Staff,
];
/// Where the alarms can be opened: somebody is signed in, and they are not open yet.
const BESIDE_ALARMS: &[Place] = &[
    Place::Overview,
    Place::SearchField,
    Place::Candidates,
    Place::History,
    Place::Record,
    Place::EntryText,
    Place::EntryChoice,
    Place::EntryButton,
    Place::Sending,
    Place::Chain,
    Place::Block,
    Place::Transaction,
    Place::LookupPurpose,
    Place::LookupUsual,
    Place::LookupReason,
    Place::LookupWaiting,
    Place::Cell,
    Place::Bisect,
];
const LISTS: &[Place] = &[
    Place::Overview,
    Place::Candidates,
    Place::History,
    Place::Record,
    Place::Chain,
    Place::Block,
    Place::Transaction,
    Place::LookupPurpose,
    Place::LookupUsual,
    Place::Cell,
    Place::Bisect,
    Place::Alarms,
    Place::Alarm,
    Place::Help,
    Place::Staff,
];
const FORM: &[Place] = &[Place::EntryText, Place::EntryChoice, Place::EntryButton];
const LOOKUP_LISTS: &[Place] = &[Place::LookupPurpose, Place::LookupUsual];
const LOOKUP: &[Place] = &[Place::LookupPurpose, Place::LookupUsual, Place::LookupReason];
const CLOSABLE: &[Place] = &[Place::Help, Place::Staff];
const ANSWERS: &[Place] = &[Place::Cell, Place::Bisect, Place::Alarm];
const BACK: &[Place] = &[
    Place::SearchField,
    Place::Candidates,
    Place::History,
    Place::Record,
    Place::Chain,
    Place::Block,
    Place::Transaction,
    Place::EntryText,
    Place::EntryChoice,
    Place::EntryButton,
    Place::LookupPurpose,
    Place::LookupUsual,
    Place::LookupReason,
];

const fn bind(
    keys: &'static [Key],
    action: Action,
    places: &'static [Place],
    rank: u8,
    label: &'static str,
    help: &'static str,
) -> Binding {
    Binding { keys, action, places, label, help, rank, needs: None }
}

const fn needs(mut binding: Binding, operation: Operation) -> Binding {
    binding.needs = Some(operation);
    binding
}

/// All bindings. Earlier lines win where two would fit.
#[rustfmt::skip]
pub static BINDINGS: &[Binding] = &[
    // Unlock.
    bind(&[Key::Enter], Action::Accept, &[Place::Unlock], 1, "unlock", "Unlock with this key file and passphrase"),
    bind(&[Key::Up], Action::Up, &[Place::Unlock], 0, "up", "Choose the key file above"),
    bind(&[Key::Down, Key::Tab], Action::Down, &[Place::Unlock], 2, "other person", "Choose the key file below"),
    bind(&[Key::Esc], Action::Back, &[Place::Unlock], 0, "clear", "Clear the passphrase"),
    // Patients.
    bind(&[Key::Enter], Action::Accept, &[Place::SearchField], 1, "search", "Ask every branch for this patient"),
    bind(&[Key::Down, Key::Tab], Action::Next, &[Place::SearchField], 3, "to the list", "Go to the patients that were found"),
    needs(bind(&[Key::Enter], Action::Accept, &[Place::Candidates], 1, "look up", "Look this patient up: asks for purpose and reason"), Operation::SubmitLookup),
    bind(&[Key::Char('/'), Key::Tab, Key::BackTab], Action::Find, &[Place::Candidates], 2, "search", "Go back to the search field"),
    // History and record.
    bind(&[Key::Enter], Action::Accept, &[Place::History], 1, "open", "Show all of this record and where it came from"),
    needs(bind(&[Key::Char('n')], Action::NewVisit, &[Place::History], 2, "new visit", "Write a visit, its prescription and receipt"), Operation::SubmitStorage),
    bind(&[Key::Char('r')], Action::FetchAgain, &[Place::History], 3, "fetch again", "Ask every branch again for this history"),
    bind(&[Key::Char('r')], Action::FetchAgain, &[Place::Overview, Place::Chain], 5, "ask now", "Ask every branch now, for what is shown too"),
    bind(&[Key::Right, Key::Char('j')], Action::Next, &[Place::Record], 2, "older", "Show the next older record"),
    bind(&[Key::Left, Key::Char('k')], Action::Previous, &[Place::Record], 3, "newer", "Show the next newer record"),
    // Chain, block and transaction.
    bind(&[Key::Enter], Action::Accept, &[Place::Chain], 1, "explain", "Say what this cell means, with both hashes"),
    bind(&[Key::Left], Action::Left, &[Place::Chain], 0, "branch before", "Mark the branch to the left"),
    bind(&[Key::Right], Action::Right, &[Place::Chain], 0, "branch after", "Mark the branch to the right"),
    bind(&[Key::Char('o')], Action::OpenBlock, &[Place::Chain, Place::Cell], 2, "block", "Show all of this block: roots, signers, transactions"),
    bind(&[Key::Char('b')], Action::Bisect, &[Place::Chain, Place::Cell], 3, "bisect", "Find the first block where this branch differs"),
    needs(bind(&[Key::Tab, Key::Char('s')], Action::OtherChain, &[Place::Chain], 4, "other chain", "Show the side chain, or the main chain again"), Operation::ReadSideChain),
    bind(&[Key::Enter], Action::Accept, &[Place::Block], 1, "open", "Show all of the selected transaction"),
    bind(&[Key::Right, Key::Char('j')], Action::Next, &[Place::Block], 2, "older", "Show the block before this one"),
    bind(&[Key::Left, Key::Char('k')], Action::Previous, &[Place::Block], 3, "newer", "Show the block after this one"),
    bind(&[Key::Char('r')], Action::FetchAgain, &[Place::Block], 7, "fetch again", "Ask the branches again for this block"),
    bind(&[Key::Right, Key::Char('j')], Action::Next, &[Place::Transaction], 2, "next", "Show the next transaction of the block"),
    bind(&[Key::Left, Key::Char('k')], Action::Previous, &[Place::Transaction], 3, "before", "Show the transaction before"),
    // Entry form.
    bind(&[Key::Ctrl('s'), Key::F(10)], Action::Send, FORM, 1, "send", "Check the form and show what will be sealed and sent"),
    bind(&[Key::Enter], Action::Accept, &[Place::EntryButton], 2, "press", "Press this button"),
    bind(&[Key::Left], Action::Left, &[Place::EntryChoice], 0, "choose", "Choose the option before"),
    bind(&[Key::Right, Key::Char(' ')], Action::Right, &[Place::EntryChoice], 2, "choose", "Choose the option after"),
    bind(&[Key::Tab, Key::Down, Key::Enter], Action::Next, FORM, 3, "next", "Go to the next field"),
    bind(&[Key::BackTab, Key::Up], Action::Previous, FORM, 0, "field before", "Go to the field before"),
    bind(&[Key::PageDown], Action::PageDown, FORM, 0, "next section", "Go to the next section of the form"),
    bind(&[Key::PageUp], Action::PageUp, FORM, 0, "section before", "Go to the section before"),
    // Lookup dialog.
    bind(&[Key::Enter], Action::Accept, LOOKUP_LISTS, 1, "next", "Take what is marked and go on to the next part"),
    bind(&[Key::Enter], Action::Accept, &[Place::LookupReason], 1, "look up", "Record the lookup, then fetch the history"),
    bind(&[Key::Tab], Action::Next, LOOKUP, 7, "next part", "Go to the next part of the dialog"),
    bind(&[Key::Up], Action::Previous, &[Place::LookupReason], 0, "field before", "Go to the part before"),
    bind(&[Key::BackTab], Action::Previous, LOOKUP, 0, "field before", "Go to the part before"),
    // Alarms.
    bind(&[Key::Char('!'), Key::F(2)], Action::Alarms, BESIDE_ALARMS, 0, "alarms", "Show what was found out, and its evidence"),
    bind(&[Key::Enter], Action::Accept, &[Place::Alarms], 1, "open", "Show this alarm in full words"),
    needs(bind(&[Key::Char('x')], Action::CloseAlarm, &[Place::Alarm], 2, "close the alarm", "Close the alarm: asks for a reason"), Operation::CloseAlarm),
    bind(&[Key::Enter], Action::Accept, &[Place::AlarmReason], 1, "close the alarm", "Close it for this reason, after one question"),
    bind(&[Key::Esc], Action::Back, &[Place::AlarmReason], 2, "keep it open", "Go back without closing it"),
    bind(&[Key::Esc, Key::Char('q'), Key::Char('!'), Key::F(2)], Action::Back, &[Place::Alarms], 2, "leave", "Leave the alarms"),
    bind(&[Key::Enter, Key::Esc, Key::Char('q')], Action::Back, ANSWERS, 1, "leave", "Leave this page"),
    // Questions and answers.
    bind(&[Key::Char('y')], Action::Yes, &[Place::Confirm], 1, "yes", "Do it"),
    bind(&[Key::Char('n'), Key::Esc], Action::No, &[Place::Confirm], 2, "no", "Go back without doing it"),
    bind(&[Key::Left, Key::Right, Key::Tab], Action::Next, &[Place::Confirm], 4, "other answer", "Mark the other answer"),
    bind(&[Key::Enter], Action::Accept, &[Place::Confirm], 3, "marked answer", "Give the marked answer"),
    bind(&[Key::Enter, Key::Esc, Key::Char('q'), Key::Char('?'), Key::F(1)], Action::Back, CLOSABLE, 1, "close", "Close this page"),
    // Moving.
    bind(&[Key::Up], Action::Up, LISTS, 0, "up", "Move up"),
    bind(&[Key::Down], Action::Down, LISTS, 0, "down", "Move down"),
    bind(&[Key::PageUp], Action::PageUp, LISTS, 0, "page up", "Move a page up"),
    bind(&[Key::PageDown], Action::PageDown, LISTS, 0, "page down", "Move a page down"),
    bind(&[Key::Home, Key::Char('g')], Action::First, LISTS, 0, "first", "Move to the first line"),
    bind(&[Key::End, Key::Char('G')], Action::Last, LISTS, 0, "last", "Move to the last line"),
    bind(&[Key::Esc], Action::Back, &[Place::Sending, Place::LookupWaiting], 1, "leave", "Leave; what was sent already goes on"),
    bind(&[Key::Esc], Action::Back, BACK, 6, "back", "Go back; a changed form is asked about first"),
    // Screens.
    bind(&[Key::Char('1')], Action::Overview, BROWSING, 0, "overview", "Go to the branches and their chains"),
    needs(bind(&[Key::Char('2'), Key::Char('p')], Action::Patients, BROWSING, 5, "patients", "Go to the search for patients"), Operation::SearchPatients),
    needs(bind(&[Key::Char('3'), Key::Char('c')], Action::Chain, BESIDE_CHAIN, 6, "chain", "Go to the blocks of the chains"), Operation::ReadMainChain),
    bind(&[Key::Char('w')], Action::Staff, BROWSING, 7, "who", "Show who is signed in and what that person may do"),
    // Always.
    bind(&[Key::Char('l'), Key::Ctrl('x')], Action::Lock, BROWSING, 8, "lock", "Lock: wipe the session and clear the screen"),
    bind(&[Key::Ctrl('x')], Action::Lock, TALKING, 8, "lock", "Lock: wipe the session and clear the screen"),
    bind(&[Key::Char('q'), Key::Ctrl('c')], Action::Quit, BROWSING, 9, "quit", "Leave the console"),
    bind(&[Key::Ctrl('c')], Action::Quit, TALKING, 9, "quit", "Leave the console"),
    bind(&[Key::Ctrl('c')], Action::Quit, &[Place::Unlock], 9, "quit", "Leave the console"),
    bind(&[Key::Ctrl('l')], Action::Redraw, EVERYWHERE, 0, "redraw", "Draw the whole screen again"),
    bind(&[Key::Char('?'), Key::F(1)], Action::Help, EVERYWHERE, 10, "help", "Show these keys"),
];
