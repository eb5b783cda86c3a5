//! Blocks and genesis: what is built is what is checked, and every check has something that only it stops.

use super::*;
use crate::testing::*;
use crate::{Body, Chain, Genesis, GenesisError, NetworkPolicy, Participant, RegistryEntry};
use wardline_policy::{Role, Roles};

struct Fixture {
    world: World,
    parent: Header,
    built: BuiltBlock,
}

fn fixture() -> Fixture {
    let world = World::new();
    let parent = world.genesis.block(Chain::Main).unwrap().header;
    let transactions = ["a", "b"].map(|name| world.by("ward", Body::Storage(world.storage(name))).encode());
    let built = build_block(&world.main, &parent, NOW, transactions.into_iter()).unwrap().block.unwrap();
    Fixture { world, parent, built }
}

impl Fixture {
    fn check(&self, header: &Header, body: &[u8]) -> Result<(Changes, TreeUpdate), BlockRefusal> {
        check_block(&self.world.main, &self.parent, &header.encode(), body, NOW)
    }

    fn edited(&self, edit: impl FnOnce(&mut Header)) -> BlockRefusal {
        let mut header = self.built.header.clone();
        edit(&mut header);
        self.check(&header, &self.built.body).unwrap_err()
    }
}

#[test]
fn what_is_built_is_what_is_checked() {
    let f = fixture();
    let (changes, tree) = f.check(&f.built.header, &f.built.body).unwrap();
    assert_eq!((changes, tree), (f.built.changes.clone(), f.built.tree.clone()));
    assert_eq!((f.built.header.time_s, f.built.header.transactions), (NOW, 2));
    assert_eq!(f.built.header_bytes, f.built.header.encode());
}

#[test]
fn every_field_of_the_header_is_checked() {
    let f = fixture();
    let header = BlockRefusal::Header;
    assert_eq!(f.edited(|h| h.network = Digest::ZERO), header(HeaderError::OtherNetwork));
    assert_eq!(f.edited(|h| h.chain = Chain::Side), header(HeaderError::OtherChain));
    assert_eq!(f.edited(|h| h.height = 2), header(HeaderError::Height { found: 2, expected: 1 }));
    assert_eq!(f.edited(|h| h.parent = Digest::ZERO), header(HeaderError::Parent));
    assert_eq!(f.edited(|h| h.epoch = 1), header(HeaderError::Epoch));
    assert_eq!(f.edited(|h| h.time_s = f.parent.time_s - 1), header(HeaderError::TimeGoesBack));
    assert_eq!(f.edited(|h| h.time_s = NOW + 11), header(HeaderError::TimeAhead(11)));
    assert_eq!(f.edited(|h| h.transactions = 1), BlockRefusal::Body);
    assert_eq!(f.edited(|h| h.transaction_root = Digest::ZERO), BlockRefusal::Body);
    assert_eq!(f.edited(|h| h.state_root = Digest::ZERO), BlockRefusal::StateRoot);
    let mut ahead = f.built.header.clone();
    ahead.time_s = NOW + 10;
    assert!(f.check(&ahead, &f.built.body).is_ok(), "ten seconds are allowed");
}

#[test]
fn an_agreed_block_is_replayed_whatever_the_clock_says() {
    let f = fixture();
    let (header, body) = (&f.built.header_bytes, &f.built.body);
    let early = NOW - 60;
    assert_eq!(
        check_block(&f.world.main, &f.parent, header, body, early).unwrap_err(),
        BlockRefusal::Header(HeaderError::TimeAhead(60))
    );
    let (changes, tree) = replay_block(&f.world.main, &f.parent, header, body).unwrap();
    assert_eq!((changes, tree), (f.built.changes, f.built.tree));
}

#[test]
fn another_body_is_refused() {
    let f = fixture();
    let one = encode_body(&decode_body(&f.built.body).unwrap()[..1]);
    assert_eq!(f.check(&f.built.header, &one).unwrap_err(), BlockRefusal::Body);
    assert_eq!(crate::body_matches(&f.built.header_bytes, &one), None);
    let longer = [f.built.body.as_slice(), &[0]].concat();
    assert_eq!(
        f.check(&f.built.header, &longer).unwrap_err(),
        BlockRefusal::Malformed(DecodeError::Trailing(1))
    );
    assert_eq!(crate::body_matches(&f.built.header_bytes, &longer), None);
    assert_eq!(crate::body_matches(&f.built.header_bytes[1..], &f.built.body), None);
    let edits: [fn(&mut Header); 2] =
        [|header| header.transactions = 1, |header| header.transaction_root = Digest::ZERO];
    for edit in edits {
        let mut header = f.built.header.clone();
        edit(&mut header);
        assert_eq!(crate::body_matches(&header.encode(), &f.built.body), None);
    }
    assert_eq!(
        crate::body_matches(&f.built.header_bytes, &f.built.body),
        Some((1, *f.parent.digest().bytes()))
    );
}

#[test]
fn a_bodys_limits_hold() {
    let too_many = encode_body(&vec![vec![]; crate::MAX_TRANSACTIONS + 1]);
    assert!(matches!(
        decode_body(&too_many),
        Err(DecodeError::TooLong { limit: crate::MAX_TRANSACTIONS, .. })
    ));
    let too_large = encode_body(&[vec![0; crate::MAX_TRANSACTION + 1]]);
    assert!(matches!(
        decode_body(&too_large),
        Err(DecodeError::TooLong { limit: crate::MAX_TRANSACTION, .. })
    ));
    assert!(matches!(decode_body(&vec![0; MAX_BODY + 1]), Err(DecodeError::TooLong { limit: MAX_BODY, .. })));
    assert!(decode_body(&encode_body(&[vec![0; crate::MAX_TRANSACTION]])).is_ok());
}

#[test]
fn a_bad_transaction_spoils_its_block() {
    let f = fixture();
    let mut transactions = decode_body(&f.built.body).unwrap();
    transactions[1] = transactions[0].clone(); // the same record twice
    let mut header = f.built.header.clone();
    header.transaction_root = transaction_root(&transactions);
    let refusal = f.check(&header, &encode_body(&transactions)).unwrap_err();
    assert_eq!(refusal, BlockRefusal::Transaction { index: 1, refusal: Refusal::RecordVersion });
}

#[test]
fn an_empty_block_is_proposed_only_on_request_and_follows_another_a_second_later() {
    let f = fixture();
    let proposal = build_block(&f.world.main, &f.parent, NOW, std::iter::empty()).unwrap();
    assert_eq!((proposal.block, proposal.refused), (None, vec![]));

    // the genesis block is empty too, so its successor is already held to the rule
    assert_eq!(f.parent.transactions, 0);
    assert_eq!(build_empty_block(&f.world.main, &f.parent, f.parent.time_s).unwrap(), None);
    let later = build_empty_block(&f.world.main, &f.parent, f.parent.time_s + 1).unwrap().unwrap();
    assert_eq!(f.check(&later.header, &later.body).unwrap(), (later.changes, later.tree));

    // After a block with transactions it comes in the same second.
    let mut state = f.world.main.clone();
    state.apply(f.built.changes.clone(), &f.built.tree);
    let after = build_empty_block(&state, &f.built.header, NOW).unwrap().unwrap();
    assert_eq!(after.header.time_s, f.built.header.time_s);
    assert!(check_block(&state, &f.built.header, &after.header_bytes, &after.body, NOW).is_ok());

    let at_once = Header { time_s: f.parent.time_s, ..later.header };
    assert_eq!(f.check(&at_once, &encode_body(&[])).unwrap_err(), BlockRefusal::Empty);
}

#[test]
fn blocks_are_built_on_blocks_that_are_not_applied() {
    let f = fixture();
    let mut ahead = Overlay::new(&f.world.main);
    ahead.push(f.built.changes.clone(), &f.built.tree);
    let again = f.world.by("ward", Body::Storage(f.world.storage("a"))).encode();
    let new = f.world.by("ward", Body::Storage(f.world.storage("c"))).encode();
    let second = build_block(&ahead, &f.built.header, NOW, [again, new].into_iter()).unwrap();
    assert_eq!(second.refused.len(), 1, "the record is there in the block before");
    let second = second.block.unwrap();
    assert!(check_block(&ahead, &f.built.header, &second.header_bytes, &second.body, NOW).is_ok());

    // The same two blocks, one after the other.
    let mut applied = f.world.main.clone();
    applied.apply(f.built.changes.clone(), &f.built.tree);
    let (changes, tree) =
        check_block(&applied, &f.built.header, &second.header_bytes, &second.body, NOW).unwrap();
    assert_eq!((changes, tree), (second.changes, second.tree));
}

#[test]
fn a_blocks_time_never_goes_back() {
    let f = fixture();
    let transaction = f.world.by("ward", Body::Storage(f.world.storage("a"))).encode();
    let parent = Header { time_s: NOW + 5, ..f.parent.clone() };
    let built = build_block(&f.world.main, &parent, NOW, [transaction].into_iter()).unwrap().block.unwrap();
    assert_eq!(built.header.time_s, NOW + 5);
}

#[test]
fn a_node_that_cannot_read_says_so() {
    let f = fixture();
    let result = check_block(&Broken, &f.parent, &f.built.header_bytes, &f.built.body, NOW);
    assert!(matches!(result, Err(BlockRefusal::Tree(TreeError::Unavailable(_)))));
    assert!(build_block(&Broken, &f.parent, NOW, std::iter::empty()).is_err());
}

#[test]
fn the_last_block_of_an_epoch_hands_over() {
    let mut chain = TestChain::new(Chain::Main);
    for height in 1..=8 {
        chain.extend_any();
        assert_eq!(chain.sets.len(), [0, 0, 0, 1, 1, 1, 1, 2, 2][height], "{height}");
    }
    assert_eq!(chain.validators, chain.world.genesis.validators(Chain::Main), "unchanged, and named again");
    let (set, proof) = &chain.sets[&2];
    let boundary = Header::decode(&chain.blocks[6].0).unwrap();
    assert_eq!(proof.verify(&boundary.state_root, &Key::Validators(2).bytes(), Some(set)), Ok(()));
}

#[test]
fn a_genesis_begins_both_chains() {
    let genesis = genesis();
    let [main, side] = Chain::ALL.map(|chain| genesis.block(chain).unwrap());
    assert_ne!(main.header.digest(), side.header.digest());
    assert_ne!(genesis.namespace(Chain::Main), genesis.namespace(Chain::Side));
    assert_eq!(genesis.namespace(Chain::Side).len(), 9 + 64 + 5);
    for block in [main, side] {
        assert_eq!(block.header.network, Digest::of(&genesis.encode()));
        assert_eq!((block.header.parent, block.header.height), (Digest::ZERO, 0));
        assert_eq!(crate::body_matches(&block.header_bytes, &block.body), Some((0, [0; 32])));
        assert_eq!(block.header.state_root, block.tree.root);
    }
    assert_eq!(genesis.validators(Chain::Main).members.len(), 4);
}

#[test]
fn a_genesis_is_checked() {
    fn refused(edit: impl FnOnce(&mut Genesis)) -> GenesisError {
        let mut genesis = genesis();
        edit(&mut genesis);
        genesis.check().unwrap_err()
    }
    fn one(genesis: &mut Genesis) -> &mut Participant {
        &mut genesis.participants[0]
    }
    assert_eq!(refused(|g| g.name = " ".into()), GenesisError::NoName);
    assert_eq!(refused(|g| g.epoch_length = 1), GenesisError::EpochLength);
    assert_eq!(refused(|g| g.epoch_length = 65_537), GenesisError::EpochLength);
    assert!(matches!(refused(|g| g.participants.reverse()), GenesisError::Bytes(_)));
    assert!(matches!(refused(|g| g.staff.reverse()), GenesisError::Bytes(_)));
    assert!(matches!(
        refused(|g| g.name = "two\nlines".into()),
        GenesisError::Bytes(DecodeError::NotText(_))
    ));
    assert!(matches!(refused(|g| one(g).api.clear()), GenesisError::Participant(..)));
    assert!(matches!(
        refused(|g| g.staff[0].signing = wardline_crypto::PublicKey::from_bytes([0; 32])),
        GenesisError::Staff(..)
    ));
    assert!(matches!(refused(|g| g.staff[0].branch = crate::BranchId(77)), GenesisError::StrayStaff(_)));
    assert!(matches!(refused(|g| g.staff[0].key_epoch = 0), GenesisError::KeyEpoch(_)));
    assert!(matches!(refused(|g| g.staff[0].key_epoch = 2), GenesisError::KeyEpoch(_)));
    assert_eq!(refused(|g| g.staff[0].signing = g.staff[1].signing), GenesisError::SharedKey);
    assert_eq!(refused(|g| one(g).signing = key("signing 2").public()), GenesisError::SharedKey);
    let without_administrators = |g: &mut Genesis| {
        for staff in g.staff.iter_mut().skip(1) {
            staff.roles = Roles::of(&[Role::Ward]);
        }
    };
    assert_eq!(refused(without_administrators), GenesisError::Administrators);
    assert_eq!(
        refused(|g| g.participants.iter_mut().for_each(|p| p.votes = false)),
        GenesisError::Validators(Chain::Main)
    );
    let no_side = |g: &mut Genesis| {
        for p in &mut g.participants[..4] {
            p.votes = false;
        }
        g.participants[4].votes = true;
    };
    assert_eq!(refused(no_side), GenesisError::Validators(Chain::Side));
    assert!(matches!(refused(|g| g.suites_writable = 0), GenesisError::Entry(_)));
    assert!(matches!(refused(|g| g.policy.grant_max_s = 43_201), GenesisError::Entry(_)));
    assert_eq!(refused(|g| g.policy.version = 2), GenesisError::PolicyVersion);
}

#[test]
fn a_policys_limits_hold() {
    let holds = |edit: fn(&mut NetworkPolicy)| {
        let mut policy = NetworkPolicy::default();
        edit(&mut policy);
        policy.check().is_ok()
    };
    assert!(holds(|_| {}));
    let good: [fn(&mut NetworkPolicy); 6] = [
        |p| p.tip_max_age_s = 1,
        |p| p.tip_max_age_s = 3600,
        |p| p.grant_max_s = 60,
        |p| p.copies_min = 2,
        |p| p.copies_min = 64,
        |p| p.version = 9,
    ];
    assert!(good.into_iter().all(holds));
    let bad: [fn(&mut NetworkPolicy); 8] = [
        |p| p.tip_max_age_s = 0,
        |p| p.tip_max_age_s = 3601,
        |p| p.grant_max_s = 59,
        |p| p.grant_max_s = 43_201,
        |p| p.copies_min = 1,
        |p| p.copies_min = 65,
        |p| p.version = 0,
        |p| p.roles_table = 2,
    ];
    assert!(!bad.into_iter().any(holds));
}

#[test]
fn a_registry_change_makes_filler_until_the_epochs_end() {
    let f = fixture();
    let entry =
        RegistryEntry::Validators { chain: Chain::Main, set: vec![crate::BranchId(1), crate::BranchId(2)] };
    let transaction = f.world.approved(&["admin-a", "admin-b"], entry, 1);
    let first = build_block(&f.world.main, &f.parent, NOW, [transaction.encode()].into_iter())
        .unwrap()
        .block
        .unwrap();
    let mut state = f.world.main.clone();
    state.apply(first.changes, &first.tree);
    let filler = build_block(&state, &first.header, NOW, std::iter::empty()).unwrap().block.unwrap();
    assert_eq!(filler.header.transactions, 0);
    assert!(check_block(&state, &first.header, &filler.header_bytes, &filler.body, NOW).is_ok());
}
