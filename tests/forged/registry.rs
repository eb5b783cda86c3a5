//! Who and what the network consists of: changes of the registry that a quorum certifies against the rules.

use super::{case::Kind, network::Network};
use wardline_crypto::{AgreementPublic, PublicKey};
use wardline_ledger::{
    Author, Body, BranchId, Canonical, Chain, NetworkPolicy, Registry, RegistryEntry, StaffEntry,
};
use wardline_policy::{Role, Roles};

/// A change of the registry by both administrators; version 3 is the next one.
fn registry(n: &Network, entry: RegistryEntry) -> Vec<u8> {
    n.approved(&["admin-a", "admin-b"], entry, 3).encode()
}

fn validators(chain: Chain, set: &[u16]) -> RegistryEntry {
    RegistryEntry::Validators { chain, set: set.iter().map(|id| BranchId(*id)).collect() }
}

pub const KINDS: &[Kind] = &[
    Kind::main(
        "registry.version.old",
        "a change of the registry once more",
        "block 6: transaction `0`: the registry was changed before; look at it again and have it signed anew",
        |n| n.approved(&["admin-a", "admin-b"], RegistryEntry::Suites(1), 2).encode(),
    ),
    Kind::main(
        "registry.version.ahead",
        "a change of the registry is left out",
        "block 6: transaction `0`: changes of the registry before this one are missing",
        |n| n.approved(&["admin-a", "admin-b"], RegistryEntry::Suites(1), 4).encode(),
    ),
    Kind::main(
        "registry.approvals.one",
        "one person where two are needed",
        "block 6: transaction `0`: 2 different persons must approve this",
        |n| n.approved(&["admin-a"], RegistryEntry::Suites(1), 3).encode(),
    ),
    Kind::main(
        "registry.approvals.none",
        "nobody approves",
        "block 6: transaction `0`: 2 different persons must approve this",
        |n| n.approved(&[], RegistryEntry::Suites(1), 3).encode(),
    ),
    Kind::main(
        "registry.approvals.doubled",
        "one person twice (tough CVE-2020-15093)",
        "block 6: transaction `0`: the transaction is malformed: the approvals are not strictly ascending",
        |n| n.approved(&["admin-a", "admin-a"], RegistryEntry::Suites(1), 3).encode(),
    ),
    Kind::main(
        "registry.approvals.stranger",
        "somebody who is not registered",
        "block 6: transaction `0`: the author is not registered",
        |n| n.approved(&["admin-a", "nobody"], RegistryEntry::Suites(1), 3).encode(),
    ),
    Kind::main(
        "registry.approvals.ward",
        "somebody who may not",
        "block 6: transaction `0`: needs role supervisor or operator",
        |n| n.approved(&["admin-a", "ward"], RegistryEntry::Suites(1), 3).encode(),
    ),
    Kind::main(
        "registry.approvals.other-entry",
        "approved for another entry",
        "block 6: transaction `0`: the author's signature does not hold",
        |n| {
            let mut transaction = n.approved(&["admin-a", "admin-b"], RegistryEntry::Suites(1), 3);
            transaction.body = Body::Registry(Registry { version: 3, entry: RegistryEntry::Suites(2) });
            transaction.encode()
        },
    ),
    Kind::main(
        "registry.approvals.swapped",
        "two persons' signatures change places",
        "block 6: transaction `0`: the author's signature does not hold",
        |n| {
            let mut transaction = n.approved(&["admin-a", "admin-b"], RegistryEntry::Suites(1), 3);
            if let Author::Staff { approvals } = &mut transaction.author {
                let first = approvals[0].signature;
                approvals[0].signature = approvals[1].signature;
                approvals[1].signature = first;
            }
            transaction.encode()
        },
    ),
    Kind::main(
        "registry.suites.none",
        "no suite may be written",
        "block 6: transaction `0`: the suites must be at least one of those that exist",
        |n| registry(n, RegistryEntry::Suites(0)),
    ),
    Kind::main(
        "registry.policy.version",
        "a policy's version is left out",
        "block 6: transaction `0`: the policy's version must be one more than the last one",
        |n| registry(n, RegistryEntry::Policy(NetworkPolicy { version: 3, ..NetworkPolicy::default() })),
    ),
    Kind::main(
        "registry.policy.copies",
        "a policy of one copy",
        "block 6: transaction `0`: the policy's `copies_min` is out of range",
        |n| {
            registry(
                n,
                RegistryEntry::Policy(NetworkPolicy {
                    version: 2,
                    copies_min: 1,
                    ..NetworkPolicy::default()
                }),
            )
        },
    ),
    Kind::main(
        "registry.staff.branch",
        "a branch that there is not",
        "block 6: transaction `0`: the branch is not an active participant",
        |n| registry(n, n.changed("ward", |s| s.branch = BranchId(9))),
    ),
    Kind::main(
        "registry.staff.key-taken",
        "a colleague's key",
        "block 6: transaction `0`: a key is or was registered already: make a new one",
        |n| {
            registry(
                n,
                n.changed("ward", |s| (s.signing, s.key_epoch) = (n.keys().key("registrar").public(), 2)),
            )
        },
    ),
    Kind::main(
        "registry.staff.key-epoch",
        "a new key in the old epoch",
        "block 6: transaction `0`: the key epoch must go up by one exactly when keys change",
        |n| registry(n, n.changed("ward", |s| s.signing = n.keys().key("new").public())),
    ),
    Kind::main(
        "registry.staff.weak-key",
        "a key that anybody can sign for",
        "block 6: transaction `0`: a key is weak or not canonical: make a new one",
        |n| {
            registry(n, n.changed("ward", |s| (s.signing, s.key_epoch) = (PublicKey::from_bytes([0; 32]), 2)))
        },
    ),
    Kind::main(
        "registry.staff.one-approves",
        "one person makes another a supervisor",
        "block 6: transaction `0`: 2 different persons must approve this",
        |n| {
            let new: StaffEntry = n.keys().staff("new", 1, &[Role::Supervisor]);
            n.approved(&["admin-a"], RegistryEntry::Staff(new), 3).encode()
        },
    ),
    Kind::main(
        "registry.participant.key-taken",
        "a branch takes another's validator key",
        "block 6: transaction `0`: a key is or was registered already: make a new one",
        |n| {
            registry(
                n,
                n.participant(3, |p| p.main_validator = n.keys().validator(Chain::Main, 1, 0).public()),
            )
        },
    ),
    Kind::main(
        "registry.participant.key-again",
        "a branch comes back with the key that it gave up",
        "block 6: transaction `0`: a key is or was registered already: make a new one",
        |n| {
            registry(
                n,
                n.participant(2, |p| p.main_validator = n.keys().validator(Chain::Main, 2, 0).public()),
            )
        },
    ),
    Kind::main(
        "registry.participant.weak-wrap",
        "a wrapping key of low order",
        "block 6: transaction `0`: a key is weak or not canonical: make a new one",
        |n| registry(n, n.participant(3, |p| p.wrap = AgreementPublic::from_bytes([0; 32]))),
    ),
    Kind::main(
        "registry.participant.api",
        "an address without TLS",
        "block 6: transaction `0`: a participant's API address must begin with `https://`",
        |n| registry(n, n.participant(3, |p| p.api = "http://127.0.0.1:1".into())),
    ),
    Kind::main(
        "registry.participant.address",
        "an engine address without a port",
        "block 6: transaction `0`: a participant's engine address must be host and port",
        |n| registry(n, n.participant(3, |p| p.main_address = "127.0.0.1".into())),
    ),
    Kind::main(
        "registry.participant.side",
        "trusted without a key on the side chain",
        "block 6: transaction `0`: a trusted participant, and no other, has a key and an address on the side chain",
        |n| registry(n, n.participant(3, |p| p.side_validator = None)),
    ),
    Kind::main(
        "registry.participant.name",
        "no name",
        "block 6: transaction `0`: a participant needs a name",
        |n| registry(n, n.participant(3, |p| p.name = " ".into())),
    ),
    Kind::main(
        "registry.participant.administrators",
        "nobody would be left to administer",
        "block 6: transaction `0`: at least two active administrators must remain",
        |n| registry(n, n.participant(1, |p| p.active = false)),
    ),
    Kind::main(
        "registry.validators.none",
        "a chain without validators",
        "block 6: transaction `0`: a chain needs at least one validator",
        |n| registry(n, validators(Chain::Main, &[])),
    ),
    Kind::main(
        "registry.validators.no-vote",
        "a validator without a vote",
        "block 6: transaction `0`: a branch of the set may not validate this chain",
        |n| registry(n, validators(Chain::Main, &[1, 2, 6])),
    ),
    Kind::main(
        "registry.validators.unsorted",
        "a set in another order",
        "block 6: transaction `0`: the transaction is malformed: the validators are not strictly ascending",
        |n| registry(n, validators(Chain::Main, &[2, 1, 3])),
    ),
    Kind::main(
        "registry.roles.unknown",
        "a role that there is not",
        "block 6: transaction `0`: the transaction is malformed: `65280` is no role set",
        |n| {
            let transaction = registry(n, n.changed("ward", |s| s.roles = Roles::NONE));
            let at = transaction
                .windows(32)
                .position(|w| w == n.keys().agreement("ward").public().bytes())
                .unwrap();
            let mut transaction = transaction;
            transaction[at + 32] = 0xff;
            transaction
        },
    ),
];
