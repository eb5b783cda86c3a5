//! Key files: what opens, and the one answer to everything that does not.

use super::*;
use crate::SeededEntropy;

fn secret(text: &str) -> SecretBytes {
    SecretBytes::new(text.as_bytes().to_vec())
}

fn written() -> String {
    let passphrase = secret("correct horse");
    lock(
        FileKind::Staff,
        b"public",
        &secret("the secret"),
        &passphrase,
        Cost::default(),
        &mut SeededEntropy::new(1),
    )
    .unwrap()
}

/// The file with one byte of its decoded body changed.
fn with_byte(text: &str, at: usize, change: u8) -> String {
    let mut bytes = from_text(text).unwrap();
    bytes[at] ^= change;
    to_text(&bytes)
}

#[test]
fn a_file_opens_with_its_passphrase_only() {
    let text = written();
    assert!(text.starts_with("WARDLINE KEY FILE v1\n") && text.ends_with('\n'));
    assert!(text.lines().all(|line| line.len() <= 64));
    assert!(!text.contains("the secret"));

    assert_eq!(read_public(&text), Ok((FileKind::Staff, b"public".to_vec())));
    let opened = unlock(&text, &secret("correct horse")).unwrap();
    assert_eq!((opened.kind, opened.public.as_slice()), (FileKind::Staff, b"public".as_slice()));
    assert_eq!(opened.secret.expose(), b"the secret");
    assert!(!format!("{opened:?}").contains("104, 101"));

    for wrong in ["", "correct hors", "correct horse "] {
        assert_eq!(unlock(&text, &secret(wrong)).unwrap_err(), KeyFileError::WrongPassphrase, "{wrong:?}");
    }
}

#[test]
fn a_change_anywhere_is_answered_like_a_wrong_passphrase() {
    let text = written();
    let length = from_text(&text).unwrap().len();
    // kind, passes (up), salt, nonce, public, locked secret, tag
    for (at, change) in [(0, 1 ^ 2), (8, 7), (13, 1), (29, 1), (55, 1), (61, 1), (length - 1, 1)] {
        let bad = with_byte(&text, at, change);
        assert_eq!(
            unlock(&bad, &secret("correct horse")).unwrap_err(),
            KeyFileError::WrongPassphrase,
            "byte {at}"
        );
    }
}

#[test]
fn costs_outside_the_range_are_refused_before_any_work() {
    let Cost { memory_kib, passes, lanes } = Cost::FLOOR;
    for cost in [
        Cost { memory_kib: memory_kib - 1, passes, lanes },
        Cost { memory_kib, passes: passes - 1, lanes },
        Cost { memory_kib, passes, lanes: 0 },
        Cost { memory_kib: u32::MAX, passes, lanes },
        Cost { memory_kib, passes: 17, lanes },
        Cost { memory_kib, passes, lanes: 17 },
    ] {
        let refused =
            lock(FileKind::Staff, b"", &secret("s"), &secret("p"), cost, &mut SeededEntropy::new(1));
        assert_eq!(refused, Err(KeyFileError::CostOutOfRange), "{cost:?}");

        let mut bytes = from_text(&written()).unwrap();
        for (field, value) in [(1, cost.memory_kib), (5, cost.passes), (9, cost.lanes)] {
            bytes[field..field + 4].copy_from_slice(&value.to_be_bytes());
        }
        let file = to_text(&bytes);
        assert_eq!(read_public(&file), Err(KeyFileError::CostOutOfRange), "{cost:?}");
        assert_eq!(
            unlock(&file, &secret("correct horse")).unwrap_err(),
            KeyFileError::CostOutOfRange,
            "{cost:?}"
        );
    }
}

#[test]
fn other_texts_are_not_key_files() {
    let text = written();
    let mail = text.replace('\n', " \r\n");
    assert!(read_public(&mail).is_ok(), "line ends may change on the way");

    let bytes = from_text(&text).unwrap();
    for bad in [
        String::new(),
        "WARDLINE KEY FILE v1\n".to_owned(),
        text.replace("v1", "v2"),
        text.replace("WARDLINE", "wardline"),
        format!("{text}!"),
        format!("{text}{}", "\n".repeat(MAX_TEXT)), // too long, though with nothing but blank lines
        to_text(&bytes[..bytes.len() - 11]),        // less than a tag is left
        with_byte(&text, 0, 9),                     // no such kind
        with_byte(&text, 53, 0xFF),                 // a public part longer than the file
    ] {
        assert_eq!(read_public(&bad), Err(KeyFileError::NotAKeyFile), "{bad:?}");
        assert_eq!(unlock(&bad, &secret("correct horse")).unwrap_err(), KeyFileError::NotAKeyFile);
    }
}

#[test]
fn lengths_are_bounded() {
    let mut entropy = SeededEntropy::new(1);
    let mut lock = |public: usize, hidden: usize, passphrase: usize| {
        let [hidden, passphrase] = [hidden, passphrase].map(|length| SecretBytes::new(vec![b'x'; length]));
        lock(FileKind::Branch, &vec![0; public], &hidden, &passphrase, Cost::FLOOR, &mut entropy)
    };
    assert_eq!(lock(1, 1, 0), Err(KeyFileError::EmptyPassphrase));
    assert_eq!(lock(MAX_PART + 1, 1, 1), Err(KeyFileError::TooLong));
    assert_eq!(lock(1, MAX_PART + 1, 1), Err(KeyFileError::TooLong));
    assert_eq!(lock(1, 1, MAX_PASSPHRASE + 1), Err(KeyFileError::TooLong));
    let largest = lock(MAX_PART, MAX_PART, MAX_PASSPHRASE).unwrap();
    assert!(largest.len() <= MAX_TEXT, "{}", largest.len());
    assert_eq!(read_public(&largest).unwrap().1.len(), MAX_PART);
}
