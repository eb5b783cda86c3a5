//! SHA-256: NIST CAVS short, long and Monte Carlo.

use super::{blocks, hex, read};
use crate::Digest;

#[test]
fn messages() {
    for (name, expected) in [("SHA256ShortMsg", 65), ("SHA256LongMsg", 64)] {
        let Some(text) = read(&format!("sha256/{name}.rsp")) else { return };
        let mut ran = 0;
        for (_, block) in blocks(&text) {
            let Some(length) = block.get("Len") else { continue };
            let mut message = hex(&block["Msg"]);
            message.truncate(length.parse::<usize>().unwrap() / 8);
            assert_eq!(Digest::of(&message).to_string(), block["MD"]);
            let (left, right) = message.split_at(message.len() / 3);
            assert_eq!(Digest::of_parts(&[left, right]).to_string(), block["MD"]);
            ran += 1;
        }
        assert_eq!(ran, expected, "{name}");
    }
}

#[test]
fn monte_carlo() {
    let Some(text) = read("sha256/SHA256Monte.rsp") else { return };
    let blocks = blocks(&text);
    let mut seed = Digest::from_bytes(hex(&blocks[0].1["Seed"]).try_into().unwrap());
    let mut ran = 0;
    for (_, block) in &blocks {
        let Some(expected) = block.get("MD") else { continue };
        let mut window = [seed; 3];
        for _ in 0..1000 {
            let [a, b, c] = window;
            window = [b, c, Digest::of_parts(&[a.as_ref(), b.as_ref(), c.as_ref()])];
        }
        seed = window[2];
        assert_eq!(seed.to_string(), *expected);
        ran += 1;
    }
    assert_eq!(ran, 100);
}
