//! What travels beside the votes: waiting transactions and tips.
//!
//! A transaction must reach a quorum of validators for their clocks to run, so it is sent when it
//! is submitted and again every second while it waits. A tip tells a peer that was away how far
//! the chain is; on an idle chain it would hear nothing else.

use crate::{adapter::Marshal, host::Host};
use bytes::Bytes;
use commonware_codec::{Encode as _, EncodeSize as _, Read as _};
use commonware_consensus::types::Height;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Receiver, Recipients, Sender};
use commonware_runtime::{Clock, Spawner};
use commonware_utils::{channel::mpsc, vec::NonEmptyVec};
use futures::{FutureExt as _, pin_mut, select_biased};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Most transactions in one message.
const BATCH: usize = 256;
/// How often waiting transactions are sent again.
const RESEND: Duration = Duration::from_secs(1);
/// Least time between two tips, however fast blocks come.
const TIP_PAUSE: Duration = Duration::from_millis(200);
/// Largest tip.
pub(crate) const TIP_BYTES: usize = 1024;

/// Largest message of transactions: at least two of the largest transactions fit in.
pub(crate) fn message_bytes(transaction_bytes: usize) -> usize {
    2 * (transaction_bytes + 5) + 5
}

/// Puts transactions into messages within the bounds; one that alone is too large is left out, as
/// the network would panic over it.
fn messages(transactions: impl IntoIterator<Item = Bytes>, max_bytes: usize) -> Vec<Bytes> {
    let mut batches: Vec<Vec<Bytes>> = Vec::new();
    let mut room = 0;
    for transaction in transactions {
        let size = transaction.encode_size();
        if size + 5 > max_bytes {
            tracing::error!(bytes = size, "a waiting transaction is too large to be sent");
            continue;
        }
        match batches.last_mut() {
            Some(batch) if size <= room && batch.len() < BATCH => batch.push(transaction),
            _ => {
                room = max_bytes - 5;
                batches.push(vec![transaction]);
            }
        }
        room -= size;
    }
    batches.iter().map(|batch| batch.encode()).collect()
}

/// Sends submitted transactions at once, and the waiting ones again while the chain is busy.
pub(crate) async fn send_transactions<E: Clock + Spawner>(
    context: E,
    host: Arc<Host>,
    mut submitted: mpsc::UnboundedReceiver<Bytes>,
    mut peers: impl Sender<PublicKey = PublicKey>,
    max_bytes: usize,
) {
    let mut busy = host.busy.watch();
    let mut due = context.current();
    let mut fresh = Vec::new();
    loop {
        let submissions = {
            let tick = async {
                if !busy.get() {
                    busy.until(|busy| busy).await;
                    due = context.current() + RESEND;
                }
                context.sleep_until(due).await;
                due = context.current() + RESEND;
            }
            .fuse();
            let submissions = submitted.recv_many(&mut fresh, BATCH).fuse();
            pin_mut!(tick, submissions);
            select_biased! {
                count = submissions => Some(count),
                () = tick => None,
            }
        };
        let transactions = match submissions {
            Some(0) => return,
            Some(_) => std::mem::take(&mut fresh),
            None => {
                // What waits may have become void with time, on all nodes at once: only leaders are
                // asked for a proposal, the others find out here.
                let waiting = host.call(&context, move |host| {
                    let waiting = host.application().waiting(max_bytes);
                    host.ask_busy();
                    waiting
                });
                let waiting = waiting.await;
                let Some(waiting) = waiting else { return };
                waiting
            }
        };
        for message in messages(transactions, max_bytes) {
            peers.send(Recipients::All, message, false);
        }
    }
}

/// Takes in the transactions of peers.
pub(crate) async fn hear_transactions<E: Clock + Spawner>(
    context: E,
    host: Arc<Host>,
    mut peers: impl Receiver<PublicKey = PublicKey>,
    max_bytes: usize,
) {
    while let Ok((peer, message)) = peers.recv().await {
        let bounds = ((0..=BATCH).into(), (0..=max_bytes).into());
        match Vec::<Bytes>::read_cfg(&mut message.clone(), &bounds) {
            Ok(transactions) => {
                if host.call(&context, move |host| host.hear(&transactions)).await.is_none() {
                    return;
                }
            }
            Err(error) => tracing::debug!(%peer, %error, "a peer sent a broken list of transactions"),
        }
    }
}

/// Sends the tip after every block and every `interval`.
pub(crate) async fn send_tips<E: Clock + Spawner>(
    context: E,
    host: Arc<Host>,
    mut peers: impl Sender<PublicKey = PublicKey>,
    interval: Duration,
) {
    let mut delivered = host.delivered.watch();
    loop {
        let Some(tip) = host.call(&context, |host| host.application().tip()).await else { return };
        match tip {
            Some(tip) if tip.len() <= TIP_BYTES => {
                peers.send(Recipients::All, tip, false);
            }
            Some(tip) => {
                tracing::error!(chain = host.name(), bytes = tip.len(), "the tip is too large to be sent");
            }
            None => tracing::debug!(chain = host.name(), "there is no tip to be sent"),
        }
        context.sleep(TIP_PAUSE.min(interval)).await;
        let rest = context.sleep(interval.saturating_sub(TIP_PAUSE)).fuse();
        let applied = delivered.changed().fuse();
        pin_mut!(rest, applied);
        select_biased! {
            _ = applied => {}
            () = rest => {}
        }
    }
}

/// Listens to tips, and fetches the end of the chain from those peers that are ahead.
pub(crate) async fn hear_tips<E: Clock + Spawner>(
    context: E,
    host: Arc<Host>,
    marshal: Marshal,
    mut peers: impl Receiver<PublicKey = PublicKey>,
) {
    let mut delivered = host.delivered.watch();
    let mut claims: BTreeMap<PublicKey, u64> = BTreeMap::new();
    let mut horizon = horizon(&host);
    loop {
        let heard = {
            let heard = peers.recv().fuse();
            let delivered = delivered.changed().fuse();
            pin_mut!(heard, delivered);
            select_biased! {
                heard = heard => match heard {
                    Ok(heard) => Some(heard),
                    Err(_) => return,
                },
                _ = delivered => None,
            }
        };
        let Some((peer, message)) = heard else {
            // A new epoch was reached: what peers claimed beyond the old one can be fetched now.
            let reached = self::horizon(&host);
            if reached != horizon {
                horizon = reached;
                for (peer, claimed) in &claims {
                    fetch(&host, &marshal, peer, *claimed, horizon);
                }
            }
            continue;
        };
        if message.len() > TIP_BYTES {
            continue;
        }
        let from = peer.as_ref().try_into().unwrap_or_default();
        let tip = Bytes::from(message);
        match host.call(&context, move |host| host.application().hear_tip(from, &tip)).await {
            None => return,
            Some(None) => tracing::debug!(%peer, "a peer sent an invalid tip"),
            Some(Some(claimed)) => {
                fetch(&host, &marshal, &peer, claimed, horizon);
                claims.insert(peer, claimed);
            }
        }
    }
}

/// The last height whose validators are known: the end of the next block's epoch. The engine
/// drops for good what it is asked to fetch beyond that.
fn horizon(host: &Host) -> u64 {
    let length = host.application().epoch_length().max(1);
    let epoch = host.delivered.get().saturating_add(1) / length;
    epoch.saturating_add(1).saturating_mul(length).saturating_sub(1)
}

/// Asks a peer for what it claims to have. Each is asked for its own claim, so that one that
/// claims too much does not hide those that tell the truth.
fn fetch(host: &Host, marshal: &Marshal, peer: &PublicKey, claimed: u64, horizon: u64) {
    let height = claimed.min(horizon);
    if height > host.delivered.get() {
        marshal.hint_finalized(Height::new(height), NonEmptyVec::new(peer.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_within_their_bounds() {
        let max = message_bytes(1000);
        let sizes = [1000, 1000, 0, 1, 999, 1000, 3000, 5, 700, 700, 700, 700];
        let sent = messages(sizes.map(|size| Bytes::from(vec![7; size])), max);
        assert!(sent.iter().all(|message| message.len() <= max));
        let received: Vec<usize> = sent
            .iter()
            .flat_map(|message| {
                Vec::<Bytes>::read_cfg(&mut message.clone(), &((0..=BATCH).into(), (0..=max).into())).unwrap()
            })
            .map(|transaction| transaction.len())
            .collect();
        let expected: Vec<usize> = sizes.into_iter().filter(|size| *size != 3000).collect();
        assert_eq!(received, expected, "all but the one that no message can hold");
        let many = messages((0..1000).map(|_| Bytes::from_static(b"x")), 1 << 20);
        assert_eq!(many.len(), 4, "no more than {BATCH} in a message");
    }
}
