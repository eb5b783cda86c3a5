//! One chain on one node: the engine's parts wired together over any runtime and network.

use crate::{
    Application, ChainConfig, Limits,
    adapter::{Adapter, Delivery, Marshal, apply, apply_all},
    block::{BoundBlock, Codec, Digest},
    epochs::{self, Epochs, Schemes},
    gate::Gate,
    gossip,
    host::Host,
    network::{Network, Tracker},
};
use bytes::Bytes;
use commonware_broadcast::buffered;
use commonware_codec::{Copying, DecodeExt as _, Read};
use commonware_consensus::{
    marshal::{
        self,
        core::Actor,
        resolver::p2p as backfill,
        standard::{Inline, Standard},
    },
    simplex::{scheme::ed25519::Scheme, types::Finalization},
    types::{FixedEpocher, Height, ViewDelta},
};
use commonware_cryptography::{
    Digested, Digestible as _, Signer as _,
    ed25519::{PrivateKey, PublicKey},
};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock, Handle, Metrics, Spawner, Storage, buffer::paged::CacheRef};
use commonware_storage::archive::immutable;
use commonware_utils::{NZDuration, NZU16, NZU64, NZUsize};
use futures::{
    FutureExt as _,
    future::{pending, select_all},
};
use rand_core::CryptoRng;
use std::{num::NonZeroU64, sync::Arc, time::Duration};

/// A running chain. Clones are the same chain.
#[derive(Clone)]
pub struct Chain(pub(crate) Arc<Host>);

impl Chain {
    /// Admits a transaction here and sends it to all validators. `Ok(true)` when it is new; the
    /// error is for the submitter. It waits for the disk: from async code call it where blocking
    /// is allowed.
    pub fn submit(&self, transaction: Bytes) -> Result<bool, String> {
        let outcome = self.0.submit(&[transaction]).pop();
        outcome.unwrap_or_else(|| Err("the transaction was not looked at".to_owned()))
    }

    /// Submits many, each by itself, with answers in their order: one wait for the disk for all.
    pub fn submit_all(&self, transactions: &[Bytes]) -> Vec<Result<bool, String>> {
        self.0.submit(transactions)
    }

    /// False once the chain was stopped or a task of it has ended or panicked (the log says why):
    /// it makes no progress any more, and its engine must be started anew.
    pub fn healthy(&self) -> bool {
        self.0.healthy()
    }
}

/// A chain's configuration in the engine's terms.
pub(crate) struct Settings {
    pub(crate) name: &'static str,
    pub(crate) namespace: Vec<u8>,
    pub(crate) signer: PrivateKey,
    pub(crate) partition: String,
    pub(crate) leader_timeout: Duration,
    pub(crate) tip_interval: Duration,
    pub(crate) limits: Limits,
    pub(crate) codec: Codec,
    genesis: BoundBlock,
    epoch_length: NonZeroU64,
}

impl Settings {
    /// Checks what would make the engine panic later.
    pub(crate) fn new(config: &ChainConfig, application: &dyn Application) -> Result<Self, String> {
        let limits = config.limits.clone();
        let codec = Codec { bind: config.bind, max_bytes: limits.block_bytes };
        let signer = PrivateKey::decode(Copying(&config.identity_seed)).map_err(|error| error.to_string())?;
        let genesis = BoundBlock::new(application.genesis(), &codec)
            .filter(|block| block.number() == 0)
            .ok_or("the genesis block is not one")?;
        let epoch_length = NonZeroU64::new(application.epoch_length())
            .filter(|length| length.get() > 1)
            .ok_or("an epoch needs at least two blocks")?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if config.partition.is_empty() || !config.partition.chars().all(plain) {
            return Err("the partition may hold letters, digits, `-` and `_` only".to_owned());
        }
        if config.leader_timeout.is_zero() || config.tip_interval.is_zero() {
            return Err("leader timeout and tip interval must not be zero".to_owned());
        }
        if limits.validators == 0 || limits.peers < 2 || limits.transaction_bytes == 0 {
            return Err("limits must allow for validators, peers and transactions".to_owned());
        }
        if limits.block_bytes > 64 << 20 || limits.transaction_bytes > limits.block_bytes {
            return Err("a block may have 64 MiB at most, and a transaction no more than a block".to_owned());
        }
        Ok(Self {
            name: config.name,
            namespace: config.namespace.clone(),
            signer,
            partition: config.partition.clone(),
            leader_timeout: config.leader_timeout,
            tip_interval: config.tip_interval,
            limits,
            codec,
            genesis,
            epoch_length,
        })
    }
}

/// Runs a chain in the task of `context`, below which everything of it lives, until any part of it
/// ends. Says when it has started, or why it has not.
pub(crate) async fn run<E, S, R, O, T>(
    context: E,
    settings: Settings,
    application: Arc<dyn Application>,
    network: Network<S, R, O, T>,
    started: impl FnOnce(Result<Chain, String>),
) where
    E: Clock + CryptoRng + Spawner + Storage + Metrics,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    O: Provider<PublicKey = PublicKey> + Blocker<PublicKey = PublicKey> + Sync,
    T: Tracker,
{
    match start(&context, settings, application, network).await {
        Ok((host, tasks)) => {
            started(Ok(Chain(host.clone())));
            tasks.watch(&context, &host).await;
        }
        Err(reason) => started(Err(reason)),
    }
}

async fn start<E, S, R, O, T>(
    context: &E,
    settings: Settings,
    application: Arc<dyn Application>,
    network: Network<S, R, O, T>,
) -> Result<(Arc<Host>, Tasks), String>
where
    E: Clock + CryptoRng + Spawner + Storage + Metrics,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    O: Provider<PublicKey = PublicKey> + Blocker<PublicKey = PublicKey> + Sync,
    T: Tracker,
{
    let Settings { name, signer, partition, limits, codec, genesis, .. } = settings;
    let (host, submitted) = Host::new(name, application, codec.clone(), limits.transaction_bytes);
    let Network { channels, provider, tracker, task } = network;
    let me = signer.public_key();
    let genesis_digest = genesis.digest();
    let epocher = FixedEpocher::new(settings.epoch_length);
    let cache = CacheRef::new(NZU16!(4096), NZUsize!(128));
    let mut tasks = Tasks(task.map(|task| ("network", task)).into_iter().collect());

    let may_vote =
        epochs::may_vote(context, &host, &partition, &me).await.map_err(|error| error.to_string())?;
    if !may_vote {
        tracing::error!(chain = name, key = %me, "this validator lost its memory of what it voted for: it follows without voting until it has a new key");
    }
    let schemes = Schemes::new(host.clone(), settings.namespace, signer, may_vote, limits.validators);

    let (broadcast, buffer) = buffered::Engine::new(
        context.child("broadcast"),
        buffered::Config {
            public_key: me.clone(),
            mailbox_size: NZUsize!(256),
            deque_size: 8,
            priority: false,
            codec_config: codec.clone(),
            peer_provider: provider.clone(),
            strategy: Sequential,
        },
    );
    tasks.add("broadcast", broadcast.start(channels.blocks));
    let backfill = backfill::init(
        context.child("backfill"),
        backfill::Config {
            public_key: me,
            peer_provider: provider.clone(),
            blocker: provider.clone(),
            mailbox_size: NZUsize!(256),
            fetch_timeout: NZDuration!(Duration::from_secs(1)),
            fetch_retry_delay: Duration::from_millis(100),
            priority_requests: false,
            priority_responses: false,
        },
        channels.backfill,
    );
    let certificate_codec = <Finalization<Scheme, Digest> as Read>::Cfg::from(limits.validators as usize);
    let certificates = archive(context, &partition, "certificates", &cache, certificate_codec).await?;
    let blocks = archive(context, &partition, "blocks", &cache, codec.clone()).await?;
    let (actor, marshal, _) = Actor::<_, Standard<BoundBlock>, _, _, _, _, _>::init(
        context.child("marshal"),
        certificates,
        blocks,
        marshal::Config {
            provider: schemes.clone(),
            epocher: epocher.clone(),
            start: marshal::Start::Genesis(Digested::precomputed(genesis, genesis_digest)),
            partition_prefix: format!("{partition}-marshal"),
            mailbox_size: NZUsize!(256),
            view_retention: ViewDelta::new(256),
            prunable_items_per_section: NZU64!(256),
            page_cache: cache.clone(),
            replay_buffer: NZUsize!(64 * 1024),
            key_write_buffer: NZUsize!(16 * 1024),
            value_write_buffer: NZUsize!(64 * 1024),
            block_codec_config: codec,
            max_repair: NZUsize!(32),
            max_pending_acks: epochs::UNACKNOWLEDGED,
            strategy: Sequential,
        },
    )
    .await;
    let (delivery, delivered) = Delivery::new();
    tasks.add("marshal", actor.start(delivery, buffer, backfill));
    replay(context, &host, &marshal).await?;

    let bytes = gossip::message_bytes(limits.transaction_bytes);
    let (transactions, tips) = (channels.transactions, channels.tips);
    host.call(context, Host::ask_busy).await.ok_or("stopped")?;
    tasks.spawn(context.child("apply"), "apply", {
        let (host, marshal) = (host.clone(), marshal.clone());
        move |c| apply_all(c, host, marshal, delivered)
    });
    tasks.spawn(context.child("transactions_out"), "transactions out", {
        let host = host.clone();
        move |c| gossip::send_transactions(c, host, submitted, transactions.0, bytes)
    });
    tasks.spawn(context.child("transactions_in"), "transactions in", {
        let host = host.clone();
        move |c| gossip::hear_transactions(c, host, transactions.1, bytes)
    });
    tasks.spawn(context.child("tips_out"), "tips out", {
        let host = host.clone();
        move |c| gossip::send_tips(c, host, tips.0, settings.tip_interval)
    });
    tasks.spawn(context.child("tips_in"), "tips in", {
        let (host, marshal) = (host.clone(), marshal.clone());
        move |c| gossip::hear_tips(c, host, marshal, tips.1)
    });

    let gate = Gate::new(context.child("gate"), host.busy.clone());
    tasks.spawn(context.child("gate"), "gate", {
        let gate = gate.clone();
        move |_| gate.follow()
    });
    let adapter = Adapter::new(host.clone(), marshal.clone(), settings.leader_timeout / 2);
    let (task, votes) = epochs::mux(context.child("votes"), channels.votes);
    tasks.add("votes", task);
    let (task, certificates) = epochs::mux(context.child("certificates"), channels.certificates);
    tasks.add("certificates", task);
    let (task, resolver) = epochs::mux(context.child("resolver"), channels.resolver);
    tasks.add("resolver", task);
    let epochs = Epochs {
        host: host.clone(),
        schemes,
        inline: Inline::new(context.child("inline"), adapter, marshal.clone(), epocher),
        marshal,
        genesis: genesis_digest,
        gate,
        votes,
        certificates,
        resolver,
        tracker,
        blocker: provider,
        partition,
        leader_timeout: settings.leader_timeout,
        cache,
    };
    tasks.spawn(context.child("epochs"), "epochs", move |c| epochs.run(c));
    Ok((host, tasks))
}

/// Applies what the engine has handed over before but the application does not have, as after its
/// files came back from a backup.
async fn replay<E: Spawner>(context: &E, host: &Arc<Host>, marshal: &Marshal) -> Result<(), String> {
    let delivered = marshal.get_processed().await.map_or(0, |processed| processed.height().get());
    for height in host.applied_height() + 1..=delivered {
        let block = marshal.get_block(Height::new(height)).await;
        let block =
            block.ok_or_else(|| format!("the engine lacks block {height}, which the application needs"))?;
        apply(context, host, marshal, block.inner_shared()).await.ok_or("stopped")?;
    }
    host.delivered.set(delivered);
    Ok(())
}

/// The tasks of a chain, all of which have to run.
struct Tasks(Vec<(&'static str, Handle<()>)>);

impl Tasks {
    fn add(&mut self, name: &'static str, task: Handle<()>) {
        self.0.push((name, task));
    }

    fn spawn<E: Spawner, F: Future<Output = ()> + Send + 'static>(
        &mut self,
        context: E,
        name: &'static str,
        task: impl FnOnce(E) -> F + Send + 'static,
    ) {
        self.add(name, context.spawn(task));
    }

    /// Returns when the first task ends, which none should. When the engine is stopped it leaves
    /// the tasks the time to finish.
    async fn watch<E: Spawner>(self, context: &E, host: &Host) {
        let tasks = self.0.into_iter().map(|(name, task)| task.map(move |end| (name, end)).boxed());
        let ended = {
            let mut stopped = context.stopped().fuse();
            let mut first = select_all(tasks).fuse();
            futures::select_biased! {
                _ = stopped => None,
                (ended, _, _) = first => Some(ended),
            }
        };
        host.end();
        match ended {
            None => pending().await,
            Some((task, end)) => {
                tracing::error!(
                    chain = host.name(),
                    task,
                    ?end,
                    "a task of the chain ended: the chain stands"
                );
            }
        }
    }
}

/// One of the engine's archives, for final blocks or their certificates.
async fn archive<E, V>(
    context: &E,
    partition: &str,
    what: &'static str,
    cache: &CacheRef,
    codec_config: V::Cfg,
) -> Result<immutable::Archive<E, Digest, V>, String>
where
    E: Clock + Storage + Metrics,
    V: commonware_codec::Codec + Send + Sync,
{
    let config = immutable::Config {
        metadata_partition: format!("{partition}-{what}-metadata"),
        freezer_table_partition: format!("{partition}-{what}-table"),
        freezer_table_initial_size: 1024,
        freezer_table_resize_frequency: 4,
        freezer_table_resize_chunk_size: 1024,
        freezer_key_partition: format!("{partition}-{what}-keys"),
        freezer_key_page_cache: cache.clone(),
        freezer_value_partition: format!("{partition}-{what}-values"),
        freezer_value_target_size: 64 * 1024 * 1024,
        freezer_value_compression: None,
        ordinal_partition: format!("{partition}-{what}-ordinal"),
        items_per_section: NZU64!(1024),
        codec_config,
        replay_buffer: NZUsize!(64 * 1024),
        freezer_key_write_buffer: NZUsize!(16 * 1024),
        freezer_value_write_buffer: NZUsize!(64 * 1024),
        ordinal_write_buffer: NZUsize!(16 * 1024),
    };
    immutable::Archive::init(context.child(what), config)
        .await
        .map_err(|error| format!("the archive of {what} cannot be opened: {error}"))
}
