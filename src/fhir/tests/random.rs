//! Bytes that nobody thought of: nothing panics, and everything ends in time.

use super::data;
use crate::{MAX_DEPTH, Shared, holds_patients, read};
use proptest::prelude::*;
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// Far more than the slowest machine needs for one file of these tests.
const DEADLINE: Duration = Duration::from_secs(20);

/// Reads in every way there is, and tells the time.
fn read_any(json: &[u8], shared: &Shared) {
    let start = Instant::now();
    let import = read(json, shared);
    let again = Shared::new().add(json);
    if let (Ok(import), Ok(_)) = (&import, &again) {
        panic!("both patients and shared: {:?}", import.resources);
    }
    if import.is_ok() {
        assert!(holds_patients(json));
    }
    assert!(start.elapsed() < DEADLINE, "{} bytes took {:?}", json.len(), start.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(read(&bytes, &Shared::new()).is_err());
        holds_patients(&bytes);
    }

    #[test]
    fn anything_made_of_json_tokens_ends(tokens in prop::collection::vec(0..TOKENS.len(), 0..200)) {
        let text: String = tokens.iter().map(|at| TOKENS[*at]).collect();
        read_any(text.as_bytes(), &Shared::new());
    }

    #[test]
    fn every_json_value_is_understood_as_serde_does(text in json_text()) {
        let ours = crate::json::parse(text.as_bytes());
        prop_assert!(ours.is_ok(), "{}: {:?}", text, ours.err());
    }
}

const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\n",
    "\"resourceType\"",
    "\"Bundle\"",
    "\"Patient\"",
    "\"entry\"",
    "\"resource\"",
    "\"type\":\"batch\"",
    "\"id\"",
    "\"a\"",
    "\"\\u00e4\"",
    "\"\\ud800\"",
    "1",
    "-0.5e3",
    "true",
    "null",
    "\"",
    "\\",
    "é",
];

/// JSON values as serde_json writes them, without names that stand twice.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<String>().prop_map(serde_json::Value::from),
    ];
    let depth = MAX_DEPTH as u32 / 8;
    leaf.prop_recursive(depth, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(serde_json::Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..40)
                .prop_map(|members| members.into_iter().collect::<serde_json::Value>()),
        ]
    })
    .prop_map(|value| value.to_string())
}

/// A random number generator that is the same everywhere: xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit.max(1)
    }

    /// One change: a byte, a cut, a span twice, a span less, a span of another file, a digit.
    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len());
        let span = at..(at + self.below(400)).min(bytes.len());
        match self.below(6) {
            0 => bytes[at] = self.below(256) as u8,
            1 => bytes.truncate(at),
            2 => {
                let copy = bytes[span].to_vec();
                bytes.splice(at..at, copy);
            }
            3 => drop(bytes.drain(span)),
            4 => {
                let from = self.below(other.len());
                let piece = &other[from..(from + self.below(400)).min(other.len())];
                bytes.splice(span, piece.iter().copied());
            }
            _ => {
                if let Some(digit) = bytes[at..].iter_mut().find(|byte| byte.is_ascii_digit()) {
                    *digit = b'0' + self.below(10) as u8;
                }
            }
        }
    }
}

/// Changes of files: all are read, none panics; the files that are still good stay few.
fn change_all(files: &[(String, Vec<u8>)], shared: &Shared, rounds: usize) {
    let mut random = Random(0x5eed_0f3a_4d11_e5a7);
    for (at, (_, original)) in files.iter().enumerate() {
        let (_, other) = &files[(at + 1) % files.len()];
        for _ in 0..rounds {
            let mut bytes = original.clone();
            for _ in 0..=random.below(3) {
                if !bytes.is_empty() {
                    random.change(&mut bytes, other);
                }
            }
            read_any(&bytes, shared);
        }
    }
}

#[test]
fn changed_hostile_files_never_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/bundles/hostile");
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    change_all(&files, &Shared::new(), 40);
}

#[test]
fn changed_public_bundles_never_panic() {
    let Some(folder) = data::folder() else { return };
    let shared = data::shared(&folder);
    // the smallest of each origin: many changes in little time
    let mut files = data::unpacked(&folder.join("patients"));
    files.sort_by_key(|(_, json)| json.len());
    files.truncate(8);
    change_all(&files, &shared, 12);
}
