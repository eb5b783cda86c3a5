//! Trees against a plain recursive definition; the standard's own cases are in `vectors`.

use proptest::prelude::*;

use super::*;

/// RFC 6962 §2.1, word for word.
fn definition(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(b""),
        [leaf] => *leaf,
        _ => {
            let k = leaves.len().next_power_of_two() / 2;
            node_hash(&definition(&leaves[..k]), &definition(&leaves[k..]))
        }
    }
}

fn leaves(count: usize) -> Vec<Digest> {
    (0..count).map(|index| leaf_hash(&index.to_be_bytes())).collect()
}

#[test]
fn roots_are_as_defined() {
    for size in 0..70 {
        assert_eq!(root(&leaves(size)), definition(&leaves(size)), "{size}");
    }
}

#[test]
fn every_proof_verifies_and_only_for_itself() {
    for size in 1..24usize {
        let tree = leaves(size);
        let whole = root(&tree);
        for index in 0..size {
            let proof = inclusion_proof(&tree, index);
            for asked in 0..=size {
                let verdict = verify_inclusion(&tree[index], asked as u64, size as u64, &proof, &whole);
                assert_eq!(verdict, asked == index, "{size} {index} {asked}");
            }
            assert!(!verify_inclusion(&leaf_hash(b"other"), index as u64, size as u64, &proof, &whole));
            let longer = [proof.as_slice(), &[whole]].concat();
            assert!(!verify_inclusion(&tree[index], index as u64, size as u64, &longer, &whole));
            if let Some((_, shorter)) = proof.split_last() {
                assert!(!verify_inclusion(&tree[index], index as u64, size as u64, shorter, &whole));
            }
        }
        assert!(!verify_inclusion(&tree[0], size as u64, size as u64, &inclusion_proof(&tree, size), &whole));
    }
}

/// A proof that goes on above the root of the size claimed proves another tree.
#[test]
fn a_proof_ends_at_its_size() {
    let tree = leaves(2);
    assert!(!verify_inclusion(&tree[1], 0, 1, &tree[..1], &root(&tree)));

    let (tree, above) = (leaves(4), leaf_hash(b"left of both"));
    let [old, new] = [root(&tree[..3]), root(&tree)].map(|root| node_hash(&above, &root));
    let proof = [consistency_proof(&tree, 3), vec![above]].concat();
    assert!(!verify_consistency(3, &old, 4, &new, &proof));
}

#[test]
fn every_beginning_is_consistent_and_nothing_else() {
    for size in 0..24usize {
        let tree = leaves(size);
        let whole = root(&tree);
        for old in 0..=size {
            let proof = consistency_proof(&tree, old);
            let old_root = root(&tree[..old]);
            assert!(verify_consistency(old as u64, &old_root, size as u64, &whole, &proof), "{old} {size}");
            let forged = leaf_hash(b"another beginning");
            assert!(!verify_consistency(old as u64, &forged, size as u64, &whole, &proof), "{old} {size}");
            if old > 0 {
                assert!(
                    !verify_consistency(old as u64, &old_root, size as u64, &forged, &proof),
                    "{old} {size}"
                );
            }
            let longer = [proof.as_slice(), &[whole]].concat();
            assert!(!verify_consistency(old as u64, &old_root, size as u64, &whole, &longer), "{old} {size}");
            if let Some((_, shorter)) = proof.split_last() {
                assert!(
                    !verify_consistency(old as u64, &old_root, size as u64, &whole, shorter),
                    "{old} {size}"
                );
            }
        }
        let past = consistency_proof(&tree, size + 1);
        assert!(!verify_consistency(size as u64 + 1, &whole, size as u64, &whole, &past));
    }
}

#[test]
fn a_frontier_has_one_spelling() {
    let mut frontier = Frontier::new();
    for leaf in leaves(100) {
        let bytes = frontier.encode();
        assert_eq!(bytes.len(), 8 + 32 * frontier.size().count_ones() as usize);
        assert_eq!(Frontier::decode(&bytes), Ok(frontier.clone()));
        assert!(Frontier::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
        assert!(Frontier::decode(&bytes[..bytes.len() - 1]).is_err());
        frontier.append(leaf);
    }
    assert_eq!(frontier.root(), root(&leaves(100)));
    let full = [[0xFF; 8].as_slice(), &[0; 64 * 32]].concat();
    assert!(Frontier::decode(&full).is_err(), "no room to append");
}

proptest! {
    /// No two different lists of entries share size and root.
    #[test]
    fn different_lists_differ(
        a in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..3), 0..9),
        b in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..3), 0..9),
    ) {
        let same_root = root_of(a.iter().map(Vec::as_slice)) == root_of(b.iter().map(Vec::as_slice));
        prop_assert_eq!(same_root, a == b);
    }

    #[test]
    fn damaged_frontiers_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(mut frontier) = Frontier::decode(&bytes) {
            prop_assert_eq!(frontier.encode(), bytes);
            let size = frontier.size();
            frontier.append(Digest::ZERO);
            prop_assert_eq!(frontier.size(), size + 1);
            prop_assert_eq!(frontier.encode().len(), 8 + 32 * frontier.size().count_ones() as usize);
        }
    }
}
