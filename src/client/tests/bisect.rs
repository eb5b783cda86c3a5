//! Finding the block at which two branches part.

use super::{chains::grow, server::Net, vice::Vice};
use crate::{ClientError, Group};
use wardline_ledger::Chain;

async fn grown(blocks: u64) -> (Net, Group) {
    let net = Net::start().await;
    let group = net.group();
    grow(&net, &group, blocks);
    group.refresh().await;
    (net, group)
}

fn give(net: &Net, branch: u16, blocks: Vec<super::world::Block>) {
    net.servers[&branch].views.lock().unwrap().insert(Chain::Side, blocks);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_other_block_is_found_with_few_questions() {
    let (net, group) = grown(60).await;
    for from in 1..=60 {
        give(&net, 3, net.world.forked(Chain::Side, from, 3));
        let found = group.bisect(Chain::Side, 2, 3).await.unwrap();
        let difference = found.first_difference.unwrap();
        assert_eq!((difference.height, found.common), (from, from - 1));
        let block = net.world.ledger(Chain::Side).blocks[usize::try_from(from).unwrap()].clone();
        assert_eq!((difference.left, difference.verified), (Some(block.header.digest()), difference.left));
        assert_ne!(difference.right, difference.left);
        assert!(found.compared <= 7, "{} questions", found.compared);
        assert_eq!((found.left.0, found.right.1.as_str()), (2, "Branch 3"));
        let mirrored = group.bisect(Chain::Side, 3, 2).await.unwrap().first_difference.unwrap();
        assert_eq!((mirrored.height, mirrored.left), (from, difference.right));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shorter_chain_is_no_other_one() {
    let (net, group) = grown(20).await;
    let same = group.bisect(Chain::Side, 2, 3).await.unwrap();
    assert_eq!((same.first_difference, same.common, same.compared), (None, 20, 1));
    let short = net.world.ledger(Chain::Side).blocks[..6].to_vec();
    give(&net, 3, short);
    let found = group.bisect(Chain::Side, 2, 3).await.unwrap();
    assert_eq!((found.first_difference, found.common, found.heights), (None, 5, (20, 5)));
    // Shorter and another one.
    give(&net, 3, net.world.forked(Chain::Side, 4, 3)[..10].to_vec());
    let found = group.bisect(Chain::Side, 2, 3).await.unwrap();
    assert_eq!(found.first_difference.map(|found| found.height), Some(4));
    // At the beginning.
    give(&net, 3, net.world.ledger(Chain::Side).blocks[..1].to_vec());
    assert_eq!(group.bisect(Chain::Side, 2, 3).await.unwrap().common, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_cannot_be_of_one_chain_are_told() {
    let (net, group) = grown(20).await;
    // One block in the middle, and the newest, are others; what is between links to neither.
    let mut mixed = net.world.ledger(Chain::Side).blocks.clone();
    let fork = net.world.forked(Chain::Side, 4, 3);
    mixed[20] = fork[20].clone();
    give(&net, 3, mixed);
    let error = group.bisect(Chain::Side, 2, 3).await.unwrap_err();
    assert!(matches!(&error, ClientError::Unverified { branch, .. } if branch == "Branch 3"), "{error}");
    // Another first block.
    let mut other = net.world.ledger(Chain::Side).blocks[..1].to_vec();
    other[0].header.time_s += 1;
    other[0].bytes = wardline_ledger::Canonical::encode(&other[0].header);
    give(&net, 3, other);
    let error = group.bisect(Chain::Side, 2, 3).await.unwrap_err().to_string();
    assert!(error.contains("first block"), "{error}");
    // A header of another height than the one asked for.
    let mut shifted = net.world.ledger(Chain::Side).blocks.clone();
    shifted.remove(3);
    give(&net, 3, shifted);
    assert!(matches!(group.bisect(Chain::Side, 2, 3).await, Err(ClientError::Unverified { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_does_not_answer_is_not_compared() {
    let (net, group) = grown(3).await;
    net.turn(3, Vice::Silent);
    let error = group.bisect(Chain::Side, 2, 3).await.unwrap_err();
    assert!(matches!(&error, ClientError::Branch { branch, .. } if branch == "Branch 3"), "{error}");
    assert!(matches!(group.bisect(Chain::Side, 2, 5).await, Err(ClientError::UnknownBranch(5))));
}
