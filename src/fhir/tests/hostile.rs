//! Files that must be refused: each gets exactly the message that `messages.txt` has for it.

use crate::{MAX_BYTES, MAX_VALUES, Refusal, Shared, read};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/bundles/hostile")
}

/// What a file is refused with. Files named `shared-…` go where shared resources go.
fn refusal_of(name: &str, json: &[u8]) -> Refusal {
    if name.starts_with("shared-") {
        let mut shared = Shared::new();
        let refusal = shared.add(json).map(drop).expect_err(name);
        assert!(shared.resources.is_empty(), "{name}: nothing of it may stay");
        refusal
    } else {
        read(json, &Shared::new()).map(drop).expect_err(name)
    }
}

/// The refusals of the folder, by file name.
fn corpus() -> BTreeMap<String, Refusal> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let refusal = refusal_of(&name, &fs::read(&path).unwrap());
            (name, refusal)
        })
        .collect()
}

/// Refusals of files too large to keep.
static GENERATED: LazyLock<BTreeMap<&'static str, Refusal>> = LazyLock::new(|| {
    let nothing = Shared::new();
    let refused = |json: &[u8]| read(json, &nothing).unwrap_err();
    BTreeMap::from([
        ("nested without end", refused("[".repeat(1 << 20).as_bytes())),
        ("objects nested without end", refused(r#"{"a":"#.repeat(1 << 18).as_bytes())),
        ("longer than the limit", refused(&vec![b' '; MAX_BYTES + 1])),
        ("more values than the limit", refused(format!("[{}0]", "0,".repeat(MAX_VALUES)).as_bytes())),
    ])
});

/// The name of a refusal's variant.
fn variant(refusal: &Refusal) -> String {
    format!("{refusal:?}").chars().take_while(char::is_ascii_alphanumeric).collect()
}

#[test]
fn every_hostile_file_gets_its_message() {
    let expected = fs::read_to_string(folder().join("messages.txt")).unwrap();
    // to make the file anew, paste what a failing run prints
    let found: String = corpus().iter().map(|(name, refusal)| format!("{name}\n    {refusal}\n")).collect();
    if found != expected {
        println!("{found}");
    }
    assert!(found == expected, "messages.txt differs from the messages printed above");
}

#[test]
fn hostile_sizes_are_refused() {
    let messages: Vec<String> =
        GENERATED.iter().map(|(name, refusal)| format!("{name}: {refusal}")).collect();
    assert_eq!(
        messages,
        [
            "longer than the limit: is longer than 256 MiB",
            "more values than the limit: line 1: holds more than 8388608 values",
            "nested without end: line 1, column 65: nested deeper than 64 levels",
            "objects nested without end: line 1, column 321: nested deeper than 64 levels",
        ]
    );
}

#[test]
fn every_reason_to_refuse_has_a_file() {
    let source = include_str!("../refusal.rs");
    let declared: BTreeSet<String> = source
        .split_once("pub enum Refusal {")
        .unwrap()
        .1
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
        .map(|line| line.chars().take_while(char::is_ascii_alphanumeric).collect())
        .collect();
    assert!(declared.len() > 20, "{declared:?}");
    let met: BTreeSet<String> = corpus().values().chain(GENERATED.values()).map(variant).collect();
    assert_eq!(met, declared);
}

#[test]
fn no_message_repeats_a_value() {
    for (name, refusal) in corpus() {
        let message = refusal.to_string();
        for value in ["Muster", "Erika", "4711", "9999", "1970", "2023", "2024", "Müller", "hospital.example"]
        {
            assert!(!message.contains(value), "{name}: {message}");
        }
    }
}
