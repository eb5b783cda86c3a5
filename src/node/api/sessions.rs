//! Request numbers that were accepted since this start of the node, so that no request is answered twice.
//!
//! Nothing has to survive a restart: a request is signed for one start, by its boot nonce.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};
use wardline_crypto::PublicKey;
use wardline_ledger::{Grant, StaffId};

/// How far behind the highest accepted number a request may still come.
const WINDOW: u64 = 4096;
/// Running sessions of one person at a time. Each command of the command line unlocks one of its own for hours, so
/// there are many; a bound for each person, and none for all, so that nobody can lock out others.
const SESSIONS_MAX: usize = 256;

/// Why a number is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAccepted {
    /// It was accepted before, or lies before the window.
    Replayed,
    /// Too many sessions of this person run to take up another.
    Full,
}

/// The windows of all sessions.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<Known>);

#[derive(Default)]
struct Known {
    sessions: BTreeMap<PublicKey, Session>,
    of_staff: BTreeMap<StaffId, BTreeSet<PublicKey>>,
}

struct Session {
    staff: StaffId,
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
    pub fn accept(&self, grant: &Grant, number: u64, now_s: u64) -> Result<(), NotAccepted> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { sessions, of_staff } = &mut *known;
        if !sessions.contains_key(&grant.session) {
            let own = of_staff.entry(grant.staff).or_default();
            if own.len() >= SESSIONS_MAX {
                // Only those that are over: forgetting a running one would let its requests be replayed.
                own.retain(|key| sessions.get(key).is_some_and(|session| session.not_after_s >= now_s));
                sessions.retain(|key, session| session.staff != grant.staff || own.contains(key));
            }
            if own.len() >= SESSIONS_MAX {
                return Err(NotAccepted::Full);
            }
            own.insert(grant.session);
        }
        let session = sessions.entry(grant.session).or_insert_with(|| Session {
            staff: grant.staff,
            not_after_s: grant.not_after_s,
            window: Window::default(),
        });
        session.not_after_s = session.not_after_s.max(grant.not_after_s);
        if session.window.accept(number) { Ok(()) } else { Err(NotAccepted::Replayed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardline_crypto::{AgreementKey, Digest, Secret, Signature};

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

    fn grant(staff: u8, session: u16, not_after_s: u64) -> Grant {
        let mut key = [staff; 32];
        key[..2].copy_from_slice(&session.to_be_bytes());
        Grant {
            network: Digest::ZERO,
            staff: StaffId::from_bytes([staff; 16]),
            key_epoch: 1,
            session: PublicKey::from_bytes(key),
            session_agreement: AgreementKey::from_bytes(Secret::new([1; 32])).public(),
            not_before_s: 0,
            not_after_s,
            signature: Signature::from_bytes([0; 64]),
        }
    }

    #[test]
    fn sessions_do_not_share_numbers_and_running_ones_are_never_forgotten() {
        let sessions = Sessions::default();
        let most = u16::try_from(SESSIONS_MAX).unwrap();
        for session in 0..most {
            assert_eq!(sessions.accept(&grant(1, session, 100), 1, 0), Ok(()));
        }
        let late = grant(1, most, 200);
        assert_eq!(sessions.accept(&late, 1, 100), Err(NotAccepted::Full));
        assert_eq!(sessions.accept(&grant(1, 0, 100), 1, 100), Err(NotAccepted::Replayed));
        assert_eq!(sessions.accept(&grant(1, 0, 100), 2, 100), Ok(()));
        assert_eq!(sessions.accept(&late, 1, 101), Ok(()), "those that are over make room");
        assert_eq!(sessions.0.lock().unwrap().sessions.len(), 1);
        // Another person's grant for the same session key does not begin its numbers anew.
        let borrowed = Grant { staff: StaffId::from_bytes([2; 16]), ..late };
        assert_eq!(sessions.accept(&borrowed, 1, 101), Err(NotAccepted::Replayed));
    }

    #[test]
    fn one_person_with_many_sessions_locks_out_nobody() {
        let sessions = Sessions::default();
        let refused = (0..u16::MAX).filter(|n| sessions.accept(&grant(1, *n, 100), 1, 0).is_err()).count();
        assert_eq!(refused, usize::from(u16::MAX) - SESSIONS_MAX);
        assert_eq!(sessions.accept(&grant(2, 0, 100), 1, 0), Ok(()));
    }
}
