//! Envelopes, stanzas, tokens, counts.

use super::*;
use crate::{Counts, StoreError};

#[test]
fn an_envelope_is_kept_with_its_stanza_and_survives_reopening() {
    let home = directory();
    let kept = envelope(7, 5000);
    assert_eq!(put(&vault(&home), kept.clone()).unwrap(), Kept::New);
    let vault = vault(&home);
    let (object, pointer) = (&kept.object, &kept.pointer);
    assert_eq!(vault.first_kept(object, 1, 1).unwrap(), Some(*pointer));
    assert_eq!(vault.envelope(object, 1, pointer).unwrap(), Some(kept.bytes));
    assert_eq!(vault.stanza(object, 1, pointer).unwrap(), Some(kept.stanza));
    assert_eq!(vault.counts(1).unwrap(), Counts { envelopes: 1, bytes: 5000 });
    for (object, version, pointer) in
        [(&[8; 16], 1, pointer), (object, 2, pointer), (object, 1, &Digest::ZERO)]
    {
        assert_eq!(vault.envelope(object, version, pointer).unwrap(), None);
        assert_eq!(vault.stanza(object, version, pointer).unwrap(), None);
    }
    assert_eq!(vault.first_kept(object, 2, 1).unwrap(), None);
    assert_eq!(vault.first_kept(object, 1, 2).unwrap(), None);
}

#[test]
fn the_same_envelope_again_changes_nothing() {
    let home = directory();
    let vault = vault(&home);
    let first = Envelope { tokens: vec![[1; 16]], ..envelope(1, 100) };
    put(&vault, first.clone()).unwrap();
    let again = Envelope { stanza: b"wrapped anew".to_vec(), tokens: vec![[2; 16]], ..first.clone() };
    for standing in [Standing::Open, Standing::Agreed] {
        let entry = |_| panic!("nothing new, nothing to tell");
        assert_eq!(vault.put_envelope(again.clone(), standing, entry).unwrap(), Kept::Already);
    }
    assert_eq!(vault.stanza(&first.object, 1, &first.pointer).unwrap(), Some(first.stanza));
    assert_eq!(vault.counts(1).unwrap(), Counts { envelopes: 1, bytes: 100 });
    assert_eq!(vault.search(&[[1; 16]], 10).unwrap(), [first.object]);
    assert_eq!(vault.search(&[[2; 16]], 10).unwrap(), [[0; 16]; 0]);
    assert_eq!(vault.audit_root().unwrap().0, 1);
}

#[test]
fn another_envelope_or_home_under_the_same_identifier_is_refused() {
    let home = directory();
    let vault = vault(&home);
    let first = envelope(1, 100);
    put(&vault, first.clone()).unwrap();
    let other = Envelope { object: first.object, author: Some([2; 16]), ..envelope(2, 100) };
    let of_nobody = Envelope { author: None, ..other.clone() };
    let elsewhere = Envelope { home: Some(2), ..first.clone() };
    for refused in [other, of_nobody, elsewhere] {
        assert!(matches!(put(&vault, refused), Err(StoreError::OtherEnvelope)));
    }
    assert_eq!(vault.first_kept(&first.object, 1, 1).unwrap(), Some(first.pointer));
    assert_eq!(vault.counts(1).unwrap().envelopes, 1);
    assert_eq!(vault.audit_root().unwrap().0, 1, "what was refused is no entry of a keep");
}

#[test]
fn nothing_that_came_before_or_after_stands_in_the_way_of_the_agreed_one() {
    let home = directory();
    let vault = vault(&home);
    let junk = envelope(1, 100);
    let agreed = Envelope { object: junk.object, home: Some(2), ..envelope(2, 100) };
    put(&vault, junk.clone()).unwrap();
    assert!(put(&vault, agreed.clone()).is_err());
    let keep = |envelope| vault.put_envelope(envelope, Standing::Agreed, |_| Vec::new()).unwrap();
    assert_eq!(keep(agreed.clone()), Kept::New);
    put(&vault, Envelope { version: u32::MAX, ..junk.clone() }).unwrap();
    assert_eq!(vault.envelope(&junk.object, 1, &agreed.pointer).unwrap(), Some(agreed.bytes.clone()));
    assert_eq!(vault.stanza(&junk.object, 1, &agreed.pointer).unwrap(), Some(agreed.stanza.clone()));
    assert_eq!(keep(agreed), Kept::Already);
}

#[test]
fn a_keep_and_its_audit_entry_stand_or_fall_together() {
    let home = directory();
    {
        let vault = vault(&home);
        let kept = envelope(1, 10);
        vault.put_envelope(kept, Standing::Open, |number| format!("keep {number}").into_bytes()).unwrap();
        assert_eq!(vault.audit(0, 10).unwrap(), [(0, b"keep 0".to_vec())]);
        let failed =
            vault.put_envelope(envelope(2, 10), Standing::Open, |_| panic!("made to panic by a test"));
        assert!(failed.is_err());
    }
    let vault = vault(&home);
    assert_eq!(vault.first_kept(&[2; 16], 1, 1).unwrap(), None);
    assert_eq!(vault.audit_root().unwrap().0, 1);
}

#[test]
fn each_content_is_counted_by_itself() {
    let home = directory();
    let vault = vault(&home);
    put(&vault, envelope(1, 10)).unwrap();
    put(&vault, envelope(2, 30)).unwrap();
    put(&vault, Envelope { content: 2, ..envelope(3, 500) }).unwrap();
    assert_eq!(vault.counts(1).unwrap(), Counts { envelopes: 2, bytes: 40 });
    assert_eq!(vault.counts(2).unwrap(), Counts { envelopes: 1, bytes: 500 });
    assert_eq!(vault.counts(3).unwrap(), Counts::default());
}

#[test]
fn a_search_needs_every_token() {
    let home = directory();
    let vault = vault(&home);
    let (lin, mei, born) = ([1; 16], [2; 16], [3; 16]);
    for (patient, tokens) in [(10, vec![lin, mei, born, mei]), (11, vec![lin, mei]), (12, vec![lin])] {
        put(&vault, Envelope { tokens, ..envelope(patient, 10) }).unwrap();
    }
    let search = |tokens: &[[u8; 16]]| vault.search(tokens, 10).unwrap();
    assert_eq!(search(&[lin]), [[10; 16], [11; 16], [12; 16]]);
    assert_eq!(search(&[lin, mei]), [[10; 16], [11; 16]]);
    assert_eq!(search(&[lin, lin, mei, born]), [[10; 16]]);
    assert_eq!(search(&[lin, [9; 16]]), [[0; 16]; 0]);
    assert_eq!(search(&[]), [[0; 16]; 0]);
    assert_eq!(vault.search(&[lin], 2).unwrap(), [[10; 16], [11; 16]]);
}

#[test]
fn the_agreed_identitys_tokens_take_the_place_of_others_and_a_record_takes_none_away() {
    let home = directory();
    let vault = vault(&home);
    let identity = |seed, tokens| Envelope { object: [10; 16], content: 2, tokens, ..envelope(seed, 10) };
    put(&vault, identity(1, vec![[1; 16], [2; 16]])).unwrap();
    let agreed = identity(2, vec![[2; 16], [3; 16]]);
    vault.put_envelope(agreed, Standing::Agreed, |_| Vec::new()).unwrap();
    put(&vault, Envelope { object: [10; 16], ..envelope(3, 10) }).unwrap();
    assert_eq!(vault.search(&[[1; 16]], 10).unwrap(), [[0; 16]; 0]);
    assert_eq!(vault.search(&[[2; 16], [3; 16]], 10).unwrap(), [[10; 16]]);
}

#[test]
fn a_wrapped_key_that_was_deleted_is_gone_from_the_file() {
    let home = directory();
    let canary = b"canary-canary-canary-canary".to_vec();
    {
        let vault = vault(&home);
        put(&vault, Envelope { stanza: canary.clone(), ..envelope(1, 10) }).unwrap();
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

#[test]
fn an_author_may_try_again_and_both_envelopes_stay() {
    let home = directory();
    let vault = vault(&home);
    let first = envelope(1, 100);
    let again = Envelope { object: first.object, author: first.author, ..envelope(2, 100) };
    put(&vault, first.clone()).unwrap();
    assert_eq!(put(&vault, again.clone()).unwrap(), Kept::New);
    for kept in [&first, &again] {
        assert_eq!(vault.envelope(&first.object, 1, &kept.pointer).unwrap().as_ref(), Some(&kept.bytes));
    }
    assert_eq!(vault.first_kept(&first.object, 1, 1).unwrap(), Some(first.pointer));
}

#[test]
fn many_are_put_each_whole_or_not_at_all() {
    let home = directory();
    let vault = vault(&home);
    let taken = Envelope { object: [1; 16], author: Some([9; 16]), ..envelope(3, 10) };
    let puts = [envelope(1, 100), envelope(2, 100), taken, envelope(1, 100)];
    let puts = puts.map(|envelope| (envelope, Standing::Open, |_| b"kept".to_vec())).to_vec();
    let kept = vault.put_envelopes(puts);
    assert_eq!((kept[0].as_ref().unwrap(), kept[1].as_ref().unwrap()), (&Kept::New, &Kept::New));
    assert!(matches!(kept[2], Err(StoreError::OtherEnvelope)));
    assert_eq!(kept[3].as_ref().unwrap(), &Kept::Already);
    assert_eq!(vault.audit_root().unwrap().0, 2, "an entry for each that is new");
}

#[test]
fn a_file_of_the_first_version_is_brought_to_the_present_one() {
    let home = directory();
    put(&vault(&home), envelope(1, 100)).unwrap();
    let file = home.path().join("vault.sqlite");
    let raw = rusqlite::Connection::open(&file).unwrap();
    raw.execute_batch(
        "ALTER TABLE envelope DROP COLUMN checksum; ALTER TABLE envelope DROP COLUMN author;
         ALTER TABLE stanza DROP COLUMN checksum; ALTER TABLE token DROP COLUMN checksum;
         PRAGMA user_version = 1",
    )
    .unwrap();
    drop(raw);
    let vault = vault(&home);
    assert_eq!(put(&vault, envelope(1, 100)).unwrap(), Kept::Already);
    let other = Envelope { object: [1; 16], ..envelope(2, 100) };
    assert!(put(&vault, other).is_err(), "nobody knows whose the first one was");
    assert_eq!(put(&vault, envelope(3, 100)).unwrap(), Kept::New);
}
