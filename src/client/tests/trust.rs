//! What is kept of a chain: proven by itself, never put back unseen, never past a block that was verified before.

use super::{
    chains::grow,
    server::Net,
    world::{EPOCH, TRUSTED, World, forged},
};
use crate::{Conflict, Group, Refused, Trust, TrustError, branch::MinHeights, cores};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};
use wardline_crypto::Digest;
use wardline_ledger::{Canonical, Chain, Given, Header, Invalid, ProvenHead, StateProof, TrustPath};

type Page = Vec<(Vec<u8>, Option<Vec<u8>>)>;

const SIDE: &str = "side.checkpoint";

/// A network whose side chain has so many blocks.
async fn net(blocks: u64) -> (Net, Group) {
    let net = Net::start().await;
    let group = net.group();
    grow(&net, &group, blocks);
    (net, group)
}

fn page(world: &World, heights: std::ops::RangeInclusive<usize>) -> Page {
    let ledger = world.ledger(Chain::Side);
    ledger.blocks[heights].iter().map(|block| (block.bytes.clone(), block.certificate.clone())).collect()
}

fn sets(world: &World) -> BTreeMap<u64, (Vec<u8>, StateProof)> {
    let ledger = world.ledger(Chain::Side);
    let epochs = 1..=ledger.height() / EPOCH + 1;
    epochs
        .filter_map(|epoch| ledger.handover(epoch).map(|h| (epoch, (h.set.clone(), h.proof.clone()))))
        .collect()
}

fn open(net: &Net) -> Result<Trust, TrustError> {
    let folder = net.folder.path();
    Trust::open(&net.world.genesis, Chain::Side, folder, Some(&folder.join("memory")))
}

fn memory(net: &Net) -> PathBuf {
    net.folder.path().join("memory").join(format!("{}.side", net.world.network))
}

/// Verified up to a height, and kept.
fn verified(net: &Net, to: usize) -> Trust {
    let trust = open(net).unwrap();
    trust.extend(page(&net.world, 1..=to), &sets(&net.world), 2).unwrap();
    trust.save().unwrap();
    trust
}

/// The chain from a height on with another history, which the validators' keys signed too.
fn rewritten(world: &World, from: usize, to: usize) -> Page {
    let ledger = world.ledger(Chain::Side);
    let mut parent: Option<Digest> = None;
    let mut out = Page::new();
    for block in &ledger.blocks[1..=to] {
        let mut header = block.header.clone();
        if header.height >= from as u64 {
            header = Header { parent: parent.unwrap_or(header.parent), ..forged(&header) };
        }
        parent = Some(header.digest());
        out.push((header.encode(), Some(world.certify(Chain::Side, &header, 3))));
    }
    out
}

fn height(trust: &Trust) -> u64 {
    trust.head().header.height
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_proves_itself_and_goes_on() {
    let (net, _) = net(2 * EPOCH + 3).await;
    let last = 2 * EPOCH as usize + 3;
    for to in [1, 4, EPOCH as usize - 1, EPOCH as usize, last] {
        let folder = tempfile::tempdir().unwrap();
        let open = || Trust::open(&net.world.genesis, Chain::Side, folder.path(), None).unwrap();
        let trust = open();
        trust.extend(page(&net.world, 1..=to), &sets(&net.world), 1).unwrap();
        trust.save().unwrap();
        let again = open();
        assert_eq!(again.head(), trust.head());
        assert_eq!(again.proven_head(), trust.proven_head());
        assert!(again.notices(u64::MAX).is_empty());
        again.extend(page(&net.world, 1..=last), &sets(&net.world), 2).unwrap();
        assert_eq!(height(&again), last as u64);
        for epoch in 0..=2 {
            assert!(again.validators(epoch).is_some());
        }
        assert_eq!(again.validators(3), None, "that epoch's validators are not handed over yet");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_file_is_refused_and_told_apart_from_a_damaged_one() {
    let (net, _) = net(4).await;
    verified(&net, 4);
    let path = net.folder.path().join(SIDE);
    let good = fs::read(&path).unwrap();
    let title = b"WARDLINE CHECKPOINT v2\n".len();
    // With a sum that fits: only the proof can refuse it.
    let write = |head: &ProvenHead| {
        let bytes = head.encode();
        fs::write(&path, [&good[..title], Digest::of(&bytes).as_ref(), &bytes].concat()).unwrap();
    };
    let head = ProvenHead::decode(&good[title + 32..]).unwrap();
    let (header, certificate) = head.head.clone().unwrap();
    let other = forged(&Header::decode(&header).unwrap());
    write(&ProvenHead { head: Some((other.encode(), certificate)), ..head.clone() });
    assert!(matches!(open(&net), Err(TrustError::Unproven { .. })));
    let two = net.world.certify(Chain::Side, &other, 2);
    write(&ProvenHead { head: Some((other.encode(), two)), ..head.clone() });
    let error = open(&net).err().unwrap();
    assert!(matches!(error, TrustError::Unproven { .. }));
    assert!(error.to_string().contains("move it away"), "it says what to do: {error}");
    write(&ProvenHead { chain: Chain::Main, ..head.clone() });
    assert!(matches!(open(&net), Err(TrustError::OtherNetwork { .. })));
    write(&ProvenHead { network: Digest::ZERO, ..head });
    assert!(matches!(open(&net), Err(TrustError::OtherNetwork { .. })));
    for at in 0..good.len() {
        let mut damaged = good.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&path, &damaged).unwrap();
        assert!(matches!(open(&net), Err(TrustError::Damaged { .. })), "byte {at}");
        fs::write(&path, &good[..at]).unwrap();
        assert!(matches!(open(&net), Err(TrustError::Damaged { .. })), "cut at {at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_versions_file_is_not_taken_and_said_so() {
    let (net, _) = net(2).await;
    fs::write(net.folder.path().join(SIDE), b"WARDLINE CHECKPOINT v1\nwhatever it was").unwrap();
    let trust = open(&net).unwrap();
    assert_eq!(height(&trust), 0);
    let notices = trust.notices(u64::MAX);
    assert!(notices[0].contains("verified again from its genesis"), "{notices:?}");
    trust.extend(page(&net.world, 1..=2), &sets(&net.world), 1).unwrap();
    trust.save().unwrap();
    let again = open(&net).unwrap();
    assert_eq!((height(&again), again.notices(u64::MAX)), (2, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_versions_files_are_kept_aside_and_told() {
    let (net, _) = net(3).await;
    let (kept, remembered) = (net.folder.path().join(SIDE), memory(&net));
    let aside = |path: &Path, end: &str| fs::read(format!("{}{end}", path.display())).ok();
    verified(&net, 1);
    for (newer, to) in [(b"WARDLINE CHECKPOINT v9\none", 2), (b"WARDLINE CHECKPOINT v9\ntwo", 3)] {
        fs::write(&kept, newer).unwrap();
        fs::write(&remembered, newer.map(|byte| if byte == b'9' { b'8' } else { byte })).unwrap();
        let trust = open(&net).unwrap();
        let told = trust.notices(u64::MAX).join("; ");
        for path in [&kept, &remembered] {
            assert!(told.contains(&format!("`{}` is of another version", path.display())), "{told}");
        }
        assert!(told.contains("not compared"), "{told}");
        trust.extend(page(&net.world, 1..=to), &sets(&net.world), 1).unwrap();
        trust.save().unwrap();
        assert_eq!(open(&net).unwrap().notices(u64::MAX), Vec::<String>::new());
    }
    for path in [&kept, &remembered] {
        assert!(aside(path, ".old").unwrap().ends_with(b"one"));
        assert!(aside(path, ".old2").unwrap().ends_with(b"two"), "nothing that is aside is replaced");
        assert_eq!(aside(path, ".old3"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_older_copy_is_told_and_must_lead_through_what_was_verified() {
    let (net, _) = net(8).await;
    verified(&net, 3);
    let older = fs::read(net.folder.path().join(SIDE)).unwrap();
    verified(&net, 6);
    fs::write(net.folder.path().join(SIDE), &older).unwrap();
    let mark = fs::read(memory(&net)).unwrap();

    let trust = open(&net).unwrap();
    assert_eq!(height(&trust), 3);
    let notices = trust.notices(u64::MAX);
    assert!(notices[0].starts_with("OLDER COPY") && notices[0].contains("block 6"), "{notices:?}");
    let heights = Arc::new(MinHeights::default());
    trust.share_height(&heights);
    assert_eq!(heights.get(Chain::Side), 6, "never less than what was verified is demanded");
    // Not there yet: the older checkpoint may be kept, the memory stays.
    trust.extend(page(&net.world, 4..=5), &sets(&net.world), 1).unwrap();
    trust.save().unwrap();
    assert_eq!(fs::read(memory(&net)).unwrap(), mark);
    trust.extend(page(&net.world, 6..=8), &sets(&net.world), 1).unwrap();
    trust.save().unwrap();
    assert_ne!(fs::read(memory(&net)).unwrap(), mark);
    assert!(!trust.notices(u64::MAX).is_empty(), "it is told to the session's end");
    assert!(open(&net).unwrap().notices(u64::MAX).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_history_than_the_remembered_one_is_an_alarm_and_nothing_is_written() {
    let (net, _) = net(10).await;
    // 3: in the epoch's middle. 8: with an uncertified header first.
    for (restored, mark, first) in [(1, 3, 2), (2, 4, 4), (4, 8, 7)] {
        let _ = fs::remove_file(net.folder.path().join(SIDE));
        let _ = fs::remove_file(memory(&net));
        verified(&net, restored);
        let older = fs::read(net.folder.path().join(SIDE)).unwrap();
        verified(&net, mark);
        fs::write(net.folder.path().join(SIDE), &older).unwrap();
        let remembered = fs::read(memory(&net)).unwrap();

        let trust = open(&net).unwrap();
        let mut other = rewritten(&net.world, first, 9);
        // A bad certificate that need not be checked must not get into the proof.
        other[mark - 1].1 = None;
        let refused = trust.extend(other, &sets(&net.world), 2).unwrap_err();
        let error = TrustError::Conflict { chain: Chain::Side, height: mark as u64 };
        assert_eq!(refused, Refused::Conflict(error.clone()));
        assert_eq!(height(&trust), restored as u64, "nothing of it is believed");
        assert_eq!(trust.save(), Err(error.clone()));
        assert_eq!(fs::read(net.folder.path().join(SIDE)).unwrap(), older);
        assert_eq!(fs::read(memory(&net)).unwrap(), remembered);
        assert!(trust.notices(u64::MAX)[0].starts_with("ALARM"));
        // Not even the true one is taken now: somebody has to look.
        let more = trust.extend(page(&net.world, restored + 1..=9), &sets(&net.world), 1);
        assert_eq!(more, Err(Refused::Conflict(error)));
        // Both blocks are proven to whoever has the genesis.
        let Conflict { height, ours, theirs, certificate, .. } = trust.conflict().unwrap();
        let path = TrustPath::begin(&net.world.genesis, Chain::Side);
        let ours = path.certified(&[ours.0], &ours.1).unwrap();
        let theirs = path.certified(&theirs, &certificate).unwrap();
        assert_eq!((ours.header.height, theirs.header.height), (height, height));
        assert_ne!(ours.digest, theirs.digest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_kept_blocks_of_one_height_are_an_alarm_at_the_start() {
    let (net, _) = net(4).await;
    verified(&net, 4);
    let folder = tempfile::tempdir().unwrap();
    let other = Trust::open(&net.world.genesis, Chain::Side, folder.path(), None).unwrap();
    other.extend(rewritten(&net.world, 2, 4), &sets(&net.world), 1).unwrap();
    other.save().unwrap();
    fs::copy(folder.path().join(SIDE), net.folder.path().join(SIDE)).unwrap();
    let trust = open(&net).unwrap();
    assert_eq!(trust.conflict().unwrap().height, 4);
    assert!(matches!(trust.save(), Err(TrustError::Conflict { height: 4, .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_replaces_a_newer_file_with_an_older_one() {
    let (net, _) = net(8).await;
    let behind = open(&net).unwrap();
    behind.extend(page(&net.world, 1..=3), &sets(&net.world), 1).unwrap();
    verified(&net, 7);
    let files = || [fs::read(net.folder.path().join(SIDE)).unwrap(), fs::read(memory(&net)).unwrap()];
    let newer = files();
    behind.save().unwrap();
    assert_eq!(files(), newer);
    // Many at once: the newest is there in the end.
    std::thread::scope(|scope| {
        for to in [8, 2, 5, 4, 8, 3] {
            let net = &net;
            scope.spawn(move || {
                let trust = Trust::open(
                    &net.world.genesis,
                    Chain::Side,
                    &net.folder.path().join("shared"),
                    Some(&net.folder.path().join("memory")),
                )
                .unwrap();
                let before = usize::try_from(trust.head().header.height).unwrap();
                if before < to {
                    trust.extend(page(&net.world, before + 1..=to), &sets(&net.world), 1).unwrap();
                }
                trust.save().unwrap();
            });
        }
    });
    let shared =
        Trust::open(&net.world.genesis, Chain::Side, &net.folder.path().join("shared"), None).unwrap();
    assert_eq!(height(&shared), 8);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_memory_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (net, _) = net(1).await;
    verified(&net, 1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&memory(&net)), mode(memory(&net).parent().unwrap())), (0o600, 0o700));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_behind_the_chain_is_told() {
    let (net, _) = net(1).await;
    let trust = verified(&net, 1);
    let time = trust.head().header.time_s;
    assert!(trust.notices(time).is_empty());
    let told = trust.notices(time - 60);
    assert!(told[0].starts_with("CLOCK") && told[0].contains("60 s"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_says_what_is_wrong_at_this_machine() {
    let (net, group) = net(3).await;
    group.refresh().await;
    let older = fs::read(net.folder.path().join(SIDE)).unwrap();
    grow(&net, &group, 2);
    group.refresh().await;
    fs::write(net.folder.path().join(SIDE), older).unwrap();
    net.world.clock.0.fetch_sub(500, Ordering::Relaxed);
    let group = net.group();
    for overview in [group.overview(), group.refresh().await] {
        let warning = overview.warning.unwrap();
        assert!(warning.contains("OLDER COPY") && warning.contains("block 5"), "{warning}");
        assert!(warning.contains("CLOCK"), "{warning}");
    }
    assert_eq!(group.overview().side.unwrap().height, 5);
    assert_eq!(group.conflict(Chain::Side), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_question_brought_meanwhile_stays() {
    let (net, _) = net(6).await;
    let trust = verified(&net, 5);
    // The same again, from before: passed over.
    trust.extend(page(&net.world, 2..=4), &sets(&net.world), 1).unwrap();
    assert_eq!(height(&trust), 5);
    // Another history of what is verified is no news, and what follows it does not follow.
    trust.extend(rewritten(&net.world, 2, 4), &sets(&net.world), 1).unwrap();
    let other = rewritten(&net.world, 2, 6);
    let refused = trust.extend(other[4..].to_vec(), &sets(&net.world), 1);
    assert!(matches!(refused, Err(Refused::Invalid(Invalid::Link { after: 5, .. }))), "{refused:?}");
    assert_eq!(trust.head().digest, net.world.ledger(Chain::Side).blocks[5].header.digest());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_block_that_the_chain_does_not_have_raises_the_alarm() {
    let (net, group) = net(4).await;
    // This terminal saw another history, which a quorum's keys signed.
    let other = open(&net).unwrap();
    other.extend(rewritten(&net.world, 2, 3), &sets(&net.world), 1).unwrap();
    other.save().unwrap();
    fs::remove_file(net.folder.path().join(SIDE)).unwrap();
    drop(group);
    let group = net.group();
    let warning = group.refresh().await.warning.unwrap();
    assert!(warning.contains("ALARM") && warning.contains("block `3`"), "{warning}");
    assert_eq!(group.overview().side.unwrap().height, 0);
    let alarms = group.alarms();
    assert!(
        alarms.iter().any(|alarm| alarm.kind == crate::AlarmKind::Fork && alarm.height == Some(3)),
        "{alarms:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_in_the_registry_are_told() {
    let (_net, group) = net(1).await;
    assert_eq!(group.refresh().await.warning, None);
    // As the registry would have it after a change of the branch's certificate.
    let name = {
        let mut registry = group.inner.registry.lock().unwrap();
        registry.height = u64::MAX;
        registry.participants[2].tls = Digest::of(b"another certificate");
        registry.participants[2].name.clone()
    };
    let warning = group.refresh().await.warning.unwrap();
    assert_eq!(warning, format!("NEW KEYS: those of {name} were changed in the registry: unlock again"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_below_the_checkpoint_must_be_in_its_chain() {
    let (net, group) = net(5).await;
    drop(group);
    let (kept, remembered) = (net.folder.path().join(SIDE), memory(&net));
    let elsewhere = tempfile::tempdir().unwrap();
    let put = |chain: Page| {
        let folder = tempfile::tempdir_in(&elsewhere).unwrap();
        let trust = Trust::open(&net.world.genesis, Chain::Side, folder.path(), None).unwrap();
        trust.extend(chain, &sets(&net.world), 1).unwrap();
        trust.save().unwrap();
        fs::copy(folder.path().join(SIDE), &kept).unwrap();
    };

    // The true block in the memory, another history in the folder that is shared.
    verified(&net, 3);
    let mark = fs::read(&remembered).unwrap();
    put(rewritten(&net.world, 2, 4));
    let trust = open(&net).unwrap();
    assert_eq!((height(&trust), trust.behind().map(|(height, _)| height)), (4, Some(3)));
    assert!(trust.notices(u64::MAX)[0].starts_with("NOT COMPARED: block 3"));
    trust.extend(rewritten(&net.world, 2, 5)[4..].to_vec(), &sets(&net.world), 1).unwrap();
    trust.save().unwrap();
    assert_eq!(fs::read(&remembered).unwrap(), mark, "the only proof is not overwritten");
    let warning = net.group().refresh().await.warning.unwrap();
    assert!(warning.contains("NOT COMPARED"), "nobody has the other history's headers: {warning}");
    assert_eq!(fs::read(&remembered).unwrap(), mark);

    // The true chain: it is found in it, and the memory goes on.
    put(page(&net.world, 1..=5));
    let overview = net.group().refresh().await;
    assert_eq!(overview.warning, None);
    assert_ne!(fs::read(&remembered).unwrap(), mark);
    assert!(open(&net).unwrap().notices(u64::MAX).is_empty());

    // Another block in the memory than in the chain that the branches show.
    fs::remove_file(&kept).unwrap();
    fs::remove_file(&remembered).unwrap();
    let other = open(&net).unwrap();
    other.extend(rewritten(&net.world, 2, 3), &sets(&net.world), 1).unwrap();
    other.save().unwrap();
    let mark = fs::read(&remembered).unwrap();
    put(page(&net.world, 1..=5));
    let checkpoint = fs::read(&kept).unwrap();
    let group = net.group();
    let warning = group.refresh().await.warning.unwrap();
    assert!(warning.contains("ALARM") && warning.contains("block `3`"), "{warning}");
    let alarms = group.alarms();
    assert!(
        alarms.iter().any(|alarm| alarm.kind == crate::AlarmKind::Fork && alarm.height == Some(3)),
        "{alarms:?}"
    );
    assert_eq!((fs::read(&kept).unwrap(), fs::read(&remembered).unwrap()), (checkpoint, mark));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_kept_is_compared_before_it_is_replaced() {
    let (net, _) = net(6).await;
    let fork = |to| {
        let folder = tempfile::tempdir().unwrap();
        let memory = net.folder.path().join("memory");
        let trust = Trust::open(&net.world.genesis, Chain::Side, folder.path(), Some(&memory)).unwrap();
        trust.extend(rewritten(&net.world, 2, to), &sets(&net.world), 1).unwrap();
        (trust, folder)
    };
    let ((same, _same), (above, _above)) = (fork(4), fork(6));
    verified(&net, 4);
    let mark = fs::read(memory(&net)).unwrap();
    assert_eq!(same.save(), Err(TrustError::Conflict { chain: Chain::Side, height: 4 }));
    assert_eq!(same.conflict().unwrap().height, 4);
    above.save().unwrap();
    assert_eq!(above.behind().map(|(height, _)| height), Some(4));
    assert_eq!(fs::read(memory(&net)).unwrap(), mark);
    let own = above.recent(4).unwrap();
    above.compare_behind(&own, None);
    assert_eq!(above.save(), Err(TrustError::Conflict { chain: Chain::Side, height: 4 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_longer_than_a_page_is_followed_over_pages_without_certificates() {
    let net = Net::with_epochs(1100).await;
    let group = net.group();
    net.world.certify_every.store(u64::MAX, Ordering::Relaxed);
    grow(&net, &group, 1105);
    net.world.certify_every.store(1, Ordering::Relaxed);
    grow(&net, &group, 1);
    assert_eq!(group.refresh().await.side.unwrap().height, 1106);
    let asked = |part| TRUSTED.iter().map(|branch| net.asked(*branch, part)).sum::<usize>();
    assert!(asked("headers?from=513&") > 0, "the next page goes on where the first one ended");
    let again = net.group();
    assert_eq!(again.overview().side.unwrap().height, 1106);
}

#[test]
fn work_is_spread_without_loss() {
    let page: Page =
        (0..3000u32).map(|n| (n.to_be_bytes().to_vec(), (n % 2 == 0).then(|| vec![1]))).collect();
    for cores in [0, 1, 2, 3, 64] {
        let given = cores::read(page.clone(), cores);
        assert_eq!(given.into_iter().map(Given::into_parts).collect::<Page>(), page, "{cores}");
    }
    assert!(cores::cores() >= 1);
    assert!(cores::check(&[], 2).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_certificate_is_found_on_whichever_core() {
    let (net, _) = net(2 * EPOCH).await;
    let ends = [EPOCH as usize - 1, 2 * EPOCH as usize - 1, 2 * EPOCH as usize];
    for bad in ends {
        for cores in [1, 2, 3] {
            let folder = tempfile::tempdir().unwrap();
            let trust = Trust::open(&net.world.genesis, Chain::Side, folder.path(), None).unwrap();
            let mut page = page(&net.world, 1..=2 * EPOCH as usize);
            *page[bad - 1].1.as_mut().unwrap().last_mut().unwrap() ^= 1;
            let refused = trust.extend(page, &sets(&net.world), cores).unwrap_err();
            let at = bad as u64;
            assert!(matches!(refused, Refused::Invalid(Invalid::Certificate { height, .. }) if height == at));
            assert_eq!(height(&trust), 0);
        }
    }
}
