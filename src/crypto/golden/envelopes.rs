//! Golden envelopes.

use serde_json::{Value, json};

use super::{hex, kept};
use crate::{
    Content, DataKey, Digest, HEADER_LEN, Header, OpenError, Secret, Suite,
    envelope::{open, seal_padded},
    padding::pad,
    segment::Segment,
    vectors::Fields,
};

const KEY: [u8; 32] = [0x11; 32];
const OTHER_KEY: [u8; 32] = [0x22; 32];
const SALT: [u8; 32] = [0x33; 32];

/// Where a segment begins and its ciphertext after it.
const SEGMENT_START: usize = HEADER_LEN;
const CIPHERTEXT: usize = HEADER_LEN + 5;

struct Case {
    name: String,
    key: [u8; 32],
    sealed: Vec<u8>,
    plain: Option<Vec<u8>>,
}

impl Case {
    /// Small envelopes are kept whole, large ones as their SHA-256 (their plaintext is the bytes
    /// 0 to 250 over and over).
    fn to_json(&self) -> Value {
        let small = self.sealed.len() < 4096;
        let mut case = json!({
            "name": self.name,
            "data_key": hex(self.key),
            "salt": hex(SALT),
            "opens": self.plain.is_some(),
            "sealed_sha256": Digest::of(&self.sealed).to_string(),
        });
        if small {
            case["sealed"] = hex(&self.sealed);
        }
        if let Some(plain) = &self.plain {
            case["plain_length"] = plain.len().into();
            if small {
                case["plain"] = hex(plain);
            }
        }
        case
    }
}

fn key(bytes: [u8; 32]) -> DataKey {
    DataKey::new(Secret::new(bytes))
}

fn header(suite: Suite) -> Header {
    Header { suite, content: Content::Record, object: std::array::from_fn(|at| at as u8 + 0xA0), version: 7 }
}

fn sealed_by(secret: [u8; 32], header: &Header, plain: &[u8]) -> Vec<u8> {
    seal_padded(&key(secret), header, pad(plain).unwrap().expose(), &SALT).unwrap()
}

fn small_cases(suite: Suite) -> Vec<Case> {
    let header = header(suite);
    let prefix = format!("suite-{}/", suite.code());
    let mut cases = Vec::new();
    let mut good = |name: &str, header: Header, plain: &[u8]| {
        let sealed = sealed_by(KEY, &header, plain);
        cases.push(Case { name: format!("{prefix}{name}"), key: KEY, sealed, plain: Some(plain.to_vec()) });
    };
    good("good", header, b"a visit");
    good("good-empty", header, b"");
    good("good-bucket-just-full", header, &[0x5A; 508]);
    good("good-next-bucket", header, &[0x5A; 509]);
    good("good-identity", Header { content: Content::Identity, ..header }, b"a person");

    let sealed = sealed_by(KEY, &header, b"a visit");
    let mut bad = |name: &str, key: [u8; 32], sealed: Vec<u8>| {
        cases.push(Case { name: format!("{prefix}{name}"), key, sealed, plain: None });
    };
    bad("another-data-key", OTHER_KEY, sealed.clone());

    let flipped = |at: usize, change: u8| {
        let mut sealed = sealed.clone();
        sealed[at] ^= change;
        sealed
    };
    let last = sealed.len() - 1;
    for (name, at, change) in [
        ("magic-changed", 0, 1),
        ("layout-version-unknown", 7, 1 ^ 2),
        ("suite-unknown", 8, suite.code() ^ 4),
        ("content-changed", 9, 1 ^ 2),
        ("content-unknown", 9, 1 ^ 3),
        ("object-bit-flipped", 10, 1),
        ("version-changed", 29, 7 ^ 6),
        ("salt-bit-flipped", 30, 1),
        ("commitment-first-bit-flipped", 62, 0x80),
        ("commitment-last-bit-flipped", 93, 1),
        ("padded-length-not-a-bucket", 97, 1),
        ("segment-number-changed", SEGMENT_START + 3, 1),
        ("last-flag-cleared", SEGMENT_START + 4, 1),
        ("last-flag-neither-0-nor-1", SEGMENT_START + 4, 1 ^ 2),
        ("ciphertext-first-bit-flipped", CIPHERTEXT, 0x80),
        ("ciphertext-last-bit-flipped", CIPHERTEXT + 511, 1),
        ("tag-first-bit-flipped", CIPHERTEXT + 512, 0x80),
        ("tag-last-bit-flipped", last, 1),
    ] {
        bad(name, KEY, flipped(at, change));
    }
    for other in Suite::ALL.into_iter().filter(|&other| other != suite) {
        let relabelled = flipped(8, suite.code() ^ other.code());
        bad(&format!("suite-byte-changed-to-{}", other.code()), KEY, relabelled.clone());
        let mut fitted = relabelled;
        fitted.resize(CIPHERTEXT + 512 + other.overhead(), 0);
        bad(&format!("suite-byte-changed-to-{}-and-length-fitted", other.code()), KEY, fitted);
    }

    let of_other_key = sealed_by(OTHER_KEY, &header, b"a visit");
    let mut commitment_of_other = sealed.clone();
    commitment_of_other[62..94].copy_from_slice(&of_other_key[62..94]);
    bad("commitment-of-another-key", KEY, commitment_of_other.clone());
    bad("commitment-of-the-key-over-anothers-ciphertext", OTHER_KEY, commitment_of_other);

    // Everything authenticates but the commitment itself: only its own check can refuse this.
    let mut wrong_commitment: [u8; HEADER_LEN] = sealed[..HEADER_LEN].try_into().unwrap();
    wrong_commitment[62..94].copy_from_slice(&of_other_key[62..94]);
    let segment = Segment {
        key: &key(KEY),
        salt: &SALT,
        header: &header,
        header_bytes: &wrong_commitment,
        number: 0,
        last: true,
    };
    let body = segment.seal(pad(b"a visit").unwrap().expose()).unwrap();
    let forged = [wrong_commitment.as_slice(), &segment.head(), &body].concat();
    bad("commitment-of-another-key-authenticated", KEY, forged);

    let other_object = sealed_by(KEY, &Header { object: [0xB0; 16], ..header }, b"a visit");
    bad(
        "segment-of-another-object",
        KEY,
        [&sealed[..SEGMENT_START], &other_object[SEGMENT_START..]].concat(),
    );

    for (name, bytes) in [
        ("nothing", Vec::new()),
        ("truncated-inside-header", sealed[..HEADER_LEN - 1].to_vec()),
        ("truncated-after-header", sealed[..HEADER_LEN].to_vec()),
        ("truncated-by-one-byte", sealed[..last].to_vec()),
        ("truncated-by-one-block", sealed[..last - 7].to_vec()),
        ("trailing-byte", [sealed.as_slice(), &[0]].concat()),
        ("segment-repeated", [sealed.as_slice(), &sealed[SEGMENT_START..]].concat()),
    ] {
        bad(name, KEY, bytes);
    }

    let padding = |change: fn(&mut Vec<u8>)| {
        let mut padded = pad(b"a visit").unwrap().expose().to_vec();
        change(&mut padded);
        seal_padded(&key(KEY), &header, &padded, &SALT).unwrap()
    };
    bad("padding-not-zero", KEY, padding(|padded| padded[511] = 1));
    bad("inner-length-past-the-end", KEY, padding(|padded| padded[2] = 2));
    bad("larger-bucket-than-needed", KEY, padding(|padded| padded.resize(1024, 0)));
    bad("padded-to-no-bucket", KEY, padding(|padded| padded.resize(520, 0)));
    cases
}

/// Two segments: 1 MiB and 150,016 bytes.
fn large_cases(suite: Suite) -> Vec<Case> {
    let plain: Vec<u8> = (0..=250).cycle().take((1 << 20) + 5).collect();
    let header = header(suite);
    let sealed = sealed_by(KEY, &header, &plain);
    let second = SEGMENT_START + 5 + (1 << 20) + suite.overhead();
    let (head, rest) = sealed.split_at(SEGMENT_START);
    let (one, two) = rest.split_at(second - SEGMENT_START);
    let bad = |name: &str, sealed: Vec<u8>| Case {
        name: format!("suite-{}/{name}", suite.code()),
        key: KEY,
        sealed,
        plain: None,
    };
    let changed = |at: usize, change: u8| {
        let mut sealed = sealed.clone();
        sealed[at] ^= change;
        sealed
    };
    let mut cases = vec![
        bad("segment-order-swapped", [head, two, one].concat()),
        bad("second-segment-dropped", [head, one].concat()),
        bad("first-segment-dropped", [head, two].concat()),
        bad("first-segment-repeated", [head, one, one, two].concat()),
        bad("first-marked-last", changed(SEGMENT_START + 4, 1)),
        bad("last-flag-of-second-cleared", changed(second + 4, 1)),
        bad("second-tag-last-bit-flipped", changed(sealed.len() - 1, 1)),
        bad("truncated-inside-second-segment", sealed[..sealed.len() - 512].to_vec()),
    ];
    cases.push(Case {
        name: format!("suite-{}/good-two-segments", suite.code()),
        key: KEY,
        sealed,
        plain: Some(plain),
    });
    cases
}

#[test]
fn envelopes() {
    let cases: Vec<Case> = Suite::ALL
        .into_iter()
        .flat_map(|suite| small_cases(suite).into_iter().chain(large_cases(suite)))
        .collect();
    let kept = kept("envelopes.json", cases.iter().map(Case::to_json).collect());
    let (mut good, mut bad) = (0, 0);
    for (case, kept) in cases.iter().zip(&kept) {
        // What is kept whole is read from the file, not from what was just made.
        let sealed = if kept["sealed"].is_string() { kept.hex("sealed") } else { case.sealed.clone() };
        let opened = open(&key(kept.hex("data_key").try_into().unwrap()), &sealed);
        match (&case.plain, opened) {
            (Some(plain), Ok((_, opened))) => {
                assert!(opened.expose() == plain, "{}", case.name);
                good += 1;
            }
            (None, Err(OpenError)) => bad += 1,
            (_, opened) => panic!("{}: opened: {}", case.name, opened.is_ok()),
        }
    }
    assert_eq!((good, bad), (18, 138));
}
