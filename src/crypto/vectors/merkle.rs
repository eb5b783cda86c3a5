//! RFC 6962 trees: transparency-dev's proofs, good and bad.

use serde_json::Value;

use super::{Fields, hex, json, read};
use crate::{
    Digest,
    merkle::{leaf_hash, node_hash, root_of, verify_consistency, verify_inclusion},
};

fn cases(name: &str) -> Option<Vec<Value>> {
    Some(read(name)?.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// `None` for hashes of a wrong length, which the bad cases contain.
fn digest(bytes: Vec<u8>) -> Option<Digest> {
    bytes.try_into().ok().map(Digest::from_bytes)
}

fn proof(case: &Value) -> Option<Vec<Digest>> {
    let Some(list) = case["proof"].as_array() else { return Some(Vec::new()) };
    list.iter()
        .map(|node| digest(data_encoding::BASE64.decode(node.as_str().unwrap().as_bytes()).unwrap()))
        .collect()
}

#[test]
fn inclusion() {
    let Some(cases) = cases("merkle/inclusion.ndjson") else { return };
    let (mut good, mut ran) = (0, 0);
    for case in &cases {
        let number = |name: &str| case[name].as_u64().unwrap();
        let verdict = (|| {
            let (leaf, root) = (digest(case.base64("leafHash"))?, digest(case.base64("root"))?);
            Some(verify_inclusion(&leaf, number("leafIdx"), number("treeSize"), &proof(case)?, &root))
        })();
        assert_eq!(verdict == Some(true), case["wantErr"] == false, "{case}");
        good += usize::from(verdict == Some(true));
        ran += 1;
    }
    assert_eq!((ran, good), (98, 6));
}

/// One rule differs on purpose: these vectors refuse the empty tree as a beginning, because it
/// proves nothing; here a log starts from it, and only with its own root.
#[test]
fn consistency() {
    let Some(cases) = cases("merkle/consistency.ndjson") else { return };
    let (mut good, mut empty, mut ran) = (0, 0, 0);
    for case in &cases {
        let number = |name: &str| case[name].as_u64().unwrap();
        let verdict = (|| {
            // Some good cases have words for roots; what counts is whether they are equal.
            let root =
                |name: &str| digest(case.base64(name)).unwrap_or_else(|| Digest::of(&case.base64(name)));
            let (old, new) = (root("root1"), root("root2"));
            Some((verify_consistency(number("size1"), &old, number("size2"), &new, &proof(case)?), old))
        })();
        if number("size1") == 0 {
            let expected = verdict.is_some_and(|(_, old)| {
                old == Digest::of(b"") && case["proof"] == serde_json::json!([]) && number("size2") > 0
            });
            assert_eq!(verdict.is_some_and(|(good, _)| good), expected, "{case}");
            empty += 1;
            continue;
        }
        let verdict = verdict.map(|(good, _)| good);
        assert_eq!(verdict == Some(true), case["wantErr"] == false, "{case}");
        good += usize::from(verdict == Some(true));
        ran += 1;
    }
    assert_eq!((ran, good, empty), (89, 6, 9));
}

#[test]
fn reference_tree() {
    let Some(tree) = json("merkle/rfc6962-reference-tree.json") else { return };
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let entries: Vec<Vec<u8>> = texts(&tree["leaf_inputs_hex"]).iter().map(|text| hex(text)).collect();
    let roots = texts(&tree["root_by_tree_size_hex"]);
    for (size, expected) in roots.iter().enumerate() {
        assert_eq!(root_of(entries[..size].iter().map(Vec::as_slice)).to_string(), *expected);
    }
    let mut level: Vec<Digest> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let levels = tree["node_hashes_by_level_hex"].as_array().unwrap();
    for expected in levels {
        assert_eq!(level.iter().map(Digest::to_string).collect::<Vec<_>>(), texts(expected));
        level = level.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    assert_eq!((roots.len(), entries.len(), levels.len()), (9, 8, 4));
}
