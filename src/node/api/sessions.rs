//! Request numbers that were accepted since this start of the node, so that no request is answered twice.
//!
//! Nothing has to survive a restart: a request is signed for one start, by its boot nonce.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};
use wardline_crypto::PublicKey;

/// How far behind the highest accepted number a request may still come.
const WINDOW: u64 = 4096;
/// Sessions remembered at a time.
const SESSIONS_MAX: usize = 65_536;

/// Why a number is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAccepted {
    /// It was accepted before, or lies before the window.
    Replayed,
    /// Too many sessions are remembered to take up another.
    Full,
}

/// The windows of all sessions.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<BTreeMap<PublicKey, Session>>);

struct Session {
    not_after_s: u64,
    window: Window,
}

/// Every number up to `floor` counts as seen; above it those in `seen` are.
#[derive(Default)]
struct Window {
    floor: u64,
    seen: BTreeSet<u64>,
}

impl Window {
    fn accept(&mut self, number: u64) -> bool {
        if number <= self.floor || !self.seen.insert(number) {
            return false;
        }
        if let Some(highest) = self.seen.last() {
            self.floor = self.floor.max(highest.saturating_sub(WINDOW));
        }
        // Numbers mostly come in order, so that the set stays empty and a session costs little.
        while let Some(first) = self.seen.first().copied() {
            if first > self.floor.saturating_add(1) {
                break;
            }
            self.floor = self.floor.max(first);
            self.seen.pop_first();
        }
        true
    }
}

impl Sessions {
    /// Accepts each number of a session once. Call it only after the signature was checked, so that nobody else can
    /// use up a session's numbers.
    pub fn accept(
        &self,
        session: PublicKey,
        not_after_s: u64,
        number: u64,
        now_s: u64,
    ) -> Result<(), NotAccepted> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= SESSIONS_MAX && !sessions.contains_key(&session) {
            sessions.retain(|_, known| known.not_after_s >= now_s);
            // Forgetting a running session would let its requests be replayed.
            if sessions.len() >= SESSIONS_MAX {
                return Err(NotAccepted::Full);
            }
        }
        let known =
            sessions.entry(session).or_insert_with(|| Session { not_after_s, window: Window::default() });
        known.not_after_s = known.not_after_s.max(not_after_s);
        if known.window.accept(number) { Ok(()) } else { Err(NotAccepted::Replayed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardline_crypto::{SeededEntropy, SigningKey};

    #[test]
    fn each_number_is_accepted_once_in_any_order_within_the_window() {
        let mut window = Window::default();
        let numbers = [5, 3, 4, 1, 2, 9, 6, 8, 7, 4000, 100, 4104];
        for number in numbers {
            assert!(window.accept(number), "{number} is new");
        }
        for number in numbers {
            assert!(!window.accept(number), "{number} again");
        }
        assert!(window.accept(11), "still in the window");
        assert!(window.accept(10_000));
        assert!(!window.accept(10_000 - WINDOW), "before the window");
        assert!(window.accept(10_001 - WINDOW));
        assert!(!window.accept(0));
    }

    #[test]
    fn numbers_in_order_take_no_room_and_the_last_number_is_the_end() {
        let mut window = Window::default();
        for number in 1..10_000 {
            assert!(window.accept(number));
        }
        assert!(window.seen.is_empty());
        assert!(window.accept(u64::MAX));
        assert!(!window.accept(u64::MAX));
        assert!(window.seen.len() <= 1);
    }

    #[test]
    fn sessions_do_not_share_numbers_and_running_ones_are_never_forgotten() {
        let mut entropy = SeededEntropy::new(1);
        let mut key = || SigningKey::generate(&mut entropy).public();
        let (a, b) = (key(), key());
        let sessions = Sessions::default();
        assert_eq!(sessions.accept(a, 100, 1, 0), Ok(()));
        assert_eq!(sessions.accept(b, 100, 1, 0), Ok(()));
        assert_eq!(sessions.accept(a, 100, 1, 0), Err(NotAccepted::Replayed));
        let known: Vec<PublicKey> = (2..SESSIONS_MAX as u64)
            .map(|n| {
                let mut bytes = [0; 32];
                bytes[..8].copy_from_slice(&n.to_be_bytes());
                PublicKey::from_bytes(bytes)
            })
            .collect();
        for session in &known {
            assert_eq!(sessions.accept(*session, 100, 1, 0), Ok(()));
        }
        let late = PublicKey::from_bytes([255; 32]);
        assert_eq!(sessions.accept(late, 100, 1, 100), Err(NotAccepted::Full));
        assert_eq!(sessions.accept(a, 100, 1, 100), Err(NotAccepted::Replayed));
        assert_eq!(sessions.accept(late, 200, 1, 101), Ok(()), "expired ones make room");
    }
}
