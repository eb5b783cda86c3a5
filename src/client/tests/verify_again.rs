//! Verifying again: going on from where an earlier run ended, and every branch's own blocks against the verified ones.

use super::{
    server::Net,
    verify::{ANEW, RECORDS, enrolment, grown, verify},
    vice::Vice,
    world::INSTITUTE,
};
use crate::{
    AlarmKind, BranchChain, Clock as _, Depth, Group, Standing, Verdict, Verification, VerifyRequest,
};
use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, sync::atomic::Ordering};
use wardline_crypto::Digest;
use wardline_ledger::{BranchId, Canonical, Chain};
use wardline_policy::{Role, Roles};

const EACH: VerifyRequest = VerifyRequest { each: true, ..ANEW };
const AGAIN: VerifyRequest = VerifyRequest { from_genesis: false, ..ANEW };
const DAY_S: u64 = 86_400;

fn kept(net: &Net, name: &str) -> PathBuf {
    net.folder.path().join(format!("{name}.verified"))
}

/// Blocks that all branches were asked for.
fn blocks_asked(net: &Net) -> usize {
    (1..=5).map(|id| net.asked(id, "/blocks/")).sum()
}

fn without_times(mut all: Verification) -> Verification {
    for report in [&mut all.main, &mut all.side] {
        report.took_ms = 0;
        report.earlier.clear();
        report.sources.clear();
        report.agreeing.clear();
    }
    all.records.took_ms = 0;
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_goes_on_where_the_last_one_ended_and_says_so() {
    let net = grown().await;
    let first = verify(&net, &net.group(), AGAIN).await;
    assert_eq!((first.verdict(), first.main.earlier.len()), (Verdict::Holds, 0), "{first:#?}");
    for name in ["main.replay", "side.replay"] {
        let mode = fs::metadata(kept(&net, name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }

    let (asked, began) = (blocks_asked(&net), net.world.clock.now_s());
    let second = verify(&net, &net.group(), AGAIN).await;
    assert_eq!(blocks_asked(&net), asked, "nothing is fetched again");
    for (again, whole) in [(&second.main, &first.main), (&second.side, &first.side)] {
        let [earlier] = again.earlier.as_slice() else { panic!("{again:#?}") };
        assert_eq!((earlier.to, earlier.at_s), (whole.height, began));
    }
    assert_eq!(without_times(second), without_times(first));

    // A day later there is more, and some branches do not have it yet.
    net.world.clock.0.fetch_add(DAY_S, Ordering::Relaxed);
    let author = net.group();
    for _ in 0..4 {
        let enrol = author.inner.session.transaction(net.world.network, enrolment());
        net.world.accept(Chain::Side, enrol.encode()).unwrap();
    }
    net.turn(4, Vice::Lags);
    let third = verify(&net, &net.group(), AGAIN).await;
    assert_eq!(blocks_asked(&net), asked + 4);
    assert_eq!((third.verdict(), third.side.earlier.len()), (Verdict::Holds, 1), "{third:#?}");
    assert_eq!(third.side.transactions["enrol"], 5);
    let fourth = verify(&net, &net.group(), AGAIN).await;
    let days: Vec<_> = fourth.side.earlier.iter().map(|earlier| (earlier.to, earlier.at_s)).collect();
    let height = net.world.ledger(Chain::Side).height();
    assert_eq!(days, [(height - 4, began), (height, began + DAY_S)]);
    assert!(
        fourth.side.agreeing.contains(&"Branch 4".to_owned()),
        "its older block is compared too: {fourth:#?}"
    );

    let anew = verify(&net, &net.group(), ANEW).await;
    assert_eq!(without_times(anew), without_times(fourth));
    assert!(blocks_asked(&net) > asked + 4, "everything was fetched");

    // A branch behind what was verified before whose block is another one is found all the same.
    net.world.ledger(Chain::Side).blocks.truncate(4);
    let behind = verify(&net, &net.group(), AGAIN).await;
    assert_ne!(behind.side.verdict(), Verdict::Holds, "{behind:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_state_that_was_changed_is_not_gone_on_from() {
    let net = grown().await;
    let whole = without_times(verify(&net, &net.group(), AGAIN).await);
    let path = kept(&net, "main.replay");
    let good = fs::read(&path).unwrap();
    let summed = |mut bytes: Vec<u8>| {
        let sum = Digest::of(&bytes);
        bytes.extend_from_slice(sum.as_ref());
        bytes
    };
    let content = &good[..good.len() - 32];
    assert_eq!(summed(content.to_vec()), good);

    // Damaged by accident.
    for bad in [vec![], good[..good.len() / 2].to_vec(), [&good[..], b"more"].concat()] {
        fs::write(&path, bad).unwrap();
        let all = verify(&net, &net.group(), AGAIN).await;
        assert_eq!(all.main.restarted.as_deref(), Some("it is damaged"));
        assert_eq!((all.main.earlier.len(), all.side.earlier.len()), (0, 1));
        assert_eq!(fs::read(&path).unwrap(), good, "and kept anew");
    }
    // By somebody who sums it up anew: header, certificate and state still prove themselves.
    let header = content.windows(32).position(|bytes| bytes == whole.main_state_root(&net)).unwrap();
    let value = content.len() - 40;
    for (at, says) in [(header, "not certified"), (value, "not the state of height"), (30, "another network")]
    {
        let mut forged = content.to_vec();
        forged[at] ^= 1;
        fs::write(&path, summed(forged)).unwrap();
        let all = verify(&net, &net.group(), AGAIN).await;
        let why = all.main.restarted.clone().unwrap();
        assert!(why.contains(says), "byte {at}: {why}");
        assert_eq!(all.main.earlier, []);
    }
    // Any byte at all: nothing but what the true chain says comes out of it.
    for at in (0..content.len()).step_by(content.len() / 60) {
        let mut forged = content.to_vec();
        forged[at] ^= 1;
        fs::write(&path, summed(forged)).unwrap();
        let all = verify(&net, &net.group(), AGAIN).await;
        assert_eq!((all.main.height, all.main.digest), (whole.main.height, whole.main.digest), "byte {at}");
        assert_eq!(all.main.verdict(), Verdict::Holds, "byte {at}");
    }
    // The file of the other chain.
    fs::copy(kept(&net, "side.replay"), &path).unwrap();
    let all = verify(&net, &net.group(), AGAIN).await;
    assert!(all.main.restarted.unwrap().contains("another network or chain"));
    // One that cannot be read is no reason to stop.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let all = verify(&net, &net.group(), AGAIN).await;
    assert_eq!(all.main.verdict(), Verdict::Holds);
    assert!(all.main.restarted.is_some());
}

impl Verification {
    fn main_state_root<'a>(&self, net: &'a Net) -> &'a [u8] {
        let root = net.world.ledger(Chain::Main).blocks[self.main.height as usize].header.state_root;
        Box::leak(Box::new(*root.bytes()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_role_may_read_of_a_chain_is_kept_apart() {
    let net = grown().await;
    let open = |role: Role| {
        let session = net.world.session_as(BranchId(1), Roles::of(&[role]));
        let settings = net.world.settings(net.folder.path());
        Group::open(settings, net.world.genesis.clone(), session, net.world.clock.clone()).unwrap()
    };
    let ward = verify(&net, &open(Role::Ward), AGAIN).await;
    assert_eq!((ward.side.depth, ward.side.earlier.len()), (Some(Depth::Headers), 0));
    let ward = verify(&net, &open(Role::Ward), AGAIN).await;
    assert_eq!(ward.side.earlier.len(), 1, "headers, certificates and links go on too");
    assert!(kept(&net, "side.headers").exists() && !kept(&net, "side.replay").exists());
    let auditor = verify(&net, &net.group(), AGAIN).await;
    assert_eq!((auditor.side.depth, auditor.side.earlier.len()), (Some(Depth::Replay), 0));
    // What one branch alone gave is neither gone on from nor kept for all.
    let before = fs::read(kept(&net, "main.replay")).unwrap();
    let alone = VerifyRequest { branch: Some("Branch 2".to_owned()), ..AGAIN };
    let alone = verify(&net, &net.group(), alone).await;
    assert_eq!((alone.main.earlier.len(), alone.main.sources), (0, vec!["Branch 2".to_owned()]));
    assert_eq!(fs::read(kept(&net, "main.replay")).unwrap(), before);
}

fn of(all: &Verification, chain: Chain, branch: u16) -> &BranchChain {
    let name = format!("Branch {branch}");
    all.each.iter().find(|one| one.chain == chain && one.branch == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_branchs_own_blocks_are_compared_and_the_bad_one_is_named() {
    let net = grown().await;
    let main = net.world.ledger(Chain::Main).height();
    for request in
        [EACH, VerifyRequest { from_genesis: false, ..EACH }, VerifyRequest { from_genesis: false, ..EACH }]
    {
        let all = verify(&net, &net.group(), request).await;
        assert_eq!(all.verdict(), Verdict::Holds, "{all:#?}");
        assert_eq!(all.each.len(), 10);
        for id in 1..=5 {
            let one = of(&all, Chain::Main, id);
            assert_eq!(one.standing, Standing::Whole);
            assert_eq!((one.headers, one.certificates, one.bodies), (main, main, main));
        }
        assert_eq!(of(&all, Chain::Side, 4).bodies, RECORDS + 1);
        assert!(matches!(of(&all, Chain::Side, INSTITUTE).standing, Standing::NotAllowed(_)));
    }
    let mut forgeries = false;
    for (vice, height, says) in [
        (Vice::AltersBodies, 1, "its body is not the one"),
        (Vice::SwapsBodies, 1, "its body is not the one"),
        (Vice::OmitsTransactions, 1, "its body is not the one"),
        (Vice::ForgesBlocks, 1, "another header than its list"),
        (Vice::AltersCertificates, 1, "not certified"),
        (Vice::Forks, main, "another newest block"),
        (Vice::LeavesOutBlock, 2, "the verified one is"),
    ] {
        net.turn(3, vice);
        let group = net.group();
        let all = verify(&net, &group, EACH).await;
        let forged = group.alarms().iter().any(|alarm| alarm.kind == AlarmKind::Forged);
        // A bad certificate is signed by the branch; nothing signed says that a body is kept wrong.
        forgeries |= vice == Vice::AltersCertificates;
        assert_eq!(forged, forgeries, "{vice:?}: {:#?}", group.alarms());
        assert_eq!(all.verdict(), Verdict::Wrong, "{vice:?}");
        let one = of(&all, Chain::Main, 3);
        assert_eq!(one.verdict(), Verdict::Wrong, "{vice:?}: {one:#?}");
        assert_eq!(
            (one.faults[0].height, one.faults[0].branch.as_deref()),
            (height, Some("Branch 3")),
            "{vice:?}"
        );
        assert!(one.faults[0].what.contains(says), "{vice:?}: {one:#?}");
        let differs = matches!(one.standing, Standing::Differs { height: 2, .. });
        assert_eq!(differs, vice == Vice::LeavesOutBlock, "{one:#?}");
        for id in [1, 2, 4, 5] {
            assert_eq!(of(&all, Chain::Main, id).standing, Standing::Whole, "{vice:?}, branch {id}");
        }
    }
    net.turn(3, Vice::Lags);
    let all = verify(&net, &net.group(), EACH).await;
    assert_eq!(
        (&of(&all, Chain::Main, 3).standing, all.verdict()),
        (&Standing::Behind(2), Verdict::NotWhole)
    );
    net.turn(3, Vice::Silent);
    let all = verify(&net, &net.group(), EACH).await;
    assert!(matches!(of(&all, Chain::Side, 3).standing, Standing::Silent(_)), "{all:#?}");
    assert_eq!(all.verdict(), Verdict::NotWhole);
    net.turn(3, Vice::RefusesBlocks);
    let all = verify(&net, &net.group(), EACH).await;
    assert!(matches!(of(&all, Chain::Side, 3).standing, Standing::Silent(_)), "{all:#?}");
}
