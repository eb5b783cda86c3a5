//! Auditors at work: two at once, bad copies named, and every console shows what they say.

use super::{
    records::{enrolled, report},
    server::Net,
    verify::{RECORDS, grown, verify},
    vice::Vice,
};
use crate::{Audit, Auditor, ClientError, Group, NewRecord, Session, Verdict, VerifyRequest};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};
use tokio::sync::mpsc::unbounded_channel;
use wardline_crypto::Digest;
use wardline_ledger::{Body, BranchId, Canonical as _, Chain, Lack, Named, RecordId, Writer};
use wardline_policy::{Role, Roles};

/// A console with a state folder of its own.
fn console(net: &Net, name: &str, session: Session) -> Group {
    let settings = net.world.settings(&net.folder.path().join(name));
    Group::open(settings, net.world.genesis.clone(), session, net.world.clock.clone()).unwrap()
}

async fn round(auditor: &mut Auditor, all: bool, quiet: bool) -> Audit {
    let (progress, _) = unbounded_channel();
    auditor.round(all, quiet, &progress).await.unwrap()
}

/// A record and the branches that signed custody of it.
fn kept(net: &Net) -> Vec<(RecordId, Vec<BranchId>)> {
    let ledger = net.world.ledger(Chain::Main);
    let mut all = Vec::new();
    for block in &ledger.blocks {
        for bytes in wardline_ledger::decode_body(&block.body).unwrap() {
            if let Body::Storage(storage) = wardline_ledger::Transaction::decode(&bytes).unwrap().body {
                all.push((storage.record, storage.receipts.iter().map(|receipt| receipt.branch).collect()));
            }
        }
    }
    all
}

/// Alters or takes away every copy of a record: whichever two are looked at, they are bad.
fn spoil(net: &Net, record: &RecordId, holders: &[BranchId], lack: Lack) {
    for holder in holders {
        let mut vault = net.servers[&holder.0].vault.lock().unwrap();
        match lack {
            Lack::Altered => *vault.get_mut(record.bytes()).unwrap().envelope.last_mut().unwrap() ^= 1,
            _ => drop(vault.remove(record.bytes()).unwrap()),
        }
    }
}

fn of(named: &[Named], record: RecordId) -> Vec<Lack> {
    named.iter().filter(|one| one.record == record).map(|one| one.lack).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_auditors_name_the_same_bad_copies_and_every_console_shows_both() {
    let net = grown().await;
    let (one, two) =
        (console(&net, "one", net.world.session()), console(&net, "two", net.world.second_auditor()));
    let mut first = one.auditor(&net.world.genesis).await.unwrap();
    let mut second = two.auditor(&net.world.genesis).await.unwrap();
    let ward = console(&net, "ward", net.world.session_of(Roles::of(&[Role::Ward])));
    assert_eq!(ward.refresh().await.verdicts, Some(Vec::new()));

    let whole = round(&mut first, false, false).await;
    assert_eq!((whole.verdict(), whole.fetched, whole.verdict.records), (Verdict::Holds, RECORDS, RECORDS));
    let head = net.world.ledger(Chain::Main).blocks[whole.verdict.height as usize].header.digest();
    assert_eq!((whole.verdict.digest, whole.verdict.since), (head, whole.verdict.height));
    assert!(whole.settled.unwrap().height > whole.verdict.height);
    let asked = |branch: u16| net.asked(branch, "/v1/records/envelopes");
    assert!((1..=4).filter(|branch| asked(*branch) > 0).count() > 1, "copies of different branches");

    let [(altered, altered_at), (lost, lost_at), ..] =
        kept(&net).try_into().unwrap_or_else(|all: Vec<_>| <[_; 2]>::try_from(all[..2].to_vec()).unwrap());
    spoil(&net, &altered, &altered_at, Lack::Altered);
    spoil(&net, &lost, &lost_at, Lack::Missing);
    let (a, b) = tokio::join!(round(&mut first, true, false), round(&mut second, false, false));
    for found in [&a, &b] {
        assert_eq!(
            (found.verdict(), found.verdict.bad, found.verdict.unheard),
            (Verdict::Wrong, 4, 0),
            "{found:#?}"
        );
        assert_eq!(of(&found.named, altered), [Lack::Altered; 2]);
        assert_eq!(of(&found.named, lost), [Lack::Missing; 2]);
        assert_eq!(found.verdict.named, found.named);
        assert!(found.settled.is_some());
    }
    assert!(!one.alarms().is_empty(), "what a branch signed is evidence");

    let overview = console(&net, "other", net.world.session_of(Roles::of(&[Role::Ward]))).refresh().await;
    let said = overview.verdicts.unwrap();
    let branches: BTreeSet<&str> = said.iter().map(|said| said.branch.as_str()).collect();
    assert_eq!(branches, ["Branch 1", "Branch 2"].into());
    for said in &said {
        assert_eq!((said.verdict.bad, said.same_chain), (4, Some(true)), "{said:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_fetches_what_is_new_or_was_bad_and_says_only_what_is_news() {
    let net = Net::start().await;
    let group = net.group();
    let patient = enrolled(&group).await;
    let add = async |day: usize| {
        let (progress, _) = unbounded_channel();
        group.add_record(patient, report(day), progress).await.unwrap().record
    };
    let record = add(1).await;
    let one = console(&net, "one", net.world.session());
    let mut auditor = one.auditor(&net.world.genesis).await.unwrap();
    assert_eq!(round(&mut auditor, false, true).await.fetched, 1);
    let again = round(&mut auditor, false, true).await;
    assert_eq!(
        (again.fetched, again.settled, again.verdict.records),
        (0, None, 1),
        "no ping-pong of verdicts"
    );

    // Silence is told as such, and not as a bad copy; whoever answers again is asked again.
    let holders = kept(&net).remove(0).1;
    for holder in &holders {
        net.turn(holder.0, Vice::LosesEnvelopes);
    }
    let second = add(2).await;
    let lost = round(&mut auditor, false, true).await;
    assert_eq!((lost.fetched, lost.verdict.bad, lost.verdict.records), (1, 2, 2));
    assert_eq!(of(&lost.named, second), [Lack::Missing; 2]);
    for holder in &holders {
        net.turn(holder.0, Vice::None);
    }
    // An auditor who begins anew, at another terminal, goes on from the verdict on the chain.
    let other = console(&net, "elsewhere", net.world.session());
    let mut other = other.auditor(&net.world.genesis).await.unwrap();
    let whole = round(&mut other, false, true).await;
    assert_eq!((whole.verdict(), whole.fetched, whole.verdict.bad), (Verdict::Holds, 1, 0), "{whole:#?}");
    assert!(whole.settled.is_some() && whole.verdict.since < whole.verdict.height);
    // A new version of a record is a new copy to look at.
    let (progress, _) = unbounded_channel();
    let replaced = NewRecord { patient, id: record, version: 2, record: report(9) };
    assert!(group.keep_all(vec![replaced], progress).await.iter().all(Result::is_ok));
    let newer = round(&mut other, false, true).await;
    assert_eq!((newer.fetched, newer.verdict.records), (1, 2));
    assert!(newer.settled.is_some());
    let all = round(&mut other, true, true).await;
    assert_eq!((all.fetched, all.verdict.since), (2, all.verdict.height));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signed_for_a_copy_is_not_taken_from_a_file() {
    let net = grown().await;
    let console = || console(&net, "one", net.world.session());
    let again = VerifyRequest::default();
    assert_eq!(verify(&net, &console(), again.clone()).await.verdict(), Verdict::Holds);
    let path = net.folder.path().join("one").join("main.replay.verified");
    let good = fs::read(&path).unwrap();
    let signers: BTreeMap<RecordId, Vec<BranchId>> = kept(&net).into_iter().collect();
    let written = |signers: &BTreeMap<RecordId, Vec<BranchId>>| {
        let mut w = Writer::default();
        w.len(signers.len());
        for (record, holders) in signers {
            record.write(&mut w);
            w.list(holders);
        }
        w.into_bytes()
    };
    let true_ones = written(&signers);
    let forge = |signers: BTreeMap<RecordId, Vec<BranchId>>| {
        let content = &good[..good.len() - 32];
        let at = content.windows(true_ones.len()).position(|bytes| bytes == true_ones).unwrap();
        let mut forged = [&content[..at], &written(&signers), &content[at + true_ones.len()..]].concat();
        let sum = Digest::of(&forged);
        forged.extend_from_slice(sum.as_ref());
        fs::write(&path, forged).unwrap();
    };
    let (record, holders) = kept(&net).remove(0);
    let with = |holders: Vec<BranchId>| {
        let mut signers = signers.clone();
        signers.insert(record, holders);
        signers
    };
    let home = net.world.session().branch();
    let but_home = (1..=4).map(BranchId).filter(|branch| *branch != home).collect();
    for signers in [BTreeMap::new(), with(Vec::new()), with(vec![home]), with(vec![home; 3]), with(but_home)]
    {
        forge(signers);
        let all = verify(&net, &console(), again.clone()).await;
        let why = all.main.restarted.clone().unwrap_or_default();
        assert!(why.contains("who signed for a record"), "{why}");
        assert_eq!((all.verdict(), all.main.earlier.len()), (Verdict::Holds, 0));
    }

    // As many as are needed, and others than those who did sign: nobody but the blocks can tell.
    spoil(&net, &record, &holders, Lack::Missing);
    let other = (1..=4).map(BranchId).filter(|branch| *branch != home && !holders.contains(branch));
    forge(with(std::iter::once(home).chain(other).chain([BranchId(5)]).collect()));
    let group = console();
    let mut auditor = group.auditor(&net.world.genesis).await.unwrap();
    let found = round(&mut auditor, true, false).await;
    assert_eq!((found.verdict(), of(&found.named, record)), (Verdict::Wrong, vec![Lack::Missing; 2]));
    let mut copies: Vec<BranchId> = found.named.iter().map(|one| one.branch).collect();
    copies.retain(|branch| !holders.contains(branch));
    assert_eq!(copies, [], "only who signed is accused");
    forge(with(vec![home, BranchId(5)]));
    let all = verify(&net, &console(), VerifyRequest { all_copies: true, ..again }).await;
    assert_eq!(all.main.earlier, [], "replayed");
    assert_eq!((all.verdict(), all.records.bad()), (Verdict::Wrong, holders.len()), "{all:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_auditors_audit() {
    let net = grown().await;
    let ward = console(&net, "ward", net.world.session_of(Roles::of(&[Role::Ward])));
    let refused = ward.auditor(&net.world.genesis).await.err().unwrap();
    assert!(matches!(&refused, ClientError::Refused(why) if why.contains("needs role auditor")), "{refused}");
}
