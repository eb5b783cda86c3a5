//! Registry changes on both chains, without an engine between them.

use super::{
    simulated::{NOW, Story},
    world::World,
};
use crate::{
    application::{ApplicationSettings, ChainApplication},
    mirror::Mirror,
};
use std::{collections::BTreeMap, path::Path, sync::Arc};
use tempfile::TempDir;
use tokio::sync::mpsc;
use wardline_consensus::Application;
use wardline_crypto::Digest;
use wardline_ledger::{BranchId, Chain, RegistryEntry, StaffEntry, decode_body, state};
use wardline_store::ChainStore;

struct Both {
    main: Arc<ChainApplication>,
    side: Arc<ChainApplication>,
    carried: mpsc::UnboundedReceiver<Vec<u8>>,
}

fn open(world: &World, clock: &Arc<Story>, directory: &Path, branch: u16) -> Both {
    let store =
        |name: &str| Arc::new(ChainStore::open(directory.join(format!("{branch}-{name}.sqlite"))).unwrap());
    let application = |chain, store, mirror| {
        let signing = Arc::new(world.secrets(branch).signing);
        let (clock, addresses) = (Arc::clone(clock) as _, BTreeMap::new());
        let settings = ApplicationSettings {
            chain,
            branch: BranchId(branch),
            signing,
            clock,
            addresses,
            mirror,
            verified: Default::default(),
        };
        Arc::new(ChainApplication::open(store, &world.genesis, settings).unwrap())
    };
    let main_store = store("main");
    let side = application(Chain::Side, store("side"), Mirror::From { main: Arc::clone(&main_store) });
    let (wake, carried) = mpsc::unbounded_channel();
    let main = application(Chain::Main, main_store, Mirror::To { side: Arc::clone(&side), wake });
    Both { main, side, carried }
}

#[test]
fn registry_changes_reach_the_side_chain_through_the_main_chain_alone() {
    let (world, clock, directory) = (World::new(NOW), Arc::new(Story::at(NOW)), TempDir::new().unwrap());
    let now_ms = NOW * 1000;
    let (mut one, mut two) =
        (open(&world, &clock, directory.path(), 1), open(&world, &clock, directory.path(), 2));
    let revoke = world.revoke("patient 1");
    let id = Digest::of(&revoke);

    assert!(one.side.admit(&revoke).unwrap_err().starts_with("registry.main-first: "));
    one.main.admit(&revoke).unwrap();
    let block = one.main.propose(&one.main.genesis(), &[], now_ms).unwrap();
    one.main.apply(&block);
    assert_eq!(one.carried.try_recv().unwrap(), revoke);
    assert_eq!(one.side.admit(&revoke), Ok(true), "new to the engine, though it lies in the store already");
    assert_eq!(one.side.admit(&revoke), Ok(false));

    // A branch whose main chain is behind does not vote for it yet.
    let side_block = one.side.propose(&one.side.genesis(), &[], now_ms).unwrap();
    assert!(one.side.verify(&side_block, &[], now_ms));
    assert!(!two.side.verify(&side_block, &[], now_ms));
    assert!(two.side.admit(&revoke).is_err());
    two.main.apply(&block);
    assert!(two.side.verify(&side_block, &[], now_ms));

    // A crash after the main chain's block: what was carried over is still there.
    drop(two);
    two = open(&world, &clock, directory.path(), 2);
    assert!(two.side.is_waiting(&id));
    assert!(two.side.busy());
    for both in [&one, &two] {
        both.side.apply(&side_block);
        for chain in [&both.main, &both.side] {
            let entry: StaffEntry =
                state::staff(chain.state(), world.person("patient 1").entry.id).unwrap().unwrap();
            assert!(!entry.active);
            assert!(!chain.busy());
        }
    }
    assert_eq!(two.carried.try_recv().ok(), None);
}

#[test]
fn changes_of_one_entry_keep_their_order() {
    let (world, clock, directory) = (World::new(NOW), Arc::new(Story::at(NOW)), TempDir::new().unwrap());
    let now_ms = NOW * 1000;
    let mut one = open(&world, &clock, directory.path(), 1);
    let mut parent = one.main.genesis();
    let mut suites = Vec::new();
    for (version, mask) in [(1, 0b100), (2, 0b111), (3, 0b110)] {
        let change = world.registry(version, RegistryEntry::Suites(mask));
        one.main.admit(&change).unwrap();
        let block = one.main.propose(&parent, &[], now_ms).unwrap();
        one.main.apply(&block);
        parent = block;
        suites.push(change);
    }
    // Even handed to the side chain's engine in the wrong order, all of them wait.
    let mut carried = Vec::new();
    while let Ok(change) = one.carried.try_recv() {
        carried.push(change);
    }
    assert_eq!(carried, suites);
    for change in carried.iter().rev() {
        assert_eq!(one.side.admit(change), Ok(true));
    }
    let block = one.side.propose(&one.side.genesis(), &[], now_ms).unwrap();
    assert_eq!(decode_body(&block.body).unwrap(), suites, "all of them, in the order of the main chain");
    one.side.apply(&block);
    assert_eq!(state::suites(one.side.state()).unwrap(), 0b110);
    assert!(!one.side.busy());
}
