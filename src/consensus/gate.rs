//! A runtime context whose clock stands still for the engine's voter while there is nothing to
//! agree on, so that an idle chain makes neither blocks nor skipped views.
//!
//! The engine has no mode for waiting: when a leader has nothing to propose, its view times out,
//! and the certificates of the views that were skipped pile up until the next block. Its timers
//! serve liveness alone, never safety, so they may stop where no progress is wanted. The voter is
//! told by the label of its context, an internal name of the engine (hence the pinned version);
//! `tests/simulated.rs` fails should the name ever change.

use crate::watched::{Watched, Watcher};
use commonware_runtime::{
    BlobVersion, Clock, Error, Handle, Metrics, Name, Spawner, Storage, Supervisor,
    signal::Signal,
    telemetry::metrics::{Metric, Registered},
};
use commonware_utils::sync::Mutex;
use futures::future::{Either, select};
use rand_core::{TryCryptoRng, TryRng};
use std::{
    convert::Infallible,
    future::Future,
    pin::pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// The engine's name for the task whose clock is gated.
const VOTER: &str = "voter";

/// A clock that runs only while the chain is busy.
pub(crate) struct Gate<E> {
    clock: E,
    busy: Watched<bool>,
    stopped: Mutex<Stopped>,
}

struct Stopped {
    total: Duration,
    since: Option<SystemTime>,
}

impl<E: Clock> Gate<E> {
    pub(crate) fn new(clock: E, busy: Watched<bool>) -> Arc<Self> {
        let since = Some(clock.current());
        Arc::new(Self { clock, busy, stopped: Mutex::new(Stopped { total: Duration::ZERO, since }) })
    }

    /// Starts or stops the clock as the chain is busy or not, and says what time it shows.
    fn current(&self) -> SystemTime {
        let now = self.clock.current();
        let mut stopped = self.stopped.lock();
        match (self.busy.get(), stopped.since) {
            (true, Some(since)) => {
                stopped.total += now.duration_since(since).unwrap_or_default();
                stopped.since = None;
            }
            (false, None) => stopped.since = Some(now),
            _ => {}
        }
        let shown = stopped.since.unwrap_or(now);
        shown.checked_sub(stopped.total).unwrap_or(shown)
    }

    /// Keeps the clock in step with the chain even while nobody reads it.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut busy = self.busy.watch();
        loop {
            self.current();
            busy.changed().await;
        }
    }

    async fn sleep_until(self: Arc<Self>, deadline: SystemTime) {
        let mut busy: Watcher<bool> = self.busy.watch();
        loop {
            let left = deadline.duration_since(self.current()).unwrap_or_default();
            if left.is_zero() {
                return;
            }
            if busy.get() {
                select(pin!(self.clock.sleep(left)), pin!(busy.changed())).await;
            } else {
                busy.changed().await;
            }
        }
    }
}

/// A context that gates the clock of the voter's tasks and is `inner` in everything else.
pub(crate) struct Gated<E> {
    inner: E,
    gate: Arc<Gate<E>>,
    on: bool,
}

impl<E> Gated<E> {
    pub(crate) fn new(inner: E, gate: Arc<Gate<E>>) -> Self {
        Self { inner, gate, on: false }
    }
}

impl<E: Supervisor> Supervisor for Gated<E> {
    fn name(&self) -> Name {
        self.inner.name()
    }

    fn child(&self, label: &'static str) -> Self {
        Self { inner: self.inner.child(label), gate: self.gate.clone(), on: self.on || label == VOTER }
    }

    fn with_attribute(mut self, key: &'static str, value: impl std::fmt::Display) -> Self {
        self.inner = self.inner.with_attribute(key, value);
        self
    }
}

impl<E: Clock> Clock for Gated<E> {
    fn current(&self) -> SystemTime {
        if self.on { self.gate.current() } else { self.inner.current() }
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + 'static + use<E> {
        self.sleep_until(self.current() + duration)
    }

    fn sleep_until(&self, deadline: SystemTime) -> impl Future<Output = ()> + Send + 'static + use<E> {
        if self.on {
            Either::Left(self.gate.clone().sleep_until(deadline))
        } else {
            Either::Right(self.inner.sleep_until(deadline))
        }
    }
}

impl<E: Clock> governor::clock::Clock for Gated<E> {
    type Instant = SystemTime;

    fn now(&self) -> SystemTime {
        self.current()
    }
}

impl<E: Clock> governor::clock::ReasonablyRealtime for Gated<E> {}

impl<E: Spawner + Clock> Spawner for Gated<E> {
    fn shared(mut self, blocking: bool) -> Self {
        self.inner = self.inner.shared(blocking);
        self
    }

    fn dedicated(mut self) -> Self {
        self.inner = self.inner.dedicated();
        self
    }

    fn spawn<F, Fut, T>(self, f: F) -> Handle<T>
    where
        F: FnOnce(Self) -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let Self { inner, gate, on } = self;
        inner.spawn(move |inner| f(Self { inner, gate, on }))
    }

    async fn stop(self, value: i32, timeout: Option<Duration>) -> Result<(), Error> {
        self.inner.stop(value, timeout).await
    }

    fn stopped(&self) -> Signal {
        self.inner.stopped()
    }
}

impl<E: Metrics + Clock> Metrics for Gated<E> {
    fn register<N: Into<String>, H: Into<String>, M: Metric>(
        &self,
        name: N,
        help: H,
        metric: M,
    ) -> Registered<M> {
        self.inner.register(name, help, metric)
    }

    fn encode(&self) -> String {
        self.inner.encode()
    }
}

impl<E: TryRng<Error = Infallible>> TryRng for Gated<E> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.inner.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.inner.try_next_u64()
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.inner.try_fill_bytes(out)
    }
}

impl<E: TryCryptoRng<Error = Infallible>> TryCryptoRng for Gated<E> {}

impl<E: Storage> Storage for Gated<E> {
    type Blob = E::Blob;

    async fn open_versioned(
        &self,
        partition: &str,
        name: &[u8],
        versions: std::ops::RangeInclusive<BlobVersion>,
    ) -> Result<(Self::Blob, u64, BlobVersion), Error> {
        self.inner.open_versioned(partition, name, versions).await
    }

    async fn remove(&self, partition: &str, name: Option<&[u8]>) -> Result<(), Error> {
        self.inner.remove(partition, name).await
    }

    async fn scan(&self, partition: &str) -> Result<Vec<Vec<u8>>, Error> {
        self.inner.scan(partition).await
    }
}
