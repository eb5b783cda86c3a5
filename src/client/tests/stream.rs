//! Signed answers and streams of blocks.

use super::{server::Net, vice::Vice};
use crate::{BranchError, BranchWord, branch::Target};
use wardline_ledger::{Canonical, Chain, Header};
use wardline_wire::{RouteId, Status};

#[tokio::test]
async fn an_answer_is_kept_with_its_signature() {
    let net = Net::start().await;
    let group = net.group();
    let branch = group.inner.branches[0].clone();
    let given = branch.get_kept::<Status>(Target::of(RouteId::Status)).await.unwrap();
    assert!(given.proof.answer.verify(&branch.participant.signing));
    assert_eq!(given.proof.answer.answer.branch, branch.participant.id);
    let body: serde_json::Value = serde_json::from_slice(&given.proof.body).unwrap();
    assert_eq!(body["main"]["height"], given.value.main.height);
}

#[tokio::test]
async fn an_answer_without_its_signature_is_none() {
    for vice in [Vice::Unsigned, Vice::SignsOther] {
        let net = Net::start().await;
        let group = net.group();
        net.turn(2, vice);
        let overview = group.refresh().await;
        let word = |id| overview.branches.iter().find(|branch| branch.id == id).unwrap().word;
        assert_eq!(word(2), BranchWord::Invalid, "{vice:?}");
        assert_eq!(word(3), BranchWord::Verified);
    }
}

#[tokio::test]
async fn blocks_come_as_they_are_made() {
    let net = Net::start().await;
    let group = net.group();
    let branch = group.inner.branches[0].clone();
    let height = net.world.ledger(Chain::Main).height();
    let mut stream = branch.stream(Chain::Main, 0).await.unwrap();
    for expected in 0..=height {
        let said = stream.next().await.unwrap().unwrap();
        let header = Header::decode(&said.block.unwrap().header.0).unwrap();
        assert_eq!(header.height, expected);
        assert_eq!(said.tip.height, height);
    }
    assert!(stream.next().await.unwrap().unwrap().block.is_none(), "nothing is new");
    net.world.force(Chain::Main, b"whatever".to_vec());
    let new = loop {
        if let Some(block) = stream.next().await.unwrap().unwrap().block {
            break block;
        }
    };
    assert_eq!(Header::decode(&new.header.0).unwrap().height, height + 1);
}

#[tokio::test]
async fn a_line_that_is_not_signed_ends_a_stream() {
    for vice in [Vice::Unsigned, Vice::SignsOther] {
        let net = Net::start().await;
        let group = net.group();
        let branch = group.inner.branches[0].clone();
        let mut stream = branch.stream(Chain::Side, 0).await.unwrap();
        assert!(stream.next().await.is_ok());
        net.turn(branch.id(), vice);
        let error = loop {
            match stream.next().await {
                Ok(said) => assert!(said.is_some()),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, BranchError::Malformed(_)), "{error}");
    }
}
