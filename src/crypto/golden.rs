//! Our own vectors: good and bad bytes of every format, each bad one named for its one fault.
//!
//! They are made from fixed seeds and kept in `golden/`, so that a second implementation can be
//! checked against them, and so that these tests fail when a format drifts. After a change that
//! is meant, `WARDLINE_BLESS=1 cargo test -p wardline-crypto golden` writes them anew.

mod envelopes;
mod key_files;
mod signatures;
mod stanzas;

use std::{env, fs, path::Path};

use serde_json::Value;

/// Compares the vectors with the kept file, or writes it when asked to. Gives what is kept.
fn kept(name: &str, made: Vec<Value>) -> Vec<Value> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/golden")).join(name);
    if env::var_os("WARDLINE_BLESS").is_some() {
        let text = serde_json::to_string_pretty(&made).unwrap();
        fs::write(&path, text + "\n").unwrap();
    }
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let kept: Vec<Value> = serde_json::from_str(&text).unwrap();
    let names = |cases: &[Value]| cases.iter().map(|case| case["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&kept), names(&made), "{name}: other cases than those kept");
    for (kept, made) in kept.iter().zip(&made) {
        assert_eq!(kept, made, "{name}: the format drifted");
    }
    kept
}

fn hex(bytes: impl AsRef<[u8]>) -> Value {
    Value::String(crate::hex::encode(bytes.as_ref()))
}
