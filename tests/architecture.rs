//! The walls that Cargo cannot keep, and those that it keeps as long as nobody edits a manifest.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Which room may know which. A room that is not named here does not exist.
const ROOMS: &[(&str, &[&str])] = &[
    ("crypto", &[]),
    ("policy", &[]),
    ("ledger", &["crypto", "policy"]),
    ("record", &["policy"]),
    ("fhir", &["record"]),
    ("store", &["crypto", "ledger"]),
    ("consensus", &[]),
    ("wire", &["crypto", "ledger", "policy"]),
    ("node", &["consensus", "crypto", "ledger", "policy", "store", "wire"]),
    ("client", &["crypto", "ledger", "policy", "record", "wire"]),
    ("console", &["client", "crypto", "ledger", "policy", "record", "wire"]),
];

/// Libraries that one room alone may name.
const ONLY_IN: &[(&str, &str)] = &[
    ("commonware-", "consensus"),
    ("rusqlite", "store"),
    ("axum", "node"),
    ("reqwest", "client"),
    ("ratatui", "console"),
    ("crossterm", "console"),
    ("des", "crypto"),
    ("jmt", "ledger"),
    ("json-event-parser", "fhir"),
];

const PURE: &[&str] = &["crypto", "policy", "ledger", "record", "fhir"];

/// What a pure room must not name: I/O, the clock, threads, randomness of its own, unordered maps, floats.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::io",
    "std::thread",
    "std::process",
    "std::env",
    "tokio",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "Zoned::now",
    "HashMap",
    "HashSet",
    "f32",
    "f64",
];

/// The one door to the operating system's randomness.
const ENTROPY: &str = "src/crypto/entropy.rs";
const FILE_LINES_MAX: usize = 700;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no source in {}", folder.display());
    found
}

/// A file without its comments' text and without its inline tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// The files and folders of a room that are compiled for its tests alone.
fn test_modules(files: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in files {
        let text = fs::read_to_string(path).unwrap();
        // `foo.rs` has its modules in `foo/`, `lib.rs` and `mod.rs` beside themselves
        let stem = path.file_stem().unwrap();
        let folder = if stem == "lib" || stem == "mod" {
            path.parent().unwrap().into()
        } else {
            path.with_extension("")
        };
        for part in text.split("#[cfg(test)]\nmod ").skip(1) {
            let name: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.push(folder.join(&name));
            found.push(folder.join(format!("{name}.rs")));
        }
    }
    found
}

/// Whether `word` stands in the text as a word of its own.
fn names(text: &str, word: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(letter) && !after.is_some_and(letter)
    })
}

/// The dependency names under a `[dependencies]` heading.
fn dependencies(manifest: &Path) -> BTreeSet<String> {
    let table: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
    table["dependencies"].as_table().unwrap().keys().cloned().collect()
}

#[test]
fn every_folder_with_a_manifest_is_a_room_and_knows_only_what_it_may() {
    let rooms: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let folder = entry.unwrap().path();
        let manifest = folder.join("Cargo.toml");
        if !manifest.exists() {
            continue;
        }
        let room = folder.file_name().unwrap().to_string_lossy().into_owned();
        let may = rooms.get(room.as_str()).unwrap_or_else(|| panic!("{room} is not on the list of rooms"));
        for dependency in dependencies(&manifest) {
            if let Some(other) = dependency.strip_prefix("wardline-") {
                assert!(may.contains(&other), "{room} must not know {other}");
            }
            for (library, home) in ONLY_IN {
                let named =
                    dependency == *library || (library.ends_with('-') && dependency.starts_with(library));
                assert!(!named || room == *home, "{room} must not name {dependency}: only {home} may");
            }
        }
        seen.insert(room);
    }
    assert_eq!(seen.len(), ROOMS.len(), "a room is missing: {seen:?}");
}

#[test]
fn every_room_is_a_member_and_a_default_member() {
    let table: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    for list in ["members", "default-members"] {
        let members = table["workspace"][list].as_array().unwrap();
        for (room, _) in ROOMS {
            let path = format!("src/{room}");
            assert!(members.iter().any(|member| member.as_str() == Some(&path)), "{path} is not in {list}");
        }
    }
}

#[test]
fn pure_rooms_are_pure() {
    for room in PURE {
        let files = sources(&root().join("src").join(room));
        let tests = test_modules(&files);
        for path in files {
            if path.ends_with(ENTROPY) || tests.iter().any(|test| path.starts_with(test)) {
                continue;
            }
            let text = code(&path);
            for word in IMPURE {
                assert!(!names(&text, word), "{} names {word}", path.display());
            }
            assert!(!names(&text, "getrandom"), "{} draws randomness by itself", path.display());
        }
    }
}

#[test]
fn files_are_short_say_what_they_are_and_leave_nothing_open() {
    for path in sources(&root().join("src")).into_iter().chain(sources(&root().join("tests"))) {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        assert!(
            lines <= FILE_LINES_MAX,
            "{} has {lines} lines, {FILE_LINES_MAX} are allowed",
            path.display()
        );
        assert!(text.starts_with("//!"), "{} does not begin with what it is", path.display());
        for word in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")] {
            assert!(!names(&text, word), "{} has a {word}", path.display());
        }
    }
}

#[test]
fn every_engine_crate_is_pinned_to_one_version() {
    let table: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let dependencies = table["workspace"]["dependencies"].as_table().unwrap();
    let mut seen = 0;
    for (name, value) in dependencies.iter().filter(|(name, _)| name.starts_with("commonware-")) {
        let version = value.as_str().or_else(|| value.get("version").and_then(|v| v.as_str())).unwrap();
        assert_eq!(version, "=2026.10.0", "{name}");
        seen += 1;
    }
    assert_eq!(seen, 12);
    let lock: toml::Table = fs::read_to_string(root().join("Cargo.lock")).unwrap().parse().unwrap();
    for package in lock["package"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if name.starts_with("commonware-") {
            assert_eq!(package["version"].as_str(), Some("2026.10.0"), "{name}");
        }
    }
}

#[test]
fn the_ledger_certifies_what_the_engine_signs_by_bytes_alone() {
    // the ledger verifies certificates without a type of the engine, so that a console needs no node
    for path in sources(&root().join("src/ledger")) {
        assert!(!code(&path).contains("commonware"), "{} names the engine", path.display());
    }
}
