//! The list of blocks and whole blocks, from branches that give wrong ones.

use super::{
    chains::grow,
    server::Net,
    vice::Vice,
    world::{EPOCH, TRUSTED},
};
use crate::{BlockBody, BlockDetail, Certified, ClientError, Group};
use std::sync::atomic::Ordering;
use wardline_ledger::{Body, Canonical, Chain, decode_body};
use wardline_policy::{Role, Roles};

/// A network whose side chain has so many blocks, verified.
async fn grown(blocks: u64) -> (Net, Group) {
    let net = Net::start().await;
    let group = net.group();
    grow(&net, &group, blocks);
    group.refresh().await;
    (net, group)
}

fn whole(detail: &BlockDetail) -> &crate::GivenBody {
    match &detail.body {
        BlockBody::Whole(given) => given,
        other => panic!("{other:?}"),
    }
}

/// What three of the four validators signed, the first ones by their keys.
fn own(net: &Net) -> Certified {
    let set = net.world.genesis.validators(Chain::Side);
    let mut signers: Vec<u16> = set.members.iter().take(3).map(|(branch, _)| branch.0).collect();
    signers.sort_unstable();
    let signers = signers.into_iter().map(|branch| format!("Branch {branch}")).collect();
    Certified::Own { signers, of: TRUSTED.len() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_blocks_come_first_each_with_those_who_signed_it() {
    let (net, group) = grown(3 * EPOCH + 2).await;
    let head = 3 * EPOCH + 2;
    let lines = group.recent_blocks(Chain::Side, 5).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.height).collect::<Vec<_>>(), [20, 19, 18, 17, 16]);
    for line in &lines {
        let block = net.world.ledger(Chain::Side).blocks[usize::try_from(line.height).unwrap()].clone();
        assert_eq!((line.digest, line.time_s), (block.header.digest(), block.header.time_s));
        assert_eq!((line.epoch, line.transactions), (line.height / EPOCH, 1));
        assert_eq!(line.certified, own(&net), "{}", line.height);
    }
    // Down to the genesis, over epochs whose validators a console that starts at the head has yet to have proven.
    let again = net.group();
    let all = again.recent_blocks(Chain::Side, 512).await.unwrap();
    assert_eq!(all.len() as u64, head + 1);
    let (genesis, above) = all.split_last().unwrap();
    assert_eq!((genesis.height, &genesis.certified), (0, &Certified::Genesis));
    assert!(above.iter().all(|line| matches!(line.certified, Certified::Own { .. })), "{above:?}");
    assert!(matches!(
        group.block(Chain::Side, head + 1).await,
        Err(ClientError::NoBlock { chain: Chain::Side, height }) if height == head + 1
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_without_a_certificate_of_its_own_names_no_signers() {
    let net = Net::start().await;
    let group = net.group();
    net.world.certify_every.store(3, Ordering::Relaxed);
    grow(&net, &group, 6);
    group.refresh().await;
    let words: Vec<_> = group.recent_blocks(Chain::Side, 4).await.unwrap();
    let words: Vec<_> = words.into_iter().map(|line| line.certified).collect();
    let signed = own(&net);
    assert_eq!(words, [signed.clone(), signed.clone(), Certified::ByLater, signed]);
    assert_eq!(group.block(Chain::Side, 4).await.unwrap().line.certified, Certified::ByLater);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_old_blocks_go_on_where_the_last_one_ended() {
    let (net, _) = grown(20).await;
    let group = net.group();
    let asked = || TRUSTED.map(|branch| net.asked(branch, "headers")).iter().sum::<usize>();
    group.blocks(Chain::Side, 12..=14).await.unwrap();
    let before = asked();
    let lines = group.blocks(Chain::Side, 9..=11).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.height).collect::<Vec<_>>(), [11, 10, 9]);
    assert_eq!(
        asked() - before,
        2,
        "the headers, the certificates; who signs when is proven by the checkpoint"
    );
    let lines = group.blocks(Chain::Side, 9..=9).await.unwrap();
    assert_eq!((lines.len(), asked() - before), (1, 3), "the certificate alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_shows_what_its_header_commits_to() {
    let (net, group) = grown(4).await;
    let detail = group.block(Chain::Side, 3).await.unwrap();
    let block = net.world.ledger(Chain::Side).blocks[3].clone();
    assert_eq!((detail.parent, detail.state_root), (block.header.parent, block.header.state_root));
    assert_eq!(detail.transaction_root, block.header.transaction_root);
    assert_eq!(detail.line.certified, own(&net));
    let given = whole(&detail);
    assert_eq!((given.from.as_str(), given.size), ("Branch 1", block.bytes.len() + block.body.len()));
    let bytes = decode_body(&block.body).unwrap();
    let [view] = given.transactions.as_slice() else { panic!() };
    assert_eq!((view.size, view.alarm.as_deref()), (bytes[0].len(), None));
    let transaction = view.transaction.as_ref().unwrap();
    assert_eq!((transaction.id(), transaction.encode()), (view.id, bytes[0].clone()));
    assert!(matches!(transaction.body, Body::Enrol(_)));
    assert_eq!(detail.names.get(&4).map(String::as_str), Some("Branch 4"));
    assert_eq!(detail.alarms, Vec::<String>::new());

    // The first block has no transactions and no certificate.
    let genesis = group.block(Chain::Side, 0).await.unwrap();
    assert_eq!((whole(&genesis).transactions.len(), genesis.line.certified), (0, Certified::Genesis));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lying_branch_gives_is_told_and_another_is_asked() {
    for (vice, says) in [
        (Vice::AltersBodies, "whose root is not the one"),
        (Vice::OmitsTransactions, "a body of 0 transactions for block 3, whose header says 1"),
        (Vice::SwapsBodies, "whose root is not the one"),
        (Vice::ForgesBlocks, "another block than the verified one at height 3"),
    ] {
        let (net, group) = grown(4).await;
        net.turn(1, vice);
        let detail = group.block(Chain::Side, 3).await.unwrap();
        assert_eq!(whole(&detail).from, "Branch 2", "{vice:?}");
        let [alarm] = detail.alarms.as_slice() else { panic!("{vice:?}: {:?}", detail.alarms) };
        assert!(alarm.starts_with("Branch 1 ") && alarm.contains(says), "{alarm}");
        for branch in TRUSTED {
            net.turn(branch, vice);
        }
        let detail = group.block(Chain::Side, 3).await.unwrap();
        assert_eq!((&detail.body, detail.alarms.len()), (&BlockBody::Alarm, 4), "{vice:?}");
        assert_eq!(detail.line.certified, own(&net), "the header stands");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_of_another_block_signs_nothing() {
    let (net, group) = grown(4).await;
    net.turn(1, Vice::SwapsCertificates);
    let lines = group.recent_blocks(Chain::Side, 2).await.unwrap();
    assert!(lines.iter().all(|line| line.certified == own(&net)));
    assert!(net.asked(2, "headers") > 0, "another branch was asked");
    let detail = group.block(Chain::Side, 3).await.unwrap();
    let [alarm] = detail.alarms.as_slice() else { panic!("{:?}", detail.alarms) };
    assert!(
        alarm.starts_with("Branch 1 ") && alarm.contains("the certificate is of another block"),
        "{alarm}"
    );
    assert_eq!(whole(&detail).from, "Branch 2");
    for branch in TRUSTED {
        net.turn(branch, Vice::SwapsCertificates);
    }
    let error = group.recent_blocks(Chain::Side, 2).await.unwrap_err().to_string();
    assert!(error.contains("the certificate is of another block"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_does_not_decode_is_an_alarm_beside_its_bytes() {
    let (net, group) = grown(2).await;
    net.world.force(Chain::Side, b"agreed and not to be read".to_vec());
    group.refresh().await;
    let detail = group.block(Chain::Side, 3).await.unwrap();
    let [view] = whole(&detail).transactions.as_slice() else { panic!() };
    assert_eq!((view.size, view.transaction.is_none()), (25, true));
    assert!(view.alarm.as_deref().unwrap().starts_with("it does not decode"), "{view:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_block_is_shown_to_auditors_alone_and_its_header_to_more() {
    let (net, group) = grown(4).await;
    let session = net.world.session_of(Roles::of(&[Role::Ward]));
    let settings = net.world.settings(net.folder.path());
    let ward = Group::open(settings, net.world.genesis.clone(), session, net.world.clock.clone()).unwrap();
    let before = TRUSTED.map(|branch| net.asked(branch, "side/blocks"));
    let detail = ward.block(Chain::Side, 3).await.unwrap();
    assert_eq!(detail.body, BlockBody::Refused("needs role auditor".to_owned()));
    assert_eq!(detail.line.certified, own(&net));
    assert_eq!(TRUSTED.map(|branch| net.asked(branch, "side/blocks")), before, "nobody was asked for it");

    // The branches decide: what they refuse is told as they say it.
    for branch in TRUSTED {
        net.turn(branch, Vice::RefusesBlocks);
    }
    let refused = group.block(Chain::Side, 3).await.unwrap();
    assert_eq!(refused.body, BlockBody::Refused("needs role auditor".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_answer_nothing_is_made_up() {
    let (net, group) = grown(4).await;
    for branch in TRUSTED {
        net.turn(branch, Vice::Silent);
    }
    let error = group.recent_blocks(Chain::Side, 2).await.unwrap_err();
    assert!(matches!(error, ClientError::AllSilent(_)), "{error}");
    assert!(group.block(Chain::Side, 2).await.is_err());
    // One branch that answers is enough.
    net.turn(4, Vice::None);
    assert_eq!(whole(&group.block(Chain::Side, 2).await.unwrap()).from, "Branch 4");
}
