//! The peer-to-peer network under a chain: its channels, and the real one over TCP with mutual
//! authentication and encryption by the validators' own keys. One network for each chain: they
//! are never shared, since what goes to all goes to every peer of a network.

use crate::{
    Limits, Peers,
    block::{BoundBlock, Codec, Digest},
    gossip,
};
use commonware_codec::{Copying, DecodeExt as _};
use commonware_consensus::{
    marshal::{self, standard::Standard},
    simplex::{self, scheme::ed25519::Scheme},
};
use commonware_cryptography::{ChaCha20Poly1305, Signer as _, ed25519};
use commonware_p2p::{
    Address, AddressableManager as _, AddressableTrackedPeers, authenticated::lookup, utils::mux::prefixed,
};
use commonware_runtime::{Clock, Handle, Metrics, Network as RuntimeNetwork, Quota, Resolver, Spawner};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{NZU32, NZUsize, ordered::Map};
use ed25519::PublicKey;
use rand_core::CryptoRng;
use std::{
    convert::Infallible,
    future::{Future, ready},
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

/// The channels of a chain, each a sender and a receiver.
pub(crate) struct Channels<S, R> {
    pub(crate) votes: (S, R),
    pub(crate) certificates: (S, R),
    pub(crate) resolver: (S, R),
    pub(crate) backfill: (S, R),
    pub(crate) blocks: (S, R),
    pub(crate) transactions: (S, R),
    pub(crate) tips: (S, R),
}

impl<S, R> Channels<S, R> {
    /// Opens all channels.
    ///
    /// The number is how many messages a peer may send in a second. It is paid for in memory:
    /// the queues hold so many for every peer and are allocated up front. What is sent beyond it
    /// is dropped, so the votes, two a block, need the most.
    pub(crate) async fn open<F, Error>(mut register: impl FnMut(u64, Quota) -> F) -> Result<Self, Error>
    where
        F: Future<Output = Result<(S, R), Error>>,
    {
        let quota = |per_second| Quota::per_second(NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN));
        Ok(Self {
            votes: register(0, quota(256)).await?,
            certificates: register(1, quota(256)).await?,
            resolver: register(2, quota(64)).await?,
            backfill: register(3, quota(128)).await?,
            blocks: register(4, quota(128)).await?,
            transactions: register(5, quota(64)).await?,
            tips: register(6, quota(8)).await?,
        })
    }
}

/// Keeps up connections with the peers of an epoch.
pub(crate) trait Tracker: Send + 'static {
    fn track(&mut self, epoch: u64, peers: &Peers);
}

/// A network on which a chain can run.
pub(crate) struct Network<S, R, O, T> {
    pub(crate) channels: Channels<S, R>,
    /// Knows the peers, and blocks those that are caught cheating.
    pub(crate) provider: O,
    pub(crate) tracker: T,
    /// What has to run for it, if that is in the same task tree.
    pub(crate) task: Option<Handle<()>>,
}

/// Largest message that any channel carries; a larger one would make the engine panic.
pub(crate) fn message_bytes(limits: &Limits, codec: &Codec) -> u32 {
    commonware_p2p::max_message_size(&[
        prefixed(simplex::max_payload_size::<Scheme, Digest>(limits.validators)),
        marshal::max_payload_size::<Standard<BoundBlock>, Scheme>(limits.validators, codec),
        gossip::message_bytes(limits.transaction_bytes),
        gossip::TIP_BYTES,
    ])
}

/// The two kinds of peers as the engine's keys, without what is not a key.
pub(crate) fn keys<T: Copy>(peers: &[([u8; 32], T)]) -> impl Iterator<Item = (PublicKey, T)> {
    peers.iter().filter_map(|(key, with)| match PublicKey::decode(Copying(key)) {
        Ok(key) => Some((key, *with)),
        Err(_) => {
            tracing::error!("a peer's key is not an Ed25519 key");
            None
        }
    })
}

/// Tells the real network whom to connect to.
pub(crate) struct Connections {
    oracle: lookup::Oracle<PublicKey>,
    me: PublicKey,
    most: usize,
}

impl Tracker for Connections {
    fn track(&mut self, epoch: u64, peers: &Peers) {
        let others = |peers: &[([u8; 32], SocketAddr)]| {
            Map::<PublicKey, Address>::from_iter_dedup(
                keys(peers).filter(|(key, _)| *key != self.me).map(|(key, address)| (key, address.into())),
            )
        };
        let (mut primary, mut secondary) = (others(&peers.primary), others(&peers.secondary));
        // The network panics over more peers than its queues were made for; this node is one.
        let room = self.most.saturating_sub(1);
        if primary.len() + secondary.len() > room {
            tracing::error!(
                peers = primary.len() + secondary.len(),
                room,
                "too many peers: the last ones are left out"
            );
            primary.truncate(room);
            secondary.truncate(room - primary.len());
        }
        self.oracle.track(epoch, AddressableTrackedPeers::new(primary, secondary));
    }
}

/// Starts the real network.
pub(crate) async fn connect<E>(
    context: E,
    signer: ed25519::PrivateKey,
    namespace: Vec<u8>,
    listen: SocketAddr,
    most_peers: usize,
    message_bytes: u32,
) -> Network<lookup::Sender<PublicKey, E>, lookup::Receiver<PublicKey>, lookup::Oracle<PublicKey>, Connections>
where
    E: Clock + CryptoRng + Spawner + Metrics + RuntimeNetwork + Resolver,
{
    let me = signer.public_key();
    let per_second = |count| Quota::per_second(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN));
    let sake = Sake {
        signer,
        // Clocks of branches must agree within this, and a handshake be no older than that.
        synchrony_bound: Duration::from_secs(5),
        max_handshake_age: Duration::from_secs(10),
        version: sake::Version::V1,
    };
    let config = lookup::Config {
        handshake: Cups::<_, ChaCha20Poly1305>::new(sake, cups::Version::V1),
        namespace,
        listen,
        allow_private_ips: true,
        allow_dns: false,
        // Branches sit behind address translation; the key is what counts.
        bypass_ip_check: true,
        max_message_size: message_bytes,
        max_peers_per_set: NonZeroUsize::new(most_peers).unwrap_or(NonZeroUsize::MIN),
        mailbox_size: NZUsize!(256),
        send_batch_size: NZUsize!(8),
        handshake_timeout: Duration::from_secs(5),
        dial_timeout: Duration::from_secs(10),
        peer_connection_cooldown: Duration::from_millis(250),
        max_concurrent_handshakes: NZU32!(64),
        allowed_handshake_rate_per_ip: per_second(128),
        allowed_handshake_rate_per_subnet: per_second(256),
        ping_frequency: Duration::from_secs(5),
        dial_frequency: Duration::from_millis(200),
        tracked_peer_sets: NZUsize!(2),
        block_duration: Duration::from_mins(10),
    };
    let (mut network, oracle) = lookup::Network::new(context.child("network"), config);
    let opened =
        Channels::open(|channel, quota| ready(Ok::<_, Infallible>(network.register(channel, quota)))).await;
    let channels = match opened {
        Ok(channels) => channels,
        Err(never) => match never {},
    };
    let task = Some(network.start());
    let tracker = Connections { oracle: oracle.clone(), me, most: most_peers };
    Network { channels, provider: oracle, tracker, task }
}
