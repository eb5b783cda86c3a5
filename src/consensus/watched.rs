//! A value to be watched from many tasks and threads, which wakes its watchers in a fixed order.
//!
//! The engine's runs can be replayed exactly from a seed only if nothing in them is left to
//! chance; `tokio`'s watch channel wakes its receivers in random order, this one in the order in
//! which they were made.

use commonware_utils::sync::Mutex;
use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    sync::Arc,
    task::{Poll, Waker},
};

struct State<T> {
    value: T,
    changes: u64,
    watchers: u64,
    waiting: BTreeMap<u64, Waker>,
}

/// The writing end; clones are the same value.
pub(crate) struct Watched<T>(Arc<Mutex<State<T>>>);

impl<T> Clone for Watched<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Copy + PartialEq> Watched<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(State { value, changes: 0, watchers: 0, waiting: BTreeMap::new() })))
    }

    pub(crate) fn get(&self) -> T {
        self.0.lock().value
    }

    /// Changes the value, and wakes the watchers if it is another one.
    pub(crate) fn update(&self, change: impl FnOnce(T) -> T) {
        let waiting = {
            let mut state = self.0.lock();
            let value = change(state.value);
            if value == state.value {
                return;
            }
            state.value = value;
            state.changes += 1;
            std::mem::take(&mut state.waiting)
        };
        for waker in waiting.into_values() {
            waker.wake();
        }
    }

    pub(crate) fn set(&self, value: T) {
        self.update(|_| value);
    }

    /// A watcher to which everything up to now is known.
    pub(crate) fn watch(&self) -> Watcher<T> {
        let mut state = self.0.lock();
        state.watchers += 1;
        Watcher { watched: self.clone(), number: state.watchers, seen: state.changes }
    }
}

/// The reading end.
pub(crate) struct Watcher<T> {
    watched: Watched<T>,
    number: u64,
    seen: u64,
}

impl<T: Copy + PartialEq> Watcher<T> {
    pub(crate) fn get(&self) -> T {
        self.watched.get()
    }

    /// Waits for a change since the last one that was seen. May be dropped and asked for again.
    pub(crate) fn changed(&mut self) -> impl Future<Output = T> + Send + '_
    where
        T: Send,
    {
        poll_fn(|context| {
            let mut state = self.watched.0.lock();
            if state.changes != self.seen {
                self.seen = state.changes;
                state.waiting.remove(&self.number);
                return Poll::Ready(state.value);
            }
            state.waiting.insert(self.number, context.waker().clone());
            Poll::Pending
        })
    }

    /// Waits until the value satisfies the condition.
    pub(crate) async fn until(&mut self, mut condition: impl FnMut(T) -> bool + Send) -> T
    where
        T: Send,
    {
        loop {
            let value = self.get();
            if condition(value) {
                return value;
            }
            self.changed().await;
        }
    }
}

impl<T> Drop for Watcher<T> {
    fn drop(&mut self) {
        self.watched.0.lock().waiting.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt as _, executor::block_on};
    use std::task::{Context, Wake};

    #[test]
    fn a_change_is_seen_once() {
        let watched = Watched::new(1);
        let mut watcher = watched.watch();
        assert!(watcher.changed().now_or_never().is_none());
        watched.set(1);
        assert!(watcher.changed().now_or_never().is_none(), "the same value is no change");
        watched.set(2);
        watched.set(3);
        assert_eq!(watcher.changed().now_or_never(), Some(3));
        assert!(watcher.changed().now_or_never().is_none());
        assert_eq!(block_on(watcher.until(|value| value == 3)), 3);
    }

    #[test]
    fn watchers_wake_in_the_order_in_which_they_were_made() {
        struct Note(usize, Arc<Mutex<Vec<usize>>>);
        impl Wake for Note {
            fn wake(self: Arc<Self>) {
                self.1.lock().push(self.0);
            }
        }
        let (watched, order) = (Watched::new(0), Arc::new(Mutex::new(Vec::new())));
        let mut watchers: Vec<_> = (0..8).map(|_| watched.watch()).collect();
        for place in [5, 0, 7, 2, 1, 6, 3, 4] {
            let waker = Waker::from(Arc::new(Note(place, order.clone())));
            let changed = watchers[place].changed();
            assert!(std::pin::pin!(changed).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        watchers.remove(2);
        watched.set(1);
        assert_eq!(*order.lock(), [0, 1, 3, 4, 5, 6, 7]);
    }
}
