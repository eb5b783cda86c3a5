//! The application as the engine sees it: proposing and checking on the engine's side of the
//! wall, delivery of final blocks in their order.

use crate::{
    block::{BoundBlock, Digest},
    host::{Host, Proposal, Verdict},
};
use commonware_actor::Feedback;
use commonware_codec::Encode as _;
use commonware_consensus::{
    Application, Reporter,
    marshal::{Update, ancestry::Ancestry, core::Mailbox, standard::Standard},
    simplex::{scheme::ed25519::Scheme, types::Context},
    types::Height,
};
use commonware_cryptography::{Digested, Digestible as _, ed25519::PublicKey};
use commonware_runtime::{Clock, Spawner};
use commonware_utils::{
    acknowledgement::{Acknowledgement as _, Exact},
    channel::mpsc,
};
use futures::{FutureExt as _, StreamExt as _, future::pending, pin_mut, select_biased};
use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

/// The engine's keeper of blocks and certificates.
pub(crate) type Marshal = Mailbox<Scheme, Standard<BoundBlock>>;

/// Answers the engine's questions out of the application.
#[derive(Clone)]
pub(crate) struct Adapter {
    host: Arc<Host>,
    marshal: Marshal,
    /// How long agreed blocks may wait for the votes that make them final before an empty
    /// successor is proposed for their sake.
    patience: Duration,
}

impl Adapter {
    pub(crate) fn new(host: Arc<Host>, marshal: Marshal, patience: Duration) -> Self {
        Self { host, marshal, patience }
    }

    /// `newest` and its ancestors down to what is applied, oldest first; `None` when an ancestor
    /// cannot be had.
    async fn unapplied(
        &self,
        newest: Digested<BoundBlock>,
        ancestry: &mut impl Ancestry<BoundBlock>,
    ) -> Option<Vec<BoundBlock>> {
        let mut blocks = Vec::new();
        let mut block = newest;
        while block.inner().number() > self.host.applied_height() {
            blocks.push(block.inner().clone());
            block = ancestry.next().await?;
        }
        blocks.reverse();
        Some(blocks)
    }
}

fn now_ms(clock: &impl Clock) -> u64 {
    let since = clock.current().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl<E: Clock + Spawner> Application<E> for Adapter {
    type SigningScheme = Scheme;
    type Context = Context<Digest, PublicKey>;
    type Block = BoundBlock;
    type Input = ();

    /// Waits until there is something to propose. With nothing waiting it never answers: the
    /// voters' clocks stand still then (see `gate.rs`), and whatever arrives wakes it.
    async fn propose(
        &mut self,
        (context, _): (E, Self::Context),
        mut ancestry: impl Ancestry<BoundBlock>,
        (): (),
    ) -> Option<Digested<BoundBlock>> {
        let parent = ancestry.next().await?;
        let pending = Arc::new(self.unapplied(parent.clone(), &mut ancestry).await?);
        let mut arrivals = self.host.arrivals.watch();
        let mut fill = false;
        loop {
            let (parent, pending, now) = (parent.inner_shared(), pending.clone(), now_ms(&context));
            let hangs = pending.last().is_some_and(|newest| newest.number() > self.host.applied_height());
            match self.host.call(&context, move |host| host.propose(&parent, &pending, now, fill)).await? {
                Proposal::Made(block) => {
                    let digest = block.digest();
                    return Some(Digested::precomputed(block, digest));
                }
                Proposal::Stale => return None,
                Proposal::Nothing => {}
            }
            let patience =
                async { if hangs { context.sleep(self.patience).await } else { pending_forever().await } }
                    .fuse();
            let arrival = arrivals.changed().fuse();
            pin_mut!(patience, arrival);
            fill = select_biased! {
                _ = arrival => false,
                () = patience => true,
            };
        }
    }

    async fn verify(
        &mut self,
        (context, _): (E, Self::Context),
        mut ancestry: impl Ancestry<BoundBlock>,
    ) -> bool {
        // The engine takes `false` as final, so what cannot be decided stays without an answer.
        let Some(block) = ancestry.next().await else { return pending().await };
        let block = block.inner_shared();
        let Some(parent) = ancestry.next().await else { return pending().await };
        let Some(ancestors) = self.unapplied(parent, &mut ancestry).await else { return pending().await };
        let (checked, now) = (block.clone(), now_ms(&context));
        match self.host.call(&context, move |host| host.verify(&checked, &ancestors, now)).await {
            Some(Verdict::Valid) => true,
            Some(Verdict::Invalid) => {
                tracing::warn!(chain = self.host.name(), height = block.number(), "voted against a block");
                false
            }
            Some(Verdict::Overtaken) => match self.marshal.get_info(Height::new(block.number())).await {
                Some((_, digest)) => digest == block.digest(),
                None => pending().await,
            },
            None => pending().await,
        }
    }
}

async fn pending_forever() {
    pending().await
}

/// Takes final blocks from the engine to the task that applies them.
#[derive(Clone)]
pub(crate) struct Delivery(mpsc::UnboundedSender<Final>);

/// A final block and the acknowledgement that the engine waits for.
pub(crate) type Final = (Digested<BoundBlock>, Exact);

impl Delivery {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Final>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }
}

impl Reporter for Delivery {
    type Activity = Update<BoundBlock>;

    fn report(&mut self, update: Update<BoundBlock>) -> Feedback {
        match update {
            Update::Tip(..) => Feedback::Ok,
            Update::Block(block, acknowledgement) => match self.0.send((block, acknowledgement)) {
                Ok(()) => Feedback::Ok,
                Err(_) => Feedback::Closed,
            },
        }
    }
}

/// Applies final blocks one after the other. A block is acknowledged after its certificate is
/// kept too: until then the engine delivers it again after a restart.
pub(crate) async fn apply_all<E: Spawner>(
    context: E,
    host: Arc<Host>,
    marshal: Marshal,
    mut blocks: mpsc::UnboundedReceiver<Final>,
) {
    while let Some((block, acknowledgement)) = blocks.recv().await {
        if apply(&context, &host, &marshal, block.inner_shared()).await.is_none() {
            return;
        }
        acknowledgement.acknowledge();
    }
}

/// Applies one block and keeps its certificate; `None` when the chain is being stopped.
pub(crate) async fn apply<E: Spawner>(
    context: &E,
    host: &Arc<Host>,
    marshal: &Marshal,
    block: Arc<BoundBlock>,
) -> Option<()> {
    let height = block.number();
    if height > 0 {
        host.call(context, move |host| host.apply(&block)).await?;
        if let Some(certificate) = marshal.get_finalization(Height::new(height)).await {
            let certificate = certificate.encode();
            host.call(context, move |host| host.application().certified(height, &certificate)).await?;
        }
    }
    host.delivered.update(|delivered| delivered.max(height));
    Some(())
}
