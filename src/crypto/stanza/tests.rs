//! Wrapping: what opens, for whom, and in which context.

use super::*;
use crate::SeededEntropy;

fn context() -> WrapContext {
    WrapContext {
        network: Digest::of(b"network"),
        object: [4; 16],
        version: 7,
        pointer: Digest::of(b"envelope"),
        branch: 1,
    }
}

fn changed_contexts() -> [WrapContext; 5] {
    [
        WrapContext { network: Digest::ZERO, ..context() },
        WrapContext { object: [5; 16], ..context() },
        WrapContext { version: 8, ..context() },
        WrapContext { pointer: Digest::ZERO, ..context() },
        WrapContext { branch: 2, ..context() },
    ]
}

#[test]
fn the_whole_key_opens_for_its_holder_and_context_only() {
    let mut entropy = SeededEntropy::new(1);
    let (holder, other) = (AgreementKey::generate(&mut entropy), AgreementKey::generate(&mut entropy));
    let key = DataKey::generate(&mut entropy);
    let stanza = wrap_whole(&key, &holder.public(), &context(), &mut entropy).unwrap();
    let Ok(Held::Whole(opened)) = unwrap(&stanza, &holder, &context()) else { panic!("does not open") };
    assert_eq!(opened.secret().expose(), key.secret().expose());

    assert!(unwrap(&stanza, &other, &context()).is_err());
    let to_other = Stanza { recipient: other.public(), ..stanza.clone() };
    assert!(unwrap(&to_other, &other, &context()).is_err());
    assert!(unwrap(&to_other, &holder, &context()).is_err());
    for context in changed_contexts() {
        assert!(unwrap(&stanza, &holder, &context).is_err(), "{context:?}");
    }
    for kind in (0..=255).filter(|&kind| kind != stanza.kind) {
        assert!(unwrap(&Stanza { kind, ..stanza.clone() }, &holder, &context()).is_err(), "kind {kind}");
    }
    for bit in 0..stanza.body.len() * 8 {
        let mut bad = stanza.clone();
        bad.body[bit / 8] ^= 1 << (bit % 8);
        assert!(unwrap(&bad, &holder, &context()).is_err(), "bit {bit}");
    }
}

/// A share sealed as a whole key would otherwise come out as what it is not.
#[test]
fn the_kind_outside_is_the_kind_inside() {
    let mut entropy = SeededEntropy::new(4);
    let holder = AgreementKey::generate(&mut entropy);
    let share = encode_share(&Share::from_point(&[1; 33]).unwrap());
    let whole = encode_whole(&DataKey::generate(&mut entropy));
    for (kind, label, plain, opens) in [
        (WHOLE, Label::WrapWhole, &whole, true),
        (WHOLE, Label::WrapWhole, &share, false),
        (SHARE, Label::WrapShare, &share, true),
        (SHARE, Label::WrapShare, &whole, false),
    ] {
        let to = holder.public();
        let body = seal_to(&to, label.bytes(), &context().bytes(), plain.expose(), &mut entropy).unwrap();
        assert_eq!(
            unwrap(&Stanza { kind, recipient: to, body }, &holder, &context()).is_ok(),
            opens,
            "{kind}"
        );
    }
}

#[test]
fn any_two_holders_give_the_key_back() {
    let mut entropy = SeededEntropy::new(2);
    let key = DataKey::generate(&mut entropy);
    let holders: Vec<AgreementKey> = (0..4).map(|_| AgreementKey::generate(&mut entropy)).collect();
    let named: Vec<(u16, AgreementPublic)> = (10..).zip(holders.iter().map(AgreementKey::public)).collect();
    let wrapped = wrap_shares(&key, &named, &context(), &mut entropy).unwrap();
    let open = |at: usize| {
        let (branch, stanza) = &wrapped[at];
        match unwrap(stanza, &holders[at], &WrapContext { branch: *branch, ..context() }) {
            Ok(Held::Share(share)) => share,
            other => panic!("{other:?}"),
        }
    };
    for a in 0..4 {
        assert!(combine(&[open(a)]).is_err(), "one share is not enough");
        assert!(unwrap(&wrapped[a].1, &holders[a], &context()).is_err(), "the branch is bound");
        for b in (0..4).filter(|&b| b != a) {
            assert_eq!(combine(&[open(a), open(b)]).unwrap().secret().expose(), key.secret().expose());
        }
    }
}

#[test]
fn shares_go_to_different_holders() {
    let mut entropy = SeededEntropy::new(3);
    let key = DataKey::generate(&mut entropy);
    let [a, b] = [(); 2].map(|()| AgreementKey::generate(&mut entropy).public());
    for (holders, expected) in [
        (vec![], SealError::BadHolderCount { holders: 0 }),
        (vec![(1, a)], SealError::BadHolderCount { holders: 1 }),
        (vec![(1, a), (1, b)], SealError::RepeatedHolder),
        (vec![(1, a), (2, a)], SealError::RepeatedHolder),
        (vec![(1, a), (2, AgreementPublic::from_bytes([0; 32]))], SealError::BadRecipient),
    ] {
        assert_eq!(wrap_shares(&key, &holders, &context(), &mut entropy).unwrap_err(), expected);
    }
}

#[test]
fn bytes_have_one_spelling_and_unknown_kinds_survive() {
    let stanza = Stanza { kind: 200, recipient: AgreementPublic::from_bytes([3; 32]), body: vec![1, 2, 3] };
    let bytes = stanza.encode();
    assert_eq!(bytes.len(), 1 + 32 + 2 + 3);
    assert_eq!(Stanza::decode(&bytes), Ok(stanza.clone()));
    for length in 0..bytes.len() {
        assert!(Stanza::decode(&bytes[..length]).is_err());
    }
    assert!(Stanza::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
    let at_most = Stanza { body: vec![0; MAX_STANZA_BODY], ..stanza.clone() };
    assert_eq!(Stanza::decode(&at_most.encode()), Ok(at_most));
    let above = Stanza { body: vec![0; MAX_STANZA_BODY + 1], ..stanza };
    assert!(Stanza::decode(&above.encode()).is_err());
}

#[test]
fn held_bytes_have_one_spelling() {
    for good in [[[1].as_slice(), &[9; 32]].concat(), [[2, 1].as_slice(), &[9; 32]].concat()] {
        assert_eq!(Held::decode(&good).unwrap().encode().expose(), good);
        assert!(Held::decode(&[good.as_slice(), &[0]].concat()).is_err());
        assert!(Held::decode(&good[..good.len() - 1]).is_err());
        assert!(Held::decode(&[&[3], &good[1..]].concat()).is_err());
    }
    assert!(Held::decode(&[[2, 0].as_slice(), &[9; 32]].concat()).is_err(), "share number 0");
    assert!(Held::decode(&[]).is_err());
}
