//! One run of the engine's voting per epoch, with the validators that the application names.
//! Must not know how they are chosen.

use crate::{
    adapter::{Adapter, Marshal},
    block::{BoundBlock, Digest},
    gate::{Gate, Gated},
    host::Host,
    network::Tracker,
};
use commonware_codec::{Copying, DecodeExt as _};
use commonware_consensus::{
    marshal::standard::Inline,
    simplex::{
        self,
        config::{Floor, ForwardPolicy, SkipBudget, SkipPolicy},
        elector::RoundRobin,
        scheme::ed25519::Scheme,
    },
    types::{Epoch, FixedEpocher, Height, ViewDelta},
};
use commonware_cryptography::{
    Sha256, Signer as _,
    certificate::{Provider, Scheme as _, Scoped},
    ed25519::{PrivateKey, PublicKey},
};
use commonware_p2p::{
    Blocker, Receiver, Sender,
    utils::mux::{MuxHandle, Muxer},
};
use commonware_parallel::Sequential;
use commonware_runtime::{
    Blob as _, Clock, Error, Handle, Metrics, Spawner, Storage, buffer::paged::CacheRef,
};
use commonware_utils::{NZDuration, NZUsize, ordered::Set, sync::Mutex};
use futures::{
    FutureExt as _,
    future::{Either, select},
};
use rand_core::CryptoRng;
use std::{collections::BTreeMap, num::NonZeroUsize, sync::Arc, time::Duration};

/// Most blocks that the engine delivers ahead of their being applied.
pub(crate) const UNACKNOWLEDGED: NonZeroUsize = NZUsize!(16);
/// Epochs whose validators are kept in memory.
const KEPT: usize = 16;
/// Before the key in the mark of one that was in use before the storage was there.
const LOST: &[u8] = b"lost";

/// The validators of each epoch as signing schemes, asked of the application when needed.
#[derive(Clone)]
pub(crate) struct Schemes {
    host: Arc<Host>,
    namespace: Arc<[u8]>,
    signer: PrivateKey,
    may_vote: bool,
    most: usize,
    known: Arc<Mutex<BTreeMap<Epoch, Arc<Scheme>>>>,
}

impl Schemes {
    pub(crate) fn new(
        host: Arc<Host>,
        namespace: Vec<u8>,
        signer: PrivateKey,
        may_vote: bool,
        most: u32,
    ) -> Self {
        let most = most as usize;
        Self { host, namespace: namespace.into(), signer, may_vote, most, known: Arc::default() }
    }

    fn make(&self, epoch: Epoch) -> Option<Scheme> {
        let keys = self.host.application().validators(epoch.get())?;
        let validators =
            Set::from_iter_dedup(keys.iter().filter_map(|key| PublicKey::decode(Copying(key)).ok()));
        if validators.is_empty() || validators.len() != keys.len() || keys.len() > self.most {
            tracing::error!(chain = self.host.name(), %epoch, keys = keys.len(), "the validators are none, too many, doubled or not keys");
            return None;
        }
        self.may_vote
            .then(|| Scheme::signer(&self.namespace, validators.clone(), self.signer.clone()))
            .flatten()
            .or_else(|| Some(Scheme::verifier(&self.namespace, validators)))
    }
}

impl Provider for Schemes {
    type Scope = Epoch;
    type Scheme = Scheme;

    fn scoped(&self, epoch: Epoch) -> Option<Scoped<Scheme>> {
        let mut known = self.known.lock();
        let scheme = match known.get(&epoch) {
            Some(scheme) => scheme.clone(),
            None => {
                let scheme = Arc::new(self.make(epoch)?);
                known.insert(epoch, scheme.clone());
                if known.len() > KEPT {
                    known.pop_first();
                }
                scheme
            }
        };
        Some(Scoped::scheme(scheme))
    }
}

/// Whether this node may vote under its key.
///
/// What it voted for is in the engine's storage; a validator that lost it and votes again could
/// vote for two blocks of one view. A key leaves a mark in the storage when it is first seen, before
/// it can have voted. If there is no mark at all although the chain that the application knows has
/// this key as a validator, the storage was lost: the node follows, and needs a new key. That too is
/// marked. A mark of another key shows that the storage is older than the use of this one, as after
/// a key was replaced: then nothing was lost.
pub(crate) async fn may_vote<E: Storage>(
    context: &E,
    host: &Host,
    partition: &str,
    key: &PublicKey,
) -> Result<bool, Error> {
    let partition = format!("{partition}-voter");
    let marks = match context.scan(&partition).await {
        Ok(marks) => marks,
        Err(Error::PartitionMissing(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
    let (seen, lost) = (key.to_vec(), [LOST, key.as_ref()].concat());
    if marks.contains(&seen) || marks.contains(&lost) {
        return Ok(marks.contains(&seen));
    }
    let application = host.application();
    let (height, _) = application.applied();
    let epoch = height.saturating_add(1) / application.epoch_length().max(1);
    let votes =
        application.validators(epoch).is_some_and(|keys| keys.iter().any(|known| known[..] == *key.as_ref()));
    let may_vote = !marks.is_empty() || height == 0 || !votes;
    let (mark, _) = context.open(&partition, if may_vote { &seen } else { &lost }).await?;
    mark.sync().await?;
    Ok(may_vote)
}

/// What one run of the engine needs from the chain.
pub(crate) struct Epochs<E: Clock + Spawner, S: Sender, O, B> {
    pub(crate) host: Arc<Host>,
    pub(crate) marshal: Marshal,
    pub(crate) schemes: Schemes,
    pub(crate) genesis: Digest,
    pub(crate) inline: Inline<E, Scheme, Adapter, BoundBlock, FixedEpocher>,
    pub(crate) gate: Arc<Gate<E>>,
    pub(crate) votes: MuxHandle<S>,
    pub(crate) certificates: MuxHandle<S>,
    pub(crate) resolver: MuxHandle<S>,
    pub(crate) tracker: O,
    pub(crate) blocker: B,
    pub(crate) partition: String,
    pub(crate) leader_timeout: Duration,
    pub(crate) cache: CacheRef,
}

impl<E, S, O, B> Epochs<E, S, O, B>
where
    E: Clock + CryptoRng + Spawner + Storage + Metrics,
    S: Sender<PublicKey = PublicKey>,
    O: Tracker,
    B: Blocker<PublicKey = PublicKey>,
{
    /// Runs one epoch after the other; returns only when it cannot go on.
    pub(crate) async fn run(mut self, context: E) {
        let length = self.host.application().epoch_length();
        let mut delivered = self.host.delivered.watch();
        let mut epoch = delivered.get().saturating_add(1) / length;
        loop {
            let Some(scheme) = self.schemes.scheme(Epoch::new(epoch)) else {
                tracing::error!(
                    chain = self.host.name(),
                    epoch,
                    "the application does not name the validators"
                );
                return;
            };
            let root = match epoch.checked_mul(length).and_then(|first| first.checked_sub(1)) {
                None => Some(self.genesis),
                Some(last) => self.marshal.get_info(Height::new(last)).await.map(|(_, digest)| digest),
            };
            let Some(root) = root else {
                tracing::error!(
                    chain = self.host.name(),
                    epoch,
                    "the last block of the epoch before is missing"
                );
                return;
            };
            self.tracker.track(epoch, &self.host.application().peers());
            let last = (epoch + 1) * length - 1;
            let Some(engine) = self.start(&context, epoch, scheme.as_ref().clone(), root).await else {
                return;
            };
            tracing::info!(chain = self.host.name(), epoch, votes = scheme.me().is_some(), "epoch begins");
            let end = std::pin::pin!(delivered.until(|height| height >= last));
            match select(end, engine).await {
                Either::Left((_, engine)) => {
                    engine.abort();
                    let _ = engine.await;
                }
                Either::Right(_) => {
                    // when all is being stopped, this ends as it should
                    if context.stopped().now_or_never().is_none() {
                        tracing::error!(chain = self.host.name(), epoch, "the engine ended within an epoch");
                    }
                    return;
                }
            }
            epoch += 1;
            self.forget(&context, epoch).await;
        }
    }

    /// Removes the votes of an epoch so old that no restart leads back to it: the engine may
    /// deliver the last [`UNACKNOWLEDGED`] blocks again.
    async fn forget(&mut self, context: &E, epoch: u64) {
        let kept = 2 + UNACKNOWLEDGED.get() as u64 / self.host.application().epoch_length();
        let Some(old) = epoch.checked_sub(kept) else { return };
        match context.remove(&self.journal(old), None).await {
            Ok(()) | Err(Error::PartitionMissing(_)) => {}
            Err(error) => tracing::warn!(chain = self.host.name(), old, %error, "old votes stay on disk"),
        }
    }

    /// Where the votes of an epoch are kept: for each key apart, as the engine panics over votes of
    /// its own that another key has signed.
    fn journal(&self, epoch: u64) -> String {
        format!("{}-votes-{epoch}-{}", self.partition, self.schemes.signer.public_key())
    }

    async fn start(&mut self, context: &E, epoch: u64, scheme: Scheme, root: Digest) -> Option<Handle<()>> {
        let config = simplex::Config {
            scheme,
            elector: RoundRobin::<Sha256>::default(),
            blocker: self.blocker.clone(),
            automaton: self.inline.clone(),
            relay: self.inline.clone(),
            reporter: self.inline.clone(),
            strategy: Sequential,
            partition: self.journal(epoch),
            mailbox_size: NZUsize!(256),
            epoch: Epoch::new(epoch),
            floor: Floor::Genesis(root),
            replay_buffer: NZUsize!(64 * 1024),
            write_buffer: NZUsize!(16 * 1024),
            page_cache: self.cache.clone(),
            leader_timeout: self.leader_timeout,
            certification_timeout: self.leader_timeout * 2,
            timeout_retry: self.leader_timeout * 2,
            view_retention: ViewDelta::new(256),
            // A leader that has been silent for so long is passed over at once.
            skip: SkipPolicy::Enabled {
                timeout: self.leader_timeout * 10 + Duration::from_secs(5),
                budget: SkipBudget::Participants,
            },
            fetch_timeout: NZDuration!(Duration::from_secs(1)),
            fetch_retry_delay: Duration::from_millis(200),
            forward: ForwardPolicy::SilentVoters,
            track_historical_votes: false,
        };
        let votes = self.votes.register(epoch).await.ok()?;
        let certificates = self.certificates.register(epoch).await.ok()?;
        let resolver = self.resolver.register(epoch).await.ok()?;
        let context = Gated::new(context.child("engine").with_attribute("epoch", epoch), self.gate.clone());
        Some(simplex::Engine::new(context, config).start(votes, certificates, resolver))
    }
}

/// Splits a channel by epoch, so that the runs of two epochs do not hear each other.
pub(crate) fn mux<E, S, R>(context: E, (sender, receiver): (S, R)) -> (Handle<()>, MuxHandle<S>)
where
    E: Spawner,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    let (muxer, handle) = Muxer::new(context.child("mux"), sender, receiver);
    let task = context.spawn(move |_| async move {
        if let Err(error) = muxer.run().await {
            tracing::error!(%error, "a channel of the network broke");
        }
    });
    (task, handle)
}
