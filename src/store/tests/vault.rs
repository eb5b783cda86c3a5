//! Envelopes, stanzas, tokens, counts.

use super::*;
use crate::{Counts, Kept, KeptStanza, StoreError};

#[test]
fn an_envelope_is_kept_with_its_stanza_and_survives_reopening() {
    let home = directory();
    let kept = envelope(7, 5000);
    {
        let vault = vault(&home);
        assert_eq!(vault.put_envelope(kept.clone()).unwrap(), Kept::New);
    }
    let vault = vault(&home);
    assert_eq!(vault.envelope(&kept.object).unwrap(), Some(kept.bytes));
    let stanza = KeptStanza { version: 1, pointer: kept.pointer, stanza: kept.stanza };
    assert_eq!(vault.stanza(&kept.object).unwrap(), Some(stanza));
    assert_eq!(vault.counts(1).unwrap(), Counts { envelopes: 1, bytes: 5000 });
    assert_eq!(vault.envelope(&[8; 16]).unwrap(), None);
    assert_eq!(vault.stanza(&[8; 16]).unwrap(), None);
}

#[test]
fn the_same_envelope_again_changes_nothing() {
    let home = directory();
    let vault = vault(&home);
    let first = envelope(1, 100);
    vault.put_envelope(first.clone()).unwrap();
    let again = Envelope { stanza: b"wrapped anew".to_vec(), ..first.clone() };
    assert_eq!(vault.put_envelope(again).unwrap(), Kept::Already);
    assert_eq!(vault.stanza(&first.object).unwrap().unwrap().stanza, first.stanza);
    assert_eq!(vault.counts(1).unwrap(), Counts { envelopes: 1, bytes: 100 });
}

#[test]
fn another_envelope_under_the_same_identifier_is_refused() {
    let home = directory();
    let vault = vault(&home);
    let first = envelope(1, 100);
    vault.put_envelope(first.clone()).unwrap();
    let other = Envelope { object: first.object, ..envelope(2, 100) };
    let refused = vault.put_envelope(other.clone());
    assert!(matches!(refused, Err(StoreError::OtherEnvelope)));
    assert_eq!(vault.envelope(&first.object).unwrap(), Some(first.bytes));
    assert_eq!(vault.counts(1).unwrap().envelopes, 1);

    // A later version is another matter, and becomes the newest.
    vault.put_envelope(Envelope { version: 2, ..other.clone() }).unwrap();
    assert_eq!(vault.envelope(&first.object).unwrap(), Some(other.bytes));
    assert_eq!(vault.stanza(&first.object).unwrap().unwrap().version, 2);
}

#[test]
fn each_content_is_counted_by_itself() {
    let home = directory();
    let vault = vault(&home);
    vault.put_envelope(envelope(1, 10)).unwrap();
    vault.put_envelope(envelope(2, 30)).unwrap();
    vault.put_envelope(Envelope { content: 2, ..envelope(3, 500) }).unwrap();
    assert_eq!(vault.counts(1).unwrap(), Counts { envelopes: 2, bytes: 40 });
    assert_eq!(vault.counts(2).unwrap(), Counts { envelopes: 1, bytes: 500 });
    assert_eq!(vault.counts(3).unwrap(), Counts::default());
}

#[test]
fn a_search_needs_every_token() {
    let home = directory();
    let vault = vault(&home);
    let (lin, mei, born) = ([1; 16], [2; 16], [3; 16]);
    vault.put_tokens([10; 16], &[lin, mei, born, mei]).unwrap();
    vault.put_tokens([11; 16], &[lin, mei]).unwrap();
    vault.put_tokens([12; 16], &[lin]).unwrap();
    let search = |tokens: &[[u8; 16]]| vault.search(tokens, 10).unwrap();
    assert_eq!(search(&[lin]), [[10; 16], [11; 16], [12; 16]]);
    assert_eq!(search(&[lin, mei]), [[10; 16], [11; 16]]);
    assert_eq!(search(&[lin, lin, mei, born]), [[10; 16]]);
    assert_eq!(search(&[lin, [9; 16]]), [[0; 16]; 0]);
    assert_eq!(search(&[]), [[0; 16]; 0]);
    assert_eq!(vault.search(&[lin], 2).unwrap(), [[10; 16], [11; 16]]);
}

#[test]
fn new_tokens_take_the_place_of_the_old() {
    let home = directory();
    let vault = vault(&home);
    vault.put_tokens([10; 16], &[[1; 16], [2; 16]]).unwrap();
    vault.put_tokens([10; 16], &[[2; 16], [3; 16]]).unwrap();
    assert_eq!(vault.search(&[[1; 16]], 10).unwrap(), [[0; 16]; 0]);
    assert_eq!(vault.search(&[[2; 16], [3; 16]], 10).unwrap(), [[10; 16]]);
}

#[test]
fn a_wrapped_key_that_was_deleted_is_gone_from_the_file() {
    let home = directory();
    let canary = b"canary-canary-canary-canary".to_vec();
    {
        let vault = vault(&home);
        vault.put_envelope(Envelope { stanza: canary.clone(), ..envelope(1, 10) }).unwrap();
    }
    let holds = || {
        let file = std::fs::read(home.path().join("vault.sqlite")).unwrap();
        file.windows(canary.len()).any(|window| window == canary)
    };
    assert!(holds());
    {
        let vault = vault(&home);
        vault.database.write(|writer| Ok(writer.execute("DELETE FROM stanza", [])?)).unwrap();
    }
    assert!(!holds());
}
