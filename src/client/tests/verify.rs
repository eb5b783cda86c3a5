//! Verifying everything from the genesis, and a chain in a file, against branches that lie.

use super::{
    records::{allergy, enrolled, keep_all, report},
    server::Net,
    vice::Vice,
    world::{EPOCH, INSTITUTE},
};
use crate::{
    BadCopy, ClientError, Depth, ExportRequest, Group, NewRecord, Verdict, Verification, VerifyProgress,
    VerifyRequest, verify_archive,
};
use std::{
    collections::BTreeSet,
    io::{self, Cursor, Write},
    sync::{Arc, Mutex, atomic::Ordering},
};
use tokio::sync::{mpsc::unbounded_channel, oneshot};
use wardline_crypto::{Digest, OsEntropy, peek};
use wardline_ledger::{Body, BranchId, Canonical, Chain, Enrol, Link, PatientId, RecordId};
use wardline_policy::{Role, Roles};

pub(super) const RECORDS: u64 = EPOCH + 2;

/// A network in which one patient has some records, over the end of an epoch on both chains.
pub(super) async fn grown() -> Net {
    let net = Net::start().await;
    let group = net.group();
    let patient = enrolled(&group).await;
    for day in 0..RECORDS {
        let (progress, _) = unbounded_channel();
        let day = usize::try_from(day).unwrap();
        let record = if day.is_multiple_of(2) { report(day) } else { allergy(day) };
        group.add_record(patient, record, progress).await.unwrap();
    }
    net
}

pub(super) async fn verify(net: &Net, group: &Group, request: VerifyRequest) -> Verification {
    let (progress, _) = unbounded_channel();
    group.verify(&net.world.genesis, &request, progress).await.unwrap()
}

fn from(branch: &str) -> VerifyRequest {
    VerifyRequest { branch: Some(branch.to_owned()), ..VerifyRequest::default() }
}

/// Everything again, whatever earlier tests of the same folder kept.
pub(super) const ANEW: VerifyRequest =
    VerifyRequest { branch: None, all_copies: false, each: false, from_genesis: true };
const ALL_COPIES: VerifyRequest = VerifyRequest { all_copies: true, ..ANEW };

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_network_holds_and_every_check_is_said() {
    let net = grown().await;
    // The console that verifies has kept nothing, then something: neither changes what is checked.
    let group = net.group();
    let (progress, mut heard) = unbounded_channel();
    let all = group.verify(&net.world.genesis, &ALL_COPIES, progress).await.unwrap();
    assert_eq!(all.verdict(), Verdict::Holds, "{all:#?}");
    assert_eq!((all.main.depth, all.side.depth), (Some(Depth::Replay), Some(Depth::Replay)));
    let head = net.world.ledger(Chain::Main).head().header.clone();
    assert_eq!((all.main.height, all.main.digest), (head.height, head.digest()));
    assert_eq!(all.main.transactions, [("storage", RECORDS)].into());
    assert_eq!(all.side.transactions, [("enrol", 1), ("link", RECORDS)].into());
    let named = |all: &[String]| {
        let mut named: Vec<String> = all.iter().filter(|name| name.starts_with("Branch")).cloned().collect();
        named.sort();
        named
    };
    assert_eq!(named(&all.main.agreeing), [1, 2, 3, 4, 5].map(|id| format!("Branch {id}")));
    assert_eq!(named(&all.side.agreeing), [1, 2, 3, 4].map(|id| format!("Branch {id}")));
    assert_eq!(all.records.records, RECORDS);
    assert_eq!(all.records.branches.iter().map(|copies| copies.good).sum::<u64>(), 4 * RECORDS);

    let mut last = Vec::new();
    while let Some(event) = heard.recv().await {
        last.retain(|other: &VerifyProgress| std::mem::discriminant(other) != std::mem::discriminant(&event));
        last.push(event);
    }
    assert_eq!(last.last(), Some(&VerifyProgress::Records { done: 4 * RECORDS, of: 4 * RECORDS }));
    assert_eq!(verify(&net, &net.group(), from("branch 3")).await.main.sources, ["Branch 3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_gives_bad_blocks_is_named_with_the_height_and_others_are_asked() {
    let net = grown().await;
    for (vice, height, says) in [
        (Vice::AltersBodies, 1, "body is not the one"),
        (Vice::AltersCertificates, 1, "not certified"),
        (Vice::LeavesOutBlock, 2, "does not follow"),
        (Vice::Garbles, 0, ""),
    ] {
        net.turn(1, vice);
        let all = verify(&net, &net.group(), ANEW).await;
        let head = net.world.ledger(Chain::Main).height();
        assert_eq!(all.main.height, head, "{vice:?}: others have the whole chain");
        if vice == Vice::Garbles {
            assert_eq!(all.verdict(), Verdict::NotWhole);
            assert_eq!(all.main.unheard[0].branch, "Branch 1");
            continue;
        }
        assert_eq!(all.verdict(), Verdict::Wrong, "{vice:?}");
        for report in [&all.main, &all.side] {
            let [fault] = report.faults.as_slice() else { panic!("{vice:?}: {report:#?}") };
            assert_eq!((fault.branch.as_deref(), fault.height), (Some("Branch 1"), height), "{vice:?}");
            assert!(fault.what.contains(says), "{vice:?}: {}", fault.what);
        }
        let alone = verify(&net, &net.group(), from("Branch 1")).await;
        assert_eq!(alone.verdict(), Verdict::Wrong);
        assert!(alone.main.height < head, "nothing beyond the fault is called verified");
        assert!(alone.records.skipped.unwrap().contains("records after block"));
        let other = verify(&net, &net.group(), from("Branch 2")).await;
        assert_eq!(other.main.verdict().max(other.side.verdict()), Verdict::Holds);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certified_block_that_breaks_the_rules_is_the_chains_own_fault() {
    let net = grown().await;
    let group = net.group();
    let enrol = group.inner.session.transaction(net.world.network, enrolment()).encode();
    let forge = |header: &mut wardline_ledger::Header| header.state_root = Digest::of(b"another state");
    net.world.agree(Chain::Side, enrol, forge).unwrap();
    let all = verify(&net, &net.group(), ANEW).await;
    assert_eq!((all.verdict(), all.main.verdict()), (Verdict::Wrong, Verdict::Holds));
    let height = net.world.ledger(Chain::Side).height();
    let [fault] = all.side.faults.as_slice() else { panic!("{:#?}", all.side) };
    assert_eq!((fault.branch.as_deref(), fault.height), (None, height));
    assert!(fault.what.contains("state root"), "{}", fault.what);
    assert_eq!(all.side.height, height - 1, "the block is not called verified");
}

pub(super) fn enrolment() -> Body {
    let patient = PatientId::draw(&mut OsEntropy);
    let key = wardline_crypto::DataKey::generate(&mut OsEntropy);
    let header = wardline_crypto::Header {
        suite: wardline_crypto::Suite::default(),
        content: wardline_crypto::Content::Identity,
        object: *patient.bytes(),
        version: 1,
    };
    let identity = wardline_crypto::seal(&key, &header, b"a made-up identity", &mut OsEntropy).unwrap();
    Body::Enrol(Enrol { patient, identity })
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_are_altered_lost_or_not_heard_of_and_never_good_then() {
    let net = grown().await;
    let group = net.group();
    net.turn(1, Vice::AltersEnvelopes);
    let all = verify(&net, &group, ANEW).await;
    assert_eq!((all.verdict(), all.main.verdict()), (Verdict::Wrong, Verdict::Holds));
    let [home] = all.records.branches.as_slice() else { panic!("{:#?}", all.records) };
    assert_eq!((home.branch.as_str(), home.good, home.altered.len() as u64), ("Branch 1", 0, RECORDS));

    net.turn(1, Vice::LosesEnvelopes);
    let all = verify(&net, &group, ANEW).await;
    assert_eq!(all.verdict(), Verdict::Wrong, "it signed for them");
    assert_eq!(all.records.branches[0].lost.len() as u64, RECORDS);

    net.turn(1, Vice::None);
    net.turn(3, Vice::AltersEnvelopes);
    let all = verify(&net, &group, ALL_COPIES).await;
    let altered = |name: &str| {
        all.records.branches.iter().find(|copies| copies.branch == name).unwrap().altered.len() as u64
    };
    assert_eq!([1, 2, 3, 4].map(|id| altered(&format!("Branch {id}"))), [0, 0, RECORDS, 0]);
    assert_eq!(verify(&net, &group, ANEW).await.verdict(), Verdict::Holds);

    net.turn(3, Vice::None);
    net.turn(1, Vice::Silent);
    let all = verify(&net, &group, ANEW).await;
    assert_eq!(all.verdict(), Verdict::NotWhole);
    assert_eq!(all.main.height, net.world.ledger(Chain::Main).height(), "the others have the chain");
    assert_eq!(all.main.unheard[0].branch, "Branch 1");
    assert_eq!((all.records.unchecked(), all.records.bad()), (RECORDS, 0));
    assert!(all.records.branches[0].why.as_ref().unwrap().contains("no answer"));
    let (progress, _) = unbounded_channel();
    let nobody = group.verify(&net.world.genesis, &from("Branch 1"), progress).await;
    assert!(matches!(nobody, Err(ClientError::AllSilent(_))), "{nobody:?}");
    let (progress, _) = unbounded_channel();
    let nobody = group.verify(&net.world.genesis, &from("North"), progress).await;
    assert!(matches!(nobody, Err(ClientError::NoSuchBranch { .. })), "{nobody:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_replaced_meanwhile_accuses_nobody_and_excuses_nothing_else() {
    let net = Net::start().await;
    let group = net.group();
    let patient = enrolled(&group).await;
    let added = keep_all(&group, (1..=5).map(|day| (patient, report(day))).collect()).await;
    let ids: Vec<RecordId> = added.into_iter().map(|added| added.unwrap().record).collect();
    let [replaced, replaced_and_lost, replaced_and_altered, made_up, lost] = ids[..] else { panic!() };

    let (told, asked) = oneshot::channel();
    let (go_on, wait) = oneshot::channel();
    let home = &net.servers[&1];
    *home.before_envelopes.lock().unwrap() = Some((told, wait));
    let meanwhile = async {
        asked.await.unwrap();
        let second = |(day, id): (usize, &RecordId)| NewRecord {
            patient,
            id: *id,
            version: 2,
            record: report(day + 10),
        };
        let (progress, _) = unbounded_channel();
        let records = ids[..3].iter().enumerate().map(second).collect();
        assert!(group.keep_all(records, progress).await.iter().all(Result::is_ok));
        let mut vault = home.vault.lock().unwrap();
        vault.remove(replaced_and_lost.bytes());
        vault.remove(lost.bytes());
        *vault.get_mut(replaced_and_altered.bytes()).unwrap().envelope.last_mut().unwrap() ^= 1;
        // As the second version of this record would look; nobody agreed on one.
        let second = vault[replaced.bytes()].envelope.clone();
        let envelope = &mut vault.get_mut(made_up.bytes()).unwrap().envelope;
        let object = envelope.windows(16).position(|bytes| bytes == made_up.bytes()).unwrap();
        *envelope = second;
        envelope[object..object + 16].copy_from_slice(made_up.bytes());
        assert_eq!(peek(envelope).unwrap().version, 2);
        drop(vault);
        go_on.send(()).unwrap();
    };
    let other = net.group();
    let (all, ()) = tokio::join!(verify(&net, &other, ANEW), meanwhile);
    let [copies] = all.records.branches.as_slice() else { panic!("{:#?}", all.records) };
    let named = |bad: &[BadCopy]| bad.iter().map(|bad| bad.record).collect::<BTreeSet<_>>();
    assert_eq!(named(&copies.altered), [replaced_and_altered, made_up].into(), "{copies:#?}");
    assert_eq!(named(&copies.lost), [lost].into(), "{copies:#?}");
    assert_eq!((copies.good, copies.unchecked), (0, 2), "{copies:#?}");
    assert!(copies.why.as_ref().unwrap().contains("has version 2 by now"), "{copies:#?}");
    assert_eq!(all.main.verdict(), Verdict::Holds);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_heads_are_told_and_so_is_what_this_terminal_saw_before() {
    let net = grown().await;
    net.turn(3, Vice::Forks);
    let all = verify(&net, &net.group(), ANEW).await;
    let [fault] = all.main.faults.as_slice() else { panic!("{:#?}", all.main) };
    assert_eq!(fault.branch.as_deref(), Some("Branch 3"));
    net.turn(3, Vice::ForksWithTwo);
    let all = verify(&net, &net.group(), ANEW).await;
    assert_eq!(all.main.height, net.world.ledger(Chain::Main).height());
    assert!(all.main.faults.iter().any(|fault| fault.branch.as_deref() == Some("Branch 3")), "{all:#?}");
    net.turn(3, Vice::None);

    // Everybody goes back behind what this terminal has verified.
    let group = net.group();
    group.refresh().await;
    assert!(verify(&net, &group, ANEW).await.main.agreeing.len() == 6);
    net.world.ledger(Chain::Main).blocks.pop();
    let all = verify(&net, &group, ANEW).await;
    assert_eq!(all.verdict(), Verdict::NotWhole, "{:#?}", all.main);
    assert!(all.main.unheard[0].why.contains("nobody proves more"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_role_may_not_is_said_and_not_checked() {
    let net = grown().await;
    let open = |branch: u16, role: Role| {
        let folder = net.folder.path().join(role.name());
        let session = net.world.session_as(BranchId(branch), Roles::of(&[role]));
        let world = &net.world;
        Group::open(world.settings(&folder), world.genesis.clone(), session, world.clock.clone()).unwrap()
    };
    let ward = verify(&net, &open(1, Role::Ward), ANEW).await;
    assert_eq!(ward.verdict(), Verdict::NotWhole);
    assert_eq!((ward.side.depth, ward.records.verdict()), (Some(Depth::Headers), Verdict::Holds));
    assert_eq!(ward.side.height, net.world.ledger(Chain::Side).height());
    assert!(ward.side.skipped.unwrap().contains("needs role auditor"));
    assert!(ward.side.transactions.is_empty());
    assert_eq!(net.asked(1, "side/blocks"), 0);

    let operator = verify(&net, &open(2, Role::Operator), ANEW).await;
    assert_eq!((operator.main.verdict(), operator.verdict()), (Verdict::Holds, Verdict::NotWhole));
    assert!(operator.records.skipped.unwrap().contains("needs role"));

    let researcher = verify(&net, &open(INSTITUTE, Role::Researcher), ANEW).await;
    assert_eq!((researcher.side.depth, researcher.verdict()), (None, Verdict::NotWhole));
    assert!(researcher.side.skipped.unwrap().contains("not on the side chain"));
    assert_eq!(researcher.main.verdict(), Verdict::Holds);

    let (progress, _) = unbounded_channel();
    let request = ExportRequest { chain: Chain::Side, from: 0, to: None, branch: None };
    let refused = open(1, Role::Ward).export(&net.world.genesis, &request, io::sink(), progress).await;
    assert!(matches!(refused, Err(ClientError::Refused(_))), "{refused:?}");
}

/// What was written, for whoever wrote it through the group.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn export(net: &Net, chain: Chain, from: u64, to: Option<u64>) -> Vec<u8> {
    let page = Page::default();
    let (progress, _) = unbounded_channel();
    let request = ExportRequest { chain, from, to, branch: None };
    net.group().export(&net.world.genesis, &request, page.clone(), progress).await.unwrap();
    page.0.lock().unwrap().clone()
}

fn check(net: &Net, bytes: &[u8]) -> Option<crate::ChainReport> {
    verify_archive(&net.world.genesis, &mut Cursor::new(bytes), &mut |_| {}).ok()
}

/// The lines with the last one made anew, as somebody would who forges a file.
fn summed(lines: &[String]) -> Vec<u8> {
    let body = lines[..lines.len() - 1].join("\n") + "\n";
    let blocks = lines.iter().filter(|line| line.starts_with("{\"height\"")).count();
    let end = format!("{{\"blocks\":{blocks},\"sha256\":\"{}\"}}\n", Digest::of(body.as_bytes()));
    (body + &end).into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_chain_verifies_offline_and_nothing_else_does() {
    let net = grown().await;
    for chain in Chain::ALL {
        let file = export(&net, chain, 0, None).await;
        let report = check(&net, &file).unwrap();
        assert_eq!((report.verdict(), report.depth), (Verdict::Holds, Some(Depth::Replay)), "{report:#?}");
        assert_eq!(report.height, net.world.ledger(chain).height());
        let of_this_one =
            |bytes: &[u8]| check(&net, bytes).is_none_or(|report| report.verdict() == Verdict::Wrong);
        for at in (0..file.len()).step_by(211) {
            let mut flipped = file.clone();
            flipped[at] ^= 1;
            assert!(of_this_one(&flipped), "byte {at}");
            assert!(of_this_one(&file[..at]), "cut at {at}");
        }
        assert!(of_this_one(&[&file[..], b"{}\n"].concat()), "more after the end");

        // Who can sum up the file anew still has neither the validators' signatures nor another state.
        let lines: Vec<String> = String::from_utf8(file).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(check(&net, &summed(&lines)).unwrap().verdict(), Verdict::Holds);
        let mut without = lines.clone();
        without.remove(4);
        let fault = check(&net, &summed(&without)).unwrap().faults.remove(0);
        assert!(fault.what.contains("stands in its place"), "{fault:?}");
        for (part, says) in
            [("body", "body is not the one"), ("certificate", "not certified"), ("header", "height")]
        {
            let mut altered = lines.clone();
            let key = format!("\"{part}\":\"");
            let at = altered[4].find(&key).unwrap() + key.len();
            let end = at + altered[4][at..].find('"').unwrap() - 2;
            let other = if altered[4].as_bytes()[end] == b'A' { "B" } else { "A" };
            altered[4].replace_range(end..=end, other);
            let report = check(&net, &summed(&altered)).unwrap();
            assert_eq!((report.verdict(), report.faults[0].height), (Verdict::Wrong, 3), "{part}");
            assert!(report.faults[0].what.contains(says), "{part}: {}", report.faults[0].what);
        }
        let cut: Vec<String> = lines[..lines.len() - 3].iter().chain([&String::new()]).cloned().collect();
        let fault = check(&net, &summed(&cut)).unwrap().faults.remove(0);
        assert!(fault.what.contains("goes up to"), "{fault:?}");
        let other = Net::start().await;
        assert!(check(&other, &summed(&lines)).is_none(), "of another network");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_exactly_the_lines_of_its_page() {
    let net = grown().await;
    let lines = |bytes: &[u8]| -> Vec<String> {
        String::from_utf8(bytes.to_vec()).unwrap().lines().map(str::to_owned).collect()
    };
    let is_block = |line: &&String| line.starts_with("{\"height\"");
    for to in [0, 1, 2, EPOCH - 1, EPOCH] {
        let file = export(&net, Chain::Main, 0, Some(to)).await;
        let blocks = lines(&file).iter().filter(is_block).count();
        assert_eq!(u64::try_from(blocks).unwrap(), to + 1, "each block has its own certificate");
        assert_eq!(check(&net, &file).unwrap().verdict(), Verdict::Holds, "{to}");
        if to == EPOCH - 1 {
            let mut cut = lines(&file);
            let handover = cut.remove(cut.len() - 2);
            assert!(handover.starts_with("{\"epoch\""), "{handover}");
            let fault = check(&net, &summed(&cut)).unwrap().faults.remove(0);
            assert_eq!(fault.height, to);
            assert!(fault.what.contains("handover to the next validators is missing"), "{fault:?}");
        }
    }

    let whole = lines(&export(&net, Chain::Main, 0, None).await);
    let newest = net.world.ledger(Chain::Main).height();
    let refused = |at: usize, old: &str, new: &str| {
        let mut changed = whole.clone();
        assert!(changed[at].contains(old), "{at}: {old}");
        changed[at] = changed[at].replacen(old, new, 1);
        check(&net, &summed(&changed)).map(|report| {
            assert_eq!(report.verdict(), Verdict::Wrong, "{old} for {new}");
            report.faults[0].what.clone()
        })
    };
    let to = format!("\"to\":{newest}");
    let more = refused(0, &to, "\"to\":2").unwrap();
    assert!(more.contains("blocks follow the one that proves block 2"), "{more}");
    assert_eq!(refused(0, &format!("\"from\":0,{to}"), "\"from\":3,\"to\":2"), None);
    for (at, old, new) in [
        (1, ",\"certificate\":null", ""),
        (1, ",\"certificate\":null", ",\"certificate\":null,\"certificate\":null"),
        (2, "\"height\":1", "\"height\":1,\"more\":1"),
        (2, "\"height\":1", "\"height\":1.0"),
    ] {
        let what = refused(at, old, new).unwrap();
        assert!(what.contains("a block's line cannot be read"), "{what}");
    }
    // The values in their order, without their names.
    let mut listed = whole.clone();
    for name in ["height", "header", "body", "certificate"] {
        listed[2] = listed[2].replace(&format!("\"{name}\":"), "");
    }
    listed[2] = listed[2].replace('{', "[").replace('}', "]");
    assert_eq!(check(&net, &summed(&listed)).unwrap().verdict(), Verdict::Wrong);
    // JSON's white space and escapes, and any order of the names, are allowed.
    let mut spaced = whole.clone();
    spaced[2] = spaced[2].replace("{\"height\":1,", " { \t\"heig\\u0068t\" : 1 ,") + "\r";
    spaced[0] = spaced[0]
        .replace("{\"wardline\":\"chain export\",", "{")
        .replace(&to, &format!("{to},\"wardline\":\"chain export\""));
    assert_ne!((&spaced[0], &spaced[2]), (&whole[0], &whole[2]));
    let mut file = spaced[..spaced.len() - 1].join("\n") + "\n";
    let sum = Digest::of(file.as_bytes());
    file += &format!("{{\"blocks\":{},\"sha256\":\"{sum}\"}}\n", newest + 1);
    let report = check(&net, file.as_bytes()).unwrap();
    assert_eq!(report.verdict(), Verdict::Holds, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_chain_is_proven_and_not_called_replayed() {
    let net = Net::start().await;
    net.world.certify_every.store(4, Ordering::Relaxed);
    let group = net.group();
    for _ in 0..9 {
        let enrol = group.inner.session.transaction(net.world.network, enrolment());
        net.world.accept(Chain::Side, enrol.encode()).unwrap();
    }
    // Block 6 has no certificate of its own; the next one, at the end of no epoch, is at 8.
    let file = export(&net, Chain::Side, 3, Some(6)).await;
    let report = check(&net, &file).unwrap();
    assert_eq!((report.verdict(), report.depth), (Verdict::NotWhole, Some(Depth::Bodies)), "{report:#?}");
    assert!(report.skipped.unwrap().contains("transactions: bodies begin at block 3"));
    assert_eq!((report.height, report.transactions), (6, [("enrol", 4)].into()), "up to the last body");
    let whole = check(&net, &export(&net, Chain::Side, 1, Some(6)).await).unwrap();
    assert_eq!((whole.verdict(), whole.depth, whole.height), (Verdict::Holds, Some(Depth::Replay), 6));

    // Lines without end that cost nothing, and wait for a certificate that never comes.
    let mut endless = file.split_inclusive(|byte| *byte == b'\n').take(2).collect::<Vec<_>>().concat();
    for height in 1..3 {
        let line = format!(r#"{{"height":{height},"header":"","body":null,"certificate":null}}"#);
        endless.extend([line.as_bytes(), b"\n"].concat());
    }
    let fault = check(&net, &endless).unwrap().faults.remove(0);
    assert_eq!(fault.height, 1);
    assert!(fault.what.contains("is malformed"), "{fault:?}");

    let (progress, _) = unbounded_channel();
    let request = ExportRequest { chain: Chain::Side, from: 0, to: Some(10), branch: None };
    let refused = group.export(&net.world.genesis, &request, io::sink(), progress).await;
    assert!(matches!(refused, Err(ClientError::NoSuchBlocks { newest: 9, .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_claims_too_much_keeps_nobody_from_an_export() {
    let net = grown().await;
    net.turn(2, Vice::Boasts);
    for chain in Chain::ALL {
        let report = check(&net, &export(&net, chain, 0, None).await).unwrap();
        assert_eq!((report.verdict(), report.height), (Verdict::Holds, net.world.ledger(chain).height()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_nobodys_patient_in_a_certified_block_is_found() {
    let net = grown().await;
    let group = net.group();
    let link = |seed: u8| {
        let (record, patient) = (RecordId::from_bytes([seed; 16]), PatientId::from_bytes([seed; 16]));
        let body = Body::Link(Link { record, patient, branch: BranchId(1) });
        group.inner.session.transaction(net.world.network, body).encode()
    };
    let transactions = vec![link(7)];
    let enrol = group.inner.session.transaction(net.world.network, enrolment()).encode();
    let root = wardline_ledger::transaction_root(&transactions);
    net.world.agree(Chain::Side, enrol, |header| header.transaction_root = root).unwrap();
    net.world.ledger(Chain::Side).blocks.last_mut().unwrap().body =
        wardline_ledger::encode_body(&transactions);
    let all = verify(&net, &group, ANEW).await;
    let [fault] = all.side.faults.as_slice() else { panic!("{:#?}", all.side) };
    assert_eq!(fault.branch, None);
    assert!(fault.what.starts_with("transaction `0`"), "{}", fault.what);
}
