//! Standard vectors, made by others: NIST CAVS, the RFCs, Wycheproof, CCTV, transparency-dev.
//!
//! Every test asserts how many vectors it ran, so that a parser that finds nothing fails. The
//! files lie outside the repository; without them the tests say so and pass, except in CI.

mod aead;
mod ed25519;
mod hpke;
mod kdf;
mod merkle;
mod sha256;
mod x25519;

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use serde_json::Value;

/// The text of a vector file, `None` (said aloud) when the folder is not there.
pub(crate) fn read(name: &str) -> Option<String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = env::var_os("WARDLINE_SHARED").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let folder = shared.join("vectors");
    if !folder.is_dir() {
        assert!(env::var_os("CI").is_none(), "vectors are missing, and CI must not go without");
        eprintln!("SKIPPED, NOT TESTED: {name}: no folder of vectors (set WARDLINE_SHARED)");
        return None;
    }
    Some(fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")))
}

pub(crate) fn json(name: &str) -> Option<Value> {
    read(name).map(|text| serde_json::from_str(&text).unwrap())
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).unwrap()
}

/// `name = value` blocks as NIST and RFC files write them, each with the `[section]` it is in.
pub(crate) fn blocks(text: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut section = String::new();
    let mut blocks = vec![(String::new(), BTreeMap::new())];
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some((name, value)) = line.split_once('=') {
            let (name, value) = (name.trim(), value.trim().to_owned());
            let current = &mut blocks.last_mut().unwrap();
            if current.1.contains_key(name) || (name == "COUNT" && !current.1.is_empty()) {
                blocks.push((section.clone(), BTreeMap::from([(name.to_owned(), value)])));
            } else {
                current.0.clone_from(&section);
                current.1.insert(name.to_owned(), value);
            }
        }
    }
    blocks
}

/// A field of a JSON vector.
pub(crate) trait Fields {
    fn hex(&self, name: &str) -> Vec<u8>;
    fn text(&self, name: &str) -> &str;
    fn base64(&self, name: &str) -> Vec<u8>;
    fn has_flag(&self, flag: &str) -> bool;
}

impl Fields for Value {
    fn hex(&self, name: &str) -> Vec<u8> {
        hex(self.text(name))
    }

    fn text(&self, name: &str) -> &str {
        self[name].as_str().unwrap_or_else(|| panic!("{name} in {self}"))
    }

    fn base64(&self, name: &str) -> Vec<u8> {
        BASE64.decode(self.text(name).as_bytes()).unwrap()
    }

    fn has_flag(&self, flag: &str) -> bool {
        self["flags"].as_array().is_some_and(|flags| flags.iter().any(|f| f == flag))
    }
}

/// Every test of a Wycheproof file, with its group.
pub(crate) fn wycheproof(name: &str) -> Option<Vec<(Value, Value)>> {
    let mut all = json(&format!("wycheproof/{name}_test.json"))?;
    let count = all["numberOfTests"].as_u64().unwrap();
    let mut tests = Vec::new();
    for group in all["testGroups"].as_array_mut().unwrap() {
        let list = group["tests"].take();
        for test in list.as_array().unwrap() {
            tests.push((group.clone(), test.clone()));
        }
    }
    assert_eq!(tests.len() as u64, count);
    Some(tests)
}
