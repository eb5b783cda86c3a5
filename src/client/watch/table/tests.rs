//! The table against a branch that says everything twice, and differently.

use super::*;
use wardline_crypto::{OsEntropy, SigningKey};
use wardline_ledger::{BranchId, Chain, HEADER_VERSION, Header, NetworkId};

const NETWORK: NetworkId = NetworkId::ZERO;

fn table() -> Table {
    Table::of(vec![1, 2])
}

fn header(height: u64, root: &str) -> Header {
    Header {
        version: HEADER_VERSION,
        network: NETWORK,
        chain: Chain::Main,
        height,
        epoch: 0,
        parent: Digest::ZERO,
        time_s: 0,
        transactions: 0,
        transaction_root: Digest::of(root.as_bytes()),
        state_root: Digest::ZERO,
    }
}

fn known(height: u64) -> Known {
    let header = header(height, "verified");
    Known { digest: header.digest(), header }
}

fn certified(header: &Header) -> Certified {
    Certified { headers: vec![header.encode()], certificate: b"a quorum's".to_vec() }
}

fn tip(height: u64, digest: Digest) -> SignedTip {
    let key = SigningKey::generate(&mut OsEntropy);
    SignedTip::sign(&key, NETWORK, Chain::Main, BranchId(2), height, digest, 1)
}

#[test]
fn a_flood_of_contradictions_hides_neither_a_fork_nor_the_next_one() {
    let (mut table, now) = (table(), Instant::now());
    let signed = tip(5, Digest::ZERO);
    table.verify(&known(5), now);
    for number in 0..5000_u64 {
        let tip = SignedTip { digest: Digest::of(&number.to_le_bytes()), ..signed.clone() };
        assert_eq!(table.tip(2, tip, now).len(), 1, "{number}");
    }
    let other = header(5, "other");
    let told = table.give(2, 5, other.digest(), Some(certified(&other)), now);
    assert!(matches!(told, Some(Clash::Fork { height: 5, .. })), "{told:?}");
    assert!(table.give(2, 5, other.digest(), Some(certified(&other)), now).is_none(), "told once");
}

#[test]
fn who_signs_the_tip_of_a_certified_block_is_part_of_a_fork_and_no_liar() {
    let now = Instant::now();
    let other = header(5, "other");
    // Before the block is verified, after it, and by a branch that did not give the other one itself.
    for (early, giver) in [(true, 2), (false, 2), (false, 1)] {
        let mut table = table();
        let mut said = Vec::new();
        if !early {
            said.extend(table.verify(&known(5), now));
        }
        said.extend(
            table.give(giver, 5, other.digest(), Some(certified(&other)), now).map(|clash| (giver, clash)),
        );
        said.extend(table.tip(2, tip(5, other.digest()), now).into_iter().map(|clash| (2, clash)));
        if early {
            said.extend(table.verify(&known(5), now));
        }
        assert!(!said.is_empty());
        assert!(said.iter().all(|(_, clash)| matches!(clash, Clash::Fork { .. })), "{said:?}");
        assert!(table.voice(2).unwrap().forked);
        // A tip of a third block is its own.
        let told = table.tip(2, tip(5, Digest::of(b"third")), now);
        assert!(matches!(told[..], [Clash::Contradiction { .. }]), "{told:?}");
    }
}

#[test]
fn a_lie_stays_on_the_strip_until_its_alarm_is_closed() {
    let (mut table, now) = (table(), Instant::now());
    let head = Head::of(&known(6));
    let lie = || Other {
        cell: Cell::Invalid,
        digest: None,
        why: "no block of this chain".to_owned(),
        certified: None,
        righted: false,
    };
    let cells = |table: &Table| {
        [6, 5].map(|height| {
            let rows = table.rows(&head, 2, now);
            rows.iter().find(|row| row.height == height).unwrap().cells[1].cell
        })
    };
    table.verify(&known(5), now);
    table.verify(&known(6), now);
    assert!(table.refuse(2, 5, lie(), now));
    assert!(!table.refuse(2, 5, lie(), now), "no news");
    table.tip(2, tip(6, header(6, "other").digest()), now);
    table.forgive(2);
    assert_eq!(cells(&table), [Cell::Conflict, Cell::Invalid], "not right yet");
    table.give(2, 5, known(5).digest, None, now);
    table.tip(2, tip(6, known(6).digest), now);
    assert_eq!(cells(&table), [Cell::Conflict, Cell::Invalid]);
    assert!(table.refuse(2, 5, lie(), now), "it lies anew");
    table.forgive(2);
    assert_eq!(cells(&table), [Cell::Verified, Cell::Invalid]);
    table.give(2, 5, known(5).digest, None, now);
    table.forgive(2);
    assert_eq!(cells(&table), [Cell::Verified; 2]);
}
