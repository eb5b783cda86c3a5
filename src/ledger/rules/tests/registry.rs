//! The registry's rules: what each refuses, and what changes do on both chains.

use super::*;
use crate::state::RegistryVersion;

/// The version that the next change of the main chain's registry makes.
pub(super) fn next(w: &World) -> u32 {
    let RegistryVersion(last) = state::read(&w.main, Key::RegistryVersion).unwrap().unwrap_or_default();
    last + 1
}

pub(super) fn staff_change(
    w: &World,
    name: &str,
    by: &[&str],
    edit: impl FnOnce(&mut StaffEntry),
) -> Vec<u8> {
    let mut entry = w.genesis.staff.iter().find(|staff| staff.id == staff_id(name)).unwrap().clone();
    edit(&mut entry);
    w.approved(by, RegistryEntry::Staff(entry), next(w)).encode()
}

pub(super) fn participant_change(w: &World, id: u16, edit: impl FnOnce(&mut Participant)) -> Vec<u8> {
    let mut entry = w.genesis.participants.iter().find(|p| p.id == BranchId(id)).unwrap().clone();
    edit(&mut entry);
    w.approved(&["admin-a", "admin-b"], RegistryEntry::Participant(entry), next(w)).encode()
}

pub(super) fn policy(w: &World, version: u32, entry_version: u32) -> Vec<u8> {
    let policy = NetworkPolicy { version, copies_min: 3, ..NetworkPolicy::default() };
    w.approved(&["admin-a", "admin-b"], RegistryEntry::Policy(policy), entry_version).encode()
}

pub(super) fn validators(w: &World, chain: Chain, set: &[u16]) -> Vec<u8> {
    let set = set.iter().map(|id| BranchId(*id)).collect();
    w.approved(&["admin-a", "admin-b"], RegistryEntry::Validators { chain, set }, next(w)).encode()
}

/// What each rule of the registry refuses.
pub(super) const REFUSED: &[Case] = &[
    ("registry.version-old", Chain::Main, |w| {
        let first = w.approved(&["admin-a", "admin-b"], RegistryEntry::Suites(1), 1);
        w.accept(Chain::Main, &first);
        first.encode()
    }),
    ("registry.version-old", Chain::Main, |w| {
        w.approved(&["admin-a", "admin-b"], RegistryEntry::Suites(1), 0).encode()
    }),
    ("registry.version-ahead", Chain::Main, |w| {
        w.approved(&["admin-a", "admin-b"], RegistryEntry::Suites(1), 2).encode()
    }),
    ("registry.entry", Chain::Main, |w| {
        w.approved(&["admin-a", "admin-b"], RegistryEntry::Suites(0), 1).encode()
    }),
    ("registry.entry", Chain::Main, |w| {
        w.approved(&["admin-a", "admin-b"], RegistryEntry::Suites(8), 1).encode()
    }),
    ("registry.entry", Chain::Main, |w| {
        staff_change(w, "ward", &["admin-a", "admin-b"], |staff| {
            staff.signing = wardline_crypto::PublicKey::from_bytes([0; 32]); // small order
            staff.key_epoch = 2;
        })
    }),
    ("registry.entry", Chain::Main, |w| {
        staff_change(w, "ward", &["admin-a", "admin-b"], |staff| {
            staff.agreement = wardline_crypto::AgreementPublic::from_bytes([0; 32]);
            staff.key_epoch = 2;
        })
    }),
    ("registry.entry", Chain::Main, |w| participant_change(w, 1, |p| p.name = " ".into())),
    ("registry.entry", Chain::Main, |w| participant_change(w, 1, |p| p.api = "http://127.0.0.1:80".into())),
    ("registry.entry", Chain::Main, |w| participant_change(w, 1, |p| p.main_address = "127.0.0.1".into())),
    ("registry.entry", Chain::Main, |w| participant_change(w, 1, |p| p.side_address = Some("h:+1".into()))),
    ("registry.entry", Chain::Main, |w| participant_change(w, 1, |p| p.side_validator = None)),
    ("registry.entry", Chain::Main, |w| participant_change(w, 5, |p| p.side_address = Some("h:1".into()))),
    ("registry.entry", Chain::Main, |w| participant_change(w, 1, |p| p.main_validator = p.signing)),
    ("registry.entry", Chain::Main, |w| {
        participant_change(w, 1, |p| p.main_validator = wardline_crypto::PublicKey::from_bytes([0; 32]))
    }),
    ("registry.entry", Chain::Main, |w| {
        participant_change(w, 1, |p| p.wrap = wardline_crypto::AgreementPublic::from_bytes([0; 32]))
    }),
    ("registry.entry", Chain::Main, |w| validators(w, Chain::Main, &[])),
    ("registry.entry", Chain::Main, |w| {
        let policy = NetworkPolicy { version: 2, copies_min: 1, ..NetworkPolicy::default() };
        w.approved(&["admin-a", "admin-b"], RegistryEntry::Policy(policy), 1).encode()
    }),
    ("registry.approvals-too-few", Chain::Main, |w| w.approved(&[], RegistryEntry::Suites(1), 1).encode()),
    ("registry.approvals-too-few", Chain::Main, |w| {
        w.approved(&["admin-a"], RegistryEntry::Suites(1), 1).encode()
    }),
    ("registry.approvals-too-few", Chain::Main, |w| {
        let policy = NetworkPolicy { version: 2, ..NetworkPolicy::default() };
        w.approved(&["admin-a"], RegistryEntry::Policy(policy), 1).encode()
    }),
    ("registry.approvals-too-few", Chain::Main, |w| {
        w.approved(&["admin-a"], RegistryEntry::Participant(participant(6, true)), 1).encode()
    }),
    ("registry.approvals-too-few", Chain::Main, |w| {
        let entry = RegistryEntry::Validators { chain: Chain::Main, set: vec![BranchId(1)] };
        w.approved(&["admin-a"], entry, 1).encode()
    }),
    // Giving roles that can do much, and every change of somebody's keys, branch and roles.
    ("registry.approvals-too-few", Chain::Main, |w| {
        w.approved(&["operator"], RegistryEntry::Staff(staff("new", 3, &[Role::Ward])), 1).encode()
    }),
    ("registry.approvals-too-few", Chain::Main, |w| {
        w.approved(&["operator"], RegistryEntry::Staff(staff("new", 3, &[Role::Crew])), 1).encode()
    }),
    ("registry.approvals-too-few", Chain::Main, |w| {
        w.approved(&["operator"], RegistryEntry::Staff(staff("new", 3, &[Role::Supervisor])), 1).encode()
    }),
    ("registry.approvals-too-few", Chain::Main, |w| {
        staff_change(w, "ward", &["operator"], |staff| {
            (staff.signing, staff.key_epoch) = (key("new").public(), 2);
        })
    }),
    ("registry.approvals-too-few", Chain::Main, |w| {
        staff_change(w, "ward", &["operator"], |staff| {
            (staff.agreement, staff.key_epoch) = (agreement("new").public(), 2);
        })
    }),
    ("registry.approvals-too-few", Chain::Main, |w| {
        staff_change(w, "researcher", &["operator"], |staff| staff.branch = BranchId(2))
    }),
    ("registry.approvals-too-few", Chain::Main, |w| {
        staff_change(w, "researcher", &["operator"], |staff| staff.roles = Roles::NONE)
    }),
    ("registry.approvals-too-few", Chain::Main, |w| {
        let end = staff_change(w, "ward", &["operator"], |staff| staff.active = false);
        w.accept(Chain::Main, &Transaction::decode(&end).unwrap());
        let back = w.genesis.staff.iter().find(|staff| staff.id == staff_id("ward")).unwrap().clone();
        w.approved(&["operator"], RegistryEntry::Staff(back), 2).encode()
    }),
    ("registry.approvals-too-few", Chain::Main, |w| {
        staff_change(w, "ward", &["admin-a"], |staff| staff.roles = Roles::of(&[Role::Registrar]))
    }),
    ("registry.approvals-too-few", Chain::Main, |w| {
        staff_change(w, "registrar", &["admin-a"], |staff| staff.roles = Roles::of(&[Role::Ward]))
    }),
    ("registry.approvals-too-few", Chain::Main, |w| {
        staff_change(w, "registrar", &["admin-a"], |staff| {
            (staff.signing, staff.key_epoch) = (key("new").public(), 2);
        })
    }),
    ("registry.approvals-too-few", Chain::Main, |w| {
        staff_change(w, "registrar", &["admin-a"], |staff| {
            (staff.active, staff.branch) = (false, BranchId(2));
        })
    }),
    ("registry.branch-unknown", Chain::Main, |w| {
        staff_change(w, "ward", &["admin-a", "admin-b"], |staff| staff.branch = BranchId(9))
    }),
    ("registry.branch-unknown", Chain::Main, |w| {
        let mut gone = w.genesis.participants[2].clone();
        gone.active = false;
        w.main.put(Key::Participant(BranchId(3)), &gone);
        staff_change(w, "ward", &["admin-a", "admin-b"], |staff| staff.branch = BranchId(3))
    }),
    ("registry.key-taken", Chain::Main, |w| {
        staff_change(w, "ward", &["admin-a", "admin-b"], |staff| {
            (staff.signing, staff.key_epoch) = (key("admin-b").public(), 2);
        })
    }),
    ("registry.key-taken", Chain::Main, |w| {
        participant_change(w, 1, |p| p.main_validator = key("signing 2").public())
    }),
    ("registry.key-taken", Chain::Main, |w| {
        // Its own keys, in other places.
        participant_change(w, 1, |p| std::mem::swap(&mut p.signing, &mut p.main_validator))
    }),
    ("registry.key-taken", Chain::Main, |w| {
        let change = participant_change(w, 1, |p| p.main_validator = key("main 7").public());
        w.accept(Chain::Main, &Transaction::decode(&change).unwrap());
        let back = w.genesis.participants[0].clone();
        w.approved(&["admin-a", "admin-b"], RegistryEntry::Participant(back), 2).encode()
    }),
    ("registry.key-taken", Chain::Main, |w| {
        let first =
            w.approved(&["admin-a", "admin-b"], RegistryEntry::Staff(staff("new", 3, &[Role::Ward])), 1);
        w.accept(Chain::Main, &first);
        let second = StaffEntry { id: staff_id("newer"), ..staff("new", 3, &[Role::Ward]) };
        w.approved(&["admin-a", "admin-b"], RegistryEntry::Staff(second), 2).encode()
    }),
    ("registry.key-epoch", Chain::Main, |w| {
        staff_change(w, "ward", &["admin-a", "admin-b"], |staff| staff.signing = key("new").public())
    }),
    ("registry.key-epoch", Chain::Main, |w| {
        staff_change(w, "ward", &["admin-a", "admin-b"], |staff| staff.agreement = agreement("new").public())
    }),
    ("registry.key-epoch", Chain::Main, |w| {
        staff_change(w, "ward", &["admin-a", "admin-b"], |staff| staff.key_epoch = 2)
    }),
    ("registry.key-epoch", Chain::Main, |w| {
        let entry = StaffEntry { key_epoch: 2, ..staff("new", 1, &[Role::Ward]) };
        w.approved(&["admin-a", "admin-b"], RegistryEntry::Staff(entry), 1).encode()
    }),
    ("registry.policy-version", Chain::Main, |w| policy(w, 1, 1)),
    ("registry.policy-version", Chain::Main, |w| policy(w, 3, 1)),
    ("registry.validator", Chain::Main, |w| validators(w, Chain::Main, &[1, 2, 9])),
    ("registry.validator", Chain::Main, |w| validators(w, Chain::Main, &[1, 2, 5])), // does not vote
    ("registry.validator", Chain::Main, |w| validators(w, Chain::Side, &[1, 2, 5])), // told on the other chain too
    ("registry.no-validators", Chain::Main, |w| {
        let alone = Transaction::decode(&validators(w, Chain::Main, &[3])).unwrap();
        w.accept(Chain::Main, &alone);
        participant_change(w, 3, |p| p.votes = false)
    }),
    ("registry.administrators", Chain::Main, |w| {
        let change = staff_change(w, "operator", &["admin-a"], |staff| staff.active = false);
        w.accept(Chain::Main, &Transaction::decode(&change).unwrap());
        staff_change(w, "admin-a", &["admin-b"], |staff| staff.active = false)
    }),
    ("registry.administrators", Chain::Main, |w| participant_change(w, 1, |p| p.active = false)),
    ("registry.administrators", Chain::Main, |w| {
        participant_change(w, 1, |p| (p.trusted, p.side_validator, p.side_address) = (false, None, None))
    }),
    ("registry.full", Chain::Main, |w| {
        let ids: Vec<BranchId> = (1000..1200).map(BranchId).collect();
        w.main.put(Key::Participants, &state::BranchList(ids));
        w.approved(&["admin-a", "admin-b"], RegistryEntry::Participant(participant(6, true)), 1).encode()
    }),
];

#[test]
fn validators_change_at_the_epochs_end() {
    let mut chain = TestChain::new(Chain::Main);
    let before = chain.validators.clone();
    let change = chain.world.approved(
        &["admin-a", "admin-b"],
        RegistryEntry::Validators { chain: Chain::Main, set: vec![BranchId(1), BranchId(2), BranchId(3)] },
        1,
    );
    chain.extend(&[change]); // height 1
    assert!(state::change_is_pending(&chain.world.main).unwrap());
    assert_eq!(chain.validators, before);
    chain.extend(&[]); // filler
    assert_eq!(state::validators(&chain.world.main, 1).unwrap(), None);
    chain.extend(&[]); // height 3, the last of epoch 0
    let branches: Vec<_> = chain.validators.members.iter().map(|(branch, _)| branch.0).collect();
    assert_eq!(branches.iter().sum::<u16>(), 1 + 2 + 3);
    assert_eq!(state::validators(&chain.world.main, 1).unwrap(), Some(chain.validators.clone()));
    assert!(!state::change_is_pending(&chain.world.main).unwrap());
    let after = build_block(&chain.world.main, &chain.tip, NOW, std::iter::empty()).unwrap();
    assert_eq!(after.block, None, "no more filler");
}

#[test]
fn the_other_chains_validators_are_only_noted() {
    let mut world = World::new();
    let change = Transaction::decode(&validators(&world, Chain::Side, &[1, 2, 3])).unwrap();
    for chain in Chain::ALL {
        world.accept(chain, &change);
        assert_eq!(state::change_is_pending(world.state(chain)).unwrap(), chain == Chain::Side);
        assert_eq!(world.check(chain, &change.encode()).unwrap_err().code(), "registry.version-old");
    }
}

#[test]
fn a_members_new_key_and_a_members_leaving_wait_for_the_epoch() {
    let mut world = World::new();
    let new_key =
        Transaction::decode(&participant_change(&world, 2, |p| p.main_validator = key("main 8").public()))
            .unwrap();
    world.accept(Chain::Main, &new_key);
    let leaving = Transaction::decode(&participant_change(&world, 3, |p| p.active = false)).unwrap();
    world.accept(Chain::Main, &leaving);
    let pending: ValidatorSet = state::require(&world.main, Key::PendingValidators).unwrap();
    let mut members = pending.members.clone();
    members.sort();
    let keys = [("main 1", 1), ("main 8", 2), ("main 4", 4)];
    assert_eq!(members, keys.map(|(name, branch)| (BranchId(branch), key(name).public())));
    assert_eq!(state::validators(&world.main, 0).unwrap(), Some(world.genesis.validators(Chain::Main)));
}

#[test]
fn the_same_registry_bytes_apply_on_both_chains() {
    let mut world = World::new();
    let change = world.approved(&["admin-a", "admin-b"], RegistryEntry::Suites(1), 1);
    for chain in Chain::ALL {
        world.accept(chain, &change);
        assert_eq!(state::suites(world.state(chain)).unwrap(), 1);
    }
}

#[test]
fn both_chains_take_registry_changes_in_the_same_order_alone() {
    // The operator approves a colleague's researcher, then the operator's own entry is ended.
    let mut world = World::new();
    let new = staff("new", 5, &[Role::Researcher]);
    let hire = world.approved(&["operator"], RegistryEntry::Staff(new), 1);
    world.accept(Chain::Main, &hire);
    let end =
        Transaction::decode(&staff_change(&world, "operator", &["admin-a"], |staff| staff.active = false))
            .unwrap();
    world.accept(Chain::Main, &end);

    let refusal = world.check(Chain::Side, &end.encode()).unwrap_err();
    assert_eq!((refusal.code(), refusal.may_hold_later()), ("registry.version-ahead", true));
    world.accept(Chain::Side, &hire);
    world.accept(Chain::Side, &end);
    for chain in Chain::ALL {
        assert!(state::staff(world.state(chain), staff_id("new")).unwrap().unwrap().active);
        assert!(!state::staff(world.state(chain), staff_id("operator")).unwrap().unwrap().active);
    }
}

#[test]
fn the_side_chain_keeps_its_last_validator_rather_than_refuse_what_is_agreed() {
    let mut world = World::new();
    let alone = Transaction::decode(&validators(&world, Chain::Side, &[3])).unwrap();
    for chain in Chain::ALL {
        world.accept(chain, &alone);
    }
    let change = Transaction::decode(&participant_change(&world, 3, |p| p.votes = false)).unwrap();
    for chain in Chain::ALL {
        world.accept(chain, &change);
        assert!(!state::participant(world.state(chain), BranchId(3)).unwrap().unwrap().votes);
    }
    let pending: ValidatorSet = state::require(&world.side, Key::PendingValidators).unwrap();
    assert_eq!(pending.members, [(BranchId(3), key("side 3").public())]);
}

#[test]
fn a_branchs_list_is_of_those_who_work_there() {
    let two = ["admin-a", "admin-b"];
    let listed = |world: &World, branch| {
        let staff = state::staff_of(&world.main, BranchId(branch)).unwrap();
        assert!(staff.iter().all(|staff| staff.branch == BranchId(branch) && staff.active));
        staff.iter().map(|staff| staff.id).collect::<std::collections::BTreeSet<_>>()
    };
    let ids = |names: &[&str]| names.iter().map(|name| staff_id(name)).collect();
    let mut genesis = genesis();
    genesis
        .staff
        .iter_mut()
        .filter(|staff| staff.id == staff_id("crew"))
        .for_each(|gone| gone.active = false);
    assert_eq!(listed(&World::of(genesis), 2), ids(&["admin-b"]), "from the genesis on");
    let mut world = World::new();
    let new = staff("new", 3, &[Role::Ward]);
    let added = world.approved(&two, RegistryEntry::Staff(new.clone()), 1);
    world.accept(Chain::Main, &added);
    let moved = staff_change(&world, "ward", &two, |staff| staff.branch = BranchId(3));
    world.accept(Chain::Main, &Transaction::decode(&moved).unwrap());
    assert_eq!(listed(&world, 3), ids(&["new", "ward"]));
    assert_eq!(listed(&world, 1), ids(&["admin-a", "registrar", "operator"]));

    let ended = StaffEntry { active: false, ..new.clone() };
    let end = world.approved(&["operator"], RegistryEntry::Staff(ended), 3);
    world.accept(Chain::Main, &end);
    assert_eq!(listed(&world, 3), ids(&["ward"]));
    let back = world.approved(&two, RegistryEntry::Staff(new), 4);
    world.accept(Chain::Main, &back);
    assert_eq!(listed(&world, 3), ids(&["new", "ward"]));
    assert_eq!(state::participants(&world.main).unwrap(), world.genesis.participants);
}

#[test]
fn somebody_who_ended_makes_room() {
    let mut world = World::new();
    let others = (1..4096u32).map(|n| {
        let mut id = [0xff; 16];
        id[..4].copy_from_slice(&n.to_be_bytes());
        StaffId::from_bytes(id)
    });
    let mut ids: Vec<StaffId> = others.chain([staff_id("ward")]).collect();
    ids.sort();
    world.main.put(Key::StaffOf(BranchId(1)), &state::StaffList(ids));
    let new = RegistryEntry::Staff(staff("new", 1, &[Role::Ward]));
    let hire = |world: &World| world.approved(&["admin-a", "admin-b"], new.clone(), next(world));
    let refused = hire(&world).encode();
    assert_eq!(world.check(Chain::Main, &refused).unwrap_err().code(), "registry.full");
    let end = staff_change(&world, "ward", &["operator"], |staff| staff.active = false);
    world.accept(Chain::Main, &Transaction::decode(&end).unwrap());
    let hired = hire(&world);
    world.accept(Chain::Main, &hired);
}
