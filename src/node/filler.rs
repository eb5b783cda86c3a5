//! Empty blocks that make a hanging block final.
//!
//! When a block is agreed on but the votes that make it final were lost, only a successor can make it final, even when
//! there is nothing to put in it. So an empty block is valid, but one after another only a second apart: nobody can
//! fill the ledger with them.

use wardline_ledger::{
    BlockContext, BlockRefusal, BuiltBlock, Canonical, Changes, HEADER_VERSION, Handover, Header, Key,
    Overlay, State, TreeUpdate, encode_body, ends_epoch, epoch_of, rules, transaction_root, tree,
};

/// Makes the empty block that follows `parent`; nothing while it would come too soon.
pub(crate) fn build(
    state: &dyn State,
    parent: &Header,
    now_s: u64,
    epoch_length: u64,
) -> Result<Option<BuiltBlock>, BlockRefusal> {
    let time_s = now_s.max(parent.time_s);
    if too_soon(parent, time_s) {
        return Ok(None);
    }
    let height = parent.height.saturating_add(1);
    let context = BlockContext {
        network: parent.network,
        chain: parent.chain,
        height,
        epoch: epoch_of(height, epoch_length),
        time_s,
    };
    let (changes, tree) = effect(state, &context, epoch_length)?;
    let header = Header {
        parent: parent.digest(),
        height,
        version: HEADER_VERSION,
        network: context.network,
        chain: context.chain,
        epoch: context.epoch,
        time_s,
        transactions: 0,
        transaction_root: transaction_root(&[]),
        state_root: tree.root,
    };
    Ok(Some(BuiltBlock { header_bytes: header.encode(), header, body: encode_body(&[]), changes, tree }))
}

/// What an empty block does, when it may follow `parent`: everything else about it was checked before.
pub(crate) fn check(
    state: &dyn State,
    parent: &Header,
    header: &Header,
    epoch_length: u64,
) -> Result<(Changes, TreeUpdate), BlockRefusal> {
    if too_soon(parent, header.time_s) {
        return Err(BlockRefusal::Empty);
    }
    let context = BlockContext {
        network: header.network,
        chain: header.chain,
        height: header.height,
        epoch: header.epoch,
        time_s: header.time_s,
    };
    let (changes, tree) = effect(state, &context, epoch_length)?;
    if tree.root != header.state_root {
        return Err(BlockRefusal::StateRoot);
    }
    Ok((changes, tree))
}

fn too_soon(parent: &Header, time_s: u64) -> bool {
    parent.transactions == 0 && time_s <= parent.time_s
}

fn effect(
    base: &dyn State,
    context: &BlockContext,
    epoch_length: u64,
) -> Result<(Changes, TreeUpdate), BlockRefusal> {
    let changes = rules::execute(base, context, &[])
        .map_err(|(index, refusal)| BlockRefusal::Transaction { index, refusal })?;
    let mut update = tree::update(base, context.height, &changes).map_err(BlockRefusal::Tree)?;
    if ends_epoch(context.height, epoch_length) {
        let mut after = Overlay::new(base);
        after.push(changes.clone(), &update);
        let epoch = context.epoch.saturating_add(1);
        let key = Key::Validators(epoch).bytes();
        let (set, proof) = tree::prove(&after, context.height, &key).map_err(BlockRefusal::Tree)?;
        update.handover = set.map(|set| Handover { epoch, set, proof });
    }
    Ok((changes, update))
}
