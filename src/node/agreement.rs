//! How the engine drives a chain: what is admitted, proposed, voted for and applied.

use crate::application::{ChainApplication, Problem};
use bytes::Bytes;
use std::net::{SocketAddr, ToSocketAddrs};
use wardline_consensus::{Application, Block, Peers};
use wardline_crypto::Digest;
use wardline_ledger::{
    BlockContext, BlockRefusal, Canonical, Chain, Header, Participant, Proposal, Refusal, SignedTip,
    TreeError, TxId, build_block, build_empty_block, decode_body, epoch_of, rules, state,
};

/// Bytes of waiting transactions that are looked at for one block: more than fit, as some are in pending blocks.
const CANDIDATE_BYTES: usize = 4 * 1024 * 1024;
/// Waiting transactions that are looked at again after each block, and their bytes.
const LOOK_AGAIN: usize = 64;
const LOOK_AGAIN_BYTES: usize = 256 * 1024;

impl Application for ChainApplication {
    fn genesis(&self) -> Block {
        self.genesis.clone()
    }

    fn applied(&self) -> (u64, [u8; 32]) {
        match self.store.applied() {
            Ok(Some(applied)) => (applied.height, *applied.digest.bytes()),
            Ok(None) => (0, *Digest::of(&self.genesis.header).bytes()),
            Err(error) => {
                self.halt(error);
                (0, *Digest::of(&self.genesis.header).bytes())
            }
        }
    }

    fn admit(&self, transaction: &[u8]) -> Result<bool, String> {
        let outcome = self.admit_all(&[Bytes::copy_from_slice(transaction)]).pop();
        outcome.unwrap_or_else(|| Err("the transaction was not looked at".to_owned()))
    }

    fn admit_all(&self, transactions: &[Bytes]) -> Vec<Result<bool, String>> {
        let named = transactions.iter().map(|bytes| (Digest::of(bytes), bytes));
        let mut outcomes: Vec<_> = named.map(|(id, bytes)| (id, bytes, self.is_new(id, bytes))).collect();
        // All are checked over one state.
        let checked = self.over(&[], |view, parent| {
            let context = self.next_context(parent, self.clock.now_s());
            for (_, bytes, outcome) in &mut outcomes {
                if !matches!(outcome, Ok(true)) {
                    continue;
                }
                match rules::check_bytes(view, &context, bytes) {
                    // Carried over from the main chain, where the change before it is final too: it comes along.
                    Err(Refusal::EntryAhead) if self.chain == Chain::Side => {}
                    Err(refusal) => *outcome = Err(format!("{}: {refusal}", refusal.code())),
                    Ok(_) => {}
                }
            }
            Ok(())
        });
        let checked = checked.map_err(|error| unavailable(&error));
        let stored = checked.and_then(|()| self.admit_checked(&mut outcomes));
        outcomes
            .into_iter()
            .map(|(.., outcome)| match (&stored, outcome) {
                (Err(error), Ok(true)) => Err(error.clone()),
                (_, outcome) => outcome,
            })
            .collect()
    }

    fn waiting(&self, max_bytes: usize) -> Vec<Bytes> {
        // What no block takes any more need not be sent again, and must not keep the clocks running.
        if let Err(problem) = self.look_again() {
            tracing::warn!(chain = %self.chain, %problem, "the waiting transactions cannot be looked at");
        }
        match self.store.waiting(max_bytes) {
            Ok(waiting) => waiting.into_iter().map(|(_, bytes)| bytes.into()).collect(),
            Err(error) => {
                tracing::error!(chain = %self.chain, %error, "the waiting transactions cannot be read");
                Vec::new()
            }
        }
    }

    fn busy(&self) -> bool {
        if self.halted().is_some() {
            return false;
        }
        self.pool.len() > 0 || state::change_is_pending(self.state()).unwrap_or(false)
    }

    fn propose(&self, parent: &Block, pending: &[Block], now_ms: u64) -> Option<Block> {
        let now_s = now_ms / 1000;
        let proposal = self.build(parent, pending, |state, header| {
            let skip = transaction_ids(pending);
            let waiting = self.candidates()?;
            let candidates = waiting.into_iter().filter(|(id, _)| !skip.contains(id)).map(|(_, bytes)| bytes);
            build_block(state, header, now_s, candidates)
        })?;
        let Proposal { block, refused } = proposal;
        // Over pending blocks a refusal proves nothing yet: one of them may not become final.
        if pending.is_empty() {
            self.drop_refused(&refused, now_s);
        }
        block.map(|built| self.proposed(built))
    }

    fn fill(&self, parent: &Block, pending: &[Block], now_ms: u64) -> Option<Block> {
        let built =
            self.build(parent, pending, |state, header| build_empty_block(state, header, now_ms / 1000))?;
        built.map(|built| self.proposed(built))
    }

    fn verify(&self, block: &Block, pending: &[Block], now_ms: u64) -> bool {
        if self.halted().is_some() {
            return false;
        }
        let allowed = self.allowed_here(block);
        let checked = allowed.and_then(|()| {
            self.over(pending, |state, parent| self.check(state, parent, block, now_ms / 1000))
        });
        match checked {
            Ok(()) => true,
            Err(problem) => {
                tracing::warn!(chain = %self.chain, %problem, "not voting for a block");
                false
            }
        }
    }

    fn apply(&self, block: &Block) {
        if self.halted().is_some() {
            return;
        }
        let (applied, _) = self.applied();
        if Header::decode(&block.header).is_ok_and(|header| header.height <= applied) {
            return;
        }
        let done =
            decode_body(&block.body).map_err(|error| Problem::Block(error.into())).and_then(|transactions| {
                self.mirror.carry(&transactions)?;
                self.apply_final(block, &transactions)?;
                self.mirror.carried(&transactions);
                self.look_again()
            });
        if let Err(problem) = done {
            // Nothing after it can be applied either, and to vote on would be to guess.
            self.halt(problem);
        }
    }

    fn certified(&self, height: u64, certificate: &[u8]) {
        match self.store.put_certificate(height, certificate) {
            Ok(()) => self.update_progress(|progress| progress.certified = progress.certified.max(height)),
            Err(error) => self.halt(error),
        }
    }

    fn epoch_length(&self) -> u64 {
        self.epoch_length
    }

    fn validators(&self, epoch: u64) -> Option<Vec<[u8; 32]>> {
        match state::validators(self.state(), epoch) {
            Ok(set) => set.map(|set| set.keys().map(|key| *key.bytes()).collect()),
            Err(error) => {
                self.halt(error);
                None
            }
        }
    }

    fn peers(&self) -> Peers {
        let (height, _) = self.applied();
        let epoch = epoch_of(height.saturating_add(1), self.epoch_length);
        let voting: Vec<[u8; 32]> = [epoch, epoch.saturating_add(1)]
            .into_iter()
            .filter_map(|epoch| self.validators(epoch))
            .flatten()
            .collect();
        let participants = state::participants(self.state()).unwrap_or_else(|error| {
            tracing::error!(chain = %self.chain, %error, "the participants cannot be read");
            Vec::new()
        });
        let mut peers = Peers::default();
        for participant in participants.iter().filter(|participant| participant.active) {
            let Some(key) = participant.validator_key(self.chain) else { continue };
            let Some(address) = self.address_of(participant) else {
                tracing::warn!(chain = %self.chain, branch = %participant.id, "a participant's address is not known");
                continue;
            };
            let peer = (*key.bytes(), address);
            if voting.contains(key.bytes()) { peers.primary.push(peer) } else { peers.secondary.push(peer) }
        }
        peers
    }

    fn tip(&self) -> Option<Bytes> {
        if self.halted().is_some() {
            return None;
        }
        self.sign_tip().unwrap_or_else(|problem| {
            // Not "block 0" either: whoever has an earlier tip could prove a rollback by it, for ever.
            self.halt(problem);
            None
        })
    }

    fn hear_tip(&self, from: [u8; 32], tip: &[u8]) -> Option<u64> {
        let tip = SignedTip::decode(tip).ok()?;
        if tip.network != self.network || tip.chain != self.chain {
            return None;
        }
        let participant = state::participant(self.state(), tip.branch).ok().flatten()?;
        let speaks = participant.validator_key(self.chain).is_some_and(|key| *key.bytes() == from);
        let max_age_s = u64::from(state::policy(self.state()).ok()?.tip_max_age_s);
        let from_the_future = tip.time_s > self.clock.now_s().saturating_add(max_age_s);
        if !participant.active || !speaks || from_the_future || !tip.verify(&participant.signing) {
            return None;
        }
        let own = self.store.header(tip.height).ok()?;
        if own.is_some_and(|own| Digest::of(&own) != tip.digest) {
            tracing::error!(chain = %self.chain, branch = %tip.branch, height = tip.height,
                "two histories: a participant says that another block is final at this height");
            return None;
        }
        let height = tip.height;
        self.tips().hear(tip);
        Some(height)
    }
}

/// A transaction on its way into the queue.
type Admission<'a> = (TxId, &'a Bytes, Result<bool, String>);

fn unavailable(error: &dyn std::fmt::Display) -> String {
    format!("state.unavailable: {error}; try again")
}

impl ChainApplication {
    /// Whether a transaction is one that does not wait yet, and may: everything that needs no rule.
    fn is_new(&self, id: TxId, transaction: &[u8]) -> Result<bool, String> {
        if self.halted().is_some() {
            return Err("stopped: this branch's chain stands still, hand it in at another branch".to_owned());
        }
        if self.pool.contains(&id)
            || self.store.find_transaction(&id).map_err(|error| unavailable(&error))?.is_some()
        {
            return Ok(false);
        }
        if self.is_full() {
            return Err("busy: too many transactions wait at this branch; try again later".to_owned());
        }
        if !self.mirror.allows(transaction).map_err(|error| unavailable(&error))? {
            return Err("registry.main-first: registry changes are handed in on the main chain; \
                        the branches carry them over"
                .to_owned());
        }
        Ok(true)
    }

    /// Puts those that hold into the queue, with one wait for the disk.
    fn admit_checked(&self, admissions: &mut [Admission<'_>]) -> Result<(), String> {
        let mut stored = Vec::new();
        for (id, bytes, outcome) in admissions.iter_mut().filter(|(.., outcome)| matches!(outcome, Ok(true)))
        {
            // Noted before it is stored: a block that is applied in between, or that makes it impossible, takes it out
            // of both, and nothing is left that nobody ever takes out. Not what the store says is new, either: a
            // registry change that was carried over lies there before it comes here.
            *outcome = Ok(self.pool.insert(*id));
            stored.push((*id, bytes.to_vec()));
        }
        let ids: Vec<TxId> = stored.iter().map(|(id, _)| *id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        self.store.admit_all_waiting(stored).map_err(|error| {
            self.pool.applied(&ids);
            self.halt(&error);
            "stopped: this branch cannot write to its disk; hand it in at another branch".to_owned()
        })?;
        for (id, _, outcome) in admissions.iter_mut().filter(|(id, ..)| ids.contains(id)) {
            // It may have become final since it was looked for; then nobody would ever take it out again.
            if self.store.find_transaction(id).map_err(|error| unavailable(&error))?.is_some() {
                self.pool.applied(&[*id]);
                *outcome = Ok(false);
            }
        }
        Ok(())
    }

    /// Builds over the state of `parent`, the last of `pending` or the applied block.
    fn build<T>(
        &self,
        parent: &Block,
        pending: &[Block],
        work: impl FnOnce(&dyn wardline_ledger::State, &Header) -> Result<T, BlockRefusal>,
    ) -> Option<T> {
        if self.halted().is_some() {
            return None;
        }
        let digest = Digest::of(&parent.header);
        let built = self.over(pending, |state, header| {
            // The applied block may have moved on since the engine asked.
            if header.digest() == digest { work(state, header).map(Some) } else { Ok(None) }
        });
        built.unwrap_or_else(|problem| {
            tracing::error!(chain = %self.chain, %problem, "no block can be made");
            None
        })
    }

    /// Looks again at the oldest waiting transactions after a block was applied: what it made impossible is told to
    /// whoever waits for it at once, and at participants that never propose.
    fn look_again(&self) -> Result<(), Problem> {
        if self.pool.len() == 0 {
            return Ok(());
        }
        let waiting = self.store.waiting(LOOK_AGAIN_BYTES)?;
        let now_s = self.clock.now_s();
        let refused = self.over(&[], |view, parent| {
            let context = self.next_context(parent, now_s);
            let check = |(id, bytes): &(TxId, Vec<u8>)| {
                rules::check_bytes(view, &context, bytes).err().map(|refusal| (*id, refusal))
            };
            Ok(waiting.iter().take(LOOK_AGAIN).filter_map(check).collect::<Vec<_>>())
        })?;
        self.drop_refused(&refused, now_s);
        Ok(())
    }

    pub(crate) fn drop_refused(&self, refused: &[(TxId, Refusal)], now_s: u64) {
        // A change that the main chain has agreed on waits here until those before it are in, however long that is.
        let carried = |refusal: &Refusal| self.chain == Chain::Side && matches!(refusal, Refusal::EntryAhead);
        let refused: Vec<_> = refused.iter().filter(|(_, refusal)| !carried(refusal)).cloned().collect();
        let dropped = self.pool.refuse(&refused, now_s);
        if dropped.is_empty() {
            return;
        }
        if let Err(error) = self.store.drop_waiting(&dropped) {
            self.halt(error);
        }
        self.update_progress(|progress| progress.refused += 1);
    }

    /// Where a transaction would be that goes into the block after `parent` now.
    fn next_context(&self, parent: &Header, now_s: u64) -> BlockContext {
        let height = parent.height.saturating_add(1);
        BlockContext {
            network: self.network,
            chain: self.chain,
            height,
            epoch: epoch_of(height, self.epoch_length),
            time_s: now_s.max(parent.time_s),
        }
    }

    fn candidates(&self) -> Result<Vec<(TxId, Vec<u8>)>, BlockRefusal> {
        let unreadable = |error: wardline_store::StoreError| {
            TreeError::from(wardline_ledger::StateUnavailable(error.to_string()))
        };
        Ok(self.store.waiting(CANDIDATE_BYTES).map_err(unreadable)?)
    }

    /// What this node can only judge by its other chain: registry changes come from the main chain.
    fn allowed_here(&self, block: &Block) -> Result<(), Problem> {
        if self.chain == Chain::Main {
            return Ok(());
        }
        for bytes in decode_body(&block.body).map_err(BlockRefusal::from)? {
            if !self.mirror.allows(&bytes)? {
                return Err(Problem::NotOnMain);
            }
        }
        Ok(())
    }

    fn address_of(&self, participant: &Participant) -> Option<SocketAddr> {
        if let Some(addresses) = self.addresses.get(&participant.id) {
            return match self.chain {
                Chain::Main => Some(addresses.main),
                Chain::Side => addresses.side,
            };
        }
        let registered = match self.chain {
            Chain::Main => Some(&participant.main_address),
            Chain::Side => participant.side_address.as_ref(),
        }?;
        registered.parse().ok().or_else(|| registered.to_socket_addrs().ok()?.next())
    }
}

fn transaction_ids(blocks: &[Block]) -> std::collections::BTreeSet<TxId> {
    blocks
        .iter()
        .filter_map(|block| decode_body(&block.body).ok())
        .flatten()
        .map(|bytes| Digest::of(&bytes))
        .collect()
}
