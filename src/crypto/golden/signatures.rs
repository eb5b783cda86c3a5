//! Golden signatures, search tokens and frontiers.

use serde_json::json;

use super::{hex, kept};
use crate::{
    Domain, PublicKey, SearchKey, Secret, Signature, SigningKey,
    merkle::{Frontier, leaf_hash},
    vectors::Fields,
};

#[test]
fn signatures() {
    let key = SigningKey::from_seed(Secret::new([0x61; 32]));
    let made = Domain::ALL
        .map(|domain| {
            json!({
                "name": String::from_utf8(domain.bytes().to_vec()).unwrap(),
                "seed": hex(key.seed()),
                "public": hex(key.public().bytes()),
                "message": hex(b"message"),
                "signature": hex(key.sign(domain, b"message").bytes()),
            })
        })
        .to_vec();
    let kept = kept("signatures.json", made);
    assert_eq!(kept.len(), 9);
    for (case, domain) in kept.iter().zip(Domain::ALL) {
        let public = PublicKey::from_bytes(case.hex("public").try_into().unwrap());
        let signature = Signature::from_bytes(case.hex("signature").try_into().unwrap());
        for asked in Domain::ALL {
            assert_eq!(public.verify(asked, &case.hex("message"), &signature), asked == domain, "{case}");
        }
    }
}

#[test]
fn search_tokens() {
    let key = SearchKey::from_bytes(Secret::new([0x71; 32]));
    let made = ["name:mei", "mrn:00017", "born:1980-02-03", "name:łukasz", ""]
        .map(|term| json!({ "name": term, "key": hex(key.bytes()), "token": hex(key.token(term)) }))
        .to_vec();
    assert_eq!(kept("search-tokens.json", made).len(), 5);
}

#[test]
fn frontiers() {
    let mut frontier = Frontier::new();
    let mut made = Vec::new();
    for size in 0..9u8 {
        made.push(json!({
            "name": format!("size-{size}"),
            "comment": "entry i is the one byte i",
            "frontier": hex(frontier.encode()),
            "root": hex(frontier.root()),
        }));
        frontier.append(leaf_hash(&[size]));
    }
    for case in kept("frontiers.json", made) {
        let frontier = Frontier::decode(&case.hex("frontier")).unwrap();
        assert_eq!(frontier.root().to_string(), case.text("root"));
    }
}
