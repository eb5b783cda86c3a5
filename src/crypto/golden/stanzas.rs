//! Golden stanzas and releases.

use serde_json::{Value, json};

use super::{hex, kept};
use crate::{
    AgreementKey, DataKey, Digest, Held, OpenError, ReleaseContext, Secret, SeededEntropy, Share, Stanza,
    WrapContext, accept, combine, release, unwrap, vectors::Fields, wrap_shares, wrap_whole,
};

const DATA_KEY: [u8; 32] = [0x11; 32];

fn agreement_key(byte: u8) -> AgreementKey {
    AgreementKey::from_bytes(Secret::new([byte; 32]))
}

fn data_key() -> DataKey {
    DataKey::new(Secret::new(DATA_KEY))
}

fn wrap_context() -> WrapContext {
    WrapContext {
        network: Digest::of(b"network"),
        object: [0xA0; 16],
        version: 7,
        pointer: Digest::of(b"envelope"),
        branch: 1,
    }
}

fn wrap_case(name: &str, stanza: &[u8], key: u8, context: &WrapContext, opens: Option<&Held>) -> Value {
    json!({
        "name": name,
        "stanza": hex(stanza),
        "key": hex([key; 32]),
        "network": hex(context.network),
        "object": hex(context.object),
        "version": context.version,
        "pointer": hex(context.pointer),
        "branch": context.branch,
        "held": opens.map(|held| hex(held.encode().expose())),
    })
}

#[test]
fn stanzas() {
    let mut entropy = SeededEntropy::new(1);
    let context = wrap_context();
    let key_one = agreement_key(0x41);
    let stanza = wrap_whole(&data_key(), &key_one.public(), &context, &mut entropy).unwrap();
    let bytes = stanza.encode();
    let whole = Held::Whole(data_key());
    let mut cases = vec![wrap_case("good-whole", &bytes, 0x41, &context, Some(&whole))];

    let holders: Vec<_> = [(1, 0x41), (2, 0x42), (3, 0x43)].into_iter().collect();
    let named: Vec<_> =
        holders.iter().map(|&(branch, byte)| (branch, agreement_key(byte).public())).collect();
    let shares = wrap_shares(&data_key(), &named, &context, &mut entropy).unwrap();
    for ((branch, stanza), (_, byte)) in shares.iter().zip(&holders) {
        let context = WrapContext { branch: *branch, ..context };
        let held = unwrap(stanza, &agreement_key(*byte), &context).unwrap();
        cases.push(wrap_case(
            &format!("good-share-{branch}"),
            &stanza.encode(),
            *byte,
            &context,
            Some(&held),
        ));
    }

    let mut bad = |name: &str, stanza: Vec<u8>, key: u8, context: WrapContext| {
        cases.push(wrap_case(name, &stanza, key, &context, None));
    };
    let flipped = |at: usize, change: u8| {
        let mut bytes = bytes.clone();
        bytes[at] ^= change;
        bytes
    };
    let last = bytes.len() - 1;
    bad("kind-changed-to-share", flipped(0, 1 ^ 2), 0x41, context);
    bad("kind-unknown", flipped(0, 1 ^ 9), 0x41, context);
    bad("recipient-bit-flipped", flipped(1, 1), 0x41, context);
    let other = Stanza { recipient: agreement_key(0x42).public(), ..stanza.clone() };
    bad("recipient-replaced-by-another-key", other.encode(), 0x42, context);
    bad("another-key", bytes.clone(), 0x42, context);
    bad("body-length-changed", flipped(34, 1), 0x41, context);
    bad("encapsulated-key-bit-flipped", flipped(35, 1), 0x41, context);
    bad("ciphertext-first-bit-flipped", flipped(67, 0x80), 0x41, context);
    bad("tag-last-bit-flipped", flipped(last, 1), 0x41, context);
    bad("truncated-by-one-byte", bytes[..last].to_vec(), 0x41, context);
    bad("trailing-byte", [bytes.as_slice(), &[0]].concat(), 0x41, context);
    let body_of_share = Stanza { body: shares[0].1.body.clone(), ..stanza.clone() };
    bad("body-of-a-share", body_of_share.encode(), 0x41, context);
    bad("another-network", bytes.clone(), 0x41, WrapContext { network: Digest::ZERO, ..context });
    bad("another-object", bytes.clone(), 0x41, WrapContext { object: [0xA1; 16], ..context });
    bad("another-version", bytes.clone(), 0x41, WrapContext { version: 8, ..context });
    bad("another-pointer", bytes.clone(), 0x41, WrapContext { pointer: Digest::ZERO, ..context });
    bad("another-branch", bytes.clone(), 0x41, WrapContext { branch: 2, ..context });

    let (mut good, mut refused, mut points) = (0, 0, Vec::new());
    for case in kept("stanzas.json", cases) {
        let context = WrapContext {
            network: case.text("network").parse().unwrap(),
            object: case.hex("object").try_into().unwrap(),
            version: case["version"].as_u64().unwrap().try_into().unwrap(),
            pointer: case.text("pointer").parse().unwrap(),
            branch: case["branch"].as_u64().unwrap().try_into().unwrap(),
        };
        let key = AgreementKey::from_bytes(Secret::from_slice(&case.hex("key")).unwrap());
        let opened = Stanza::decode(&case.hex("stanza")).and_then(|stanza| unwrap(&stanza, &key, &context));
        if case["held"].is_string() {
            let held = opened.unwrap();
            assert_eq!(held.encode().expose(), case.hex("held"), "{}", case["name"]);
            good += 1;
            if let Held::Share(share) = held {
                points.push(share);
            }
        } else {
            assert_eq!(opened.unwrap_err(), OpenError, "{}", case["name"]);
            refused += 1;
        }
    }
    assert_eq!((good, refused), (4, 17));
    assert_eq!(combine(&points).unwrap().secret().expose(), &DATA_KEY);
}

#[test]
fn releases() {
    let session = agreement_key(0x51);
    let context = ReleaseContext {
        network: Digest::of(b"network"),
        branch: 2,
        object: [0xA0; 16],
        pointer: Digest::of(b"envelope"),
        session: session.public(),
        main_height: 1_000,
        side_height: 2_000,
        audit: Digest::of(b"audit entry"),
    };
    let share = Share::from_point(&[[5].as_slice(), &[0x77; 32]].concat()).unwrap();
    let mut entropy = SeededEntropy::new(2);
    let made = [("good-whole", Held::Whole(data_key())), ("good-share", Held::Share(share))]
        .iter()
        .map(|(name, held)| {
            json!({
                "name": name,
                "session_key": hex(session.bytes()),
                "network": hex(context.network),
                "branch": context.branch,
                "object": hex(context.object),
                "pointer": hex(context.pointer),
                "main_height": context.main_height,
                "side_height": context.side_height,
                "audit": hex(context.audit),
                "released": hex(release(held, &context, &mut entropy).unwrap()),
                "held": hex(held.encode().expose()),
            })
        })
        .collect();
    let kept = kept("releases.json", made);
    assert_eq!(kept.len(), 2);
    for case in kept {
        let released = case.hex("released");
        let held = accept(&released, &session, &context).unwrap();
        assert_eq!(held.encode().expose(), case.hex("held"));
        let later = ReleaseContext { side_height: 2_001, ..context };
        assert_eq!(accept(&released, &session, &later).unwrap_err(), OpenError);
        for bit in 0..released.len() * 8 {
            let mut bad = released.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(accept(&bad, &session, &context).unwrap_err(), OpenError, "bit {bit}");
        }
    }
}
