//! Golden key files.

use data_encoding::BASE64;
use serde_json::json;

use super::{hex, kept};
use crate::{Cost, FileKind, KeyFileError, SecretBytes, SeededEntropy, lock, unlock, vectors::Fields};

/// The file with one byte of its decoded body changed.
fn with_byte(file: &str, at: usize, change: u8) -> String {
    let mut bytes = BASE64.decode(file.lines().skip(1).collect::<String>().as_bytes()).unwrap();
    bytes[at] ^= change;
    let body = BASE64.encode(&bytes);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("WARDLINE KEY FILE v1\n{}\n", lines.join("\n"))
}

#[test]
fn key_files() {
    let secret = SecretBytes::new((0..64).collect());
    let passphrase = SecretBytes::new("pässphrase".as_bytes().to_vec());
    let mut entropy = SeededEntropy::new(3);
    let file =
        lock(FileKind::Staff, b"public part", &secret, &passphrase, Cost::FLOOR, &mut entropy).unwrap();
    let costly = Cost { memory_kib: 65 << 10, passes: 4, lanes: 2 };
    let other = lock(FileKind::Patient, b"", &secret, &passphrase, costly, &mut entropy).unwrap();

    let case = |name: &str, file: &str, passphrase: &str, error: Option<KeyFileError>| {
        json!({
            "name": name,
            "file": file,
            "passphrase": passphrase,
            "secret": error.is_none().then(|| hex(secret.expose())),
            "error": error.map(|error| error.to_string()),
        })
    };
    let wrong = Some(KeyFileError::WrongPassphrase);
    let made = vec![
        case("good", &file, "pässphrase", None),
        case("good-above-the-floor", &other, "pässphrase", None),
        case("wrong-passphrase", &file, "passphrase", wrong),
        case("kind-changed", &with_byte(&file, 0, 1 ^ 2), "pässphrase", wrong),
        case("salt-bit-flipped", &with_byte(&file, 13, 1), "pässphrase", wrong),
        case("public-part-changed", &with_byte(&file, 55, 1), "pässphrase", wrong),
        case("tag-last-bit-flipped", &with_byte(&file, 145, 1), "pässphrase", wrong),
        case(
            "memory-below-the-floor",
            &with_byte(&file, 2, 1),
            "pässphrase",
            Some(KeyFileError::CostOutOfRange),
        ),
        case(
            "title-of-another-version",
            &file.replace("v1", "v2"),
            "pässphrase",
            Some(KeyFileError::NotAKeyFile),
        ),
    ];
    let kept = kept("key-files.json", made);
    assert_eq!(kept.len(), 9);
    for case in kept {
        let passphrase = SecretBytes::new(case.text("passphrase").as_bytes().to_vec());
        match unlock(case.text("file"), &passphrase) {
            Ok(opened) => assert_eq!(opened.secret.expose(), case.hex("secret"), "{}", case["name"]),
            Err(error) => assert_eq!(error.to_string(), case.text("error"), "{}", case["name"]),
        }
    }
}
