//! Branches that lie: the alarm, its evidence, what is not written any more, and what ends it.

use super::{
    chains::grow,
    patients::prepared,
    records::{allergy, keep_all},
    server::Net,
    vice::Vice,
    world::{EPOCH, World},
};
use crate::{
    Alarm, AlarmKind, ClientError, Group, ToProve,
    alarm::{Certified, Finding},
    branch::Target,
    check_evidence, headline,
};
use std::{fs, path::PathBuf, sync::atomic::Ordering};
use wardline_crypto::Digest;
use wardline_ledger::{
    BranchId, Canonical, Chain, Header, LookupId, SignedTip,
    evidence::{Claim, Fault, Kind, NotEvidence, Proven, Verdict},
};
use wardline_policy::{Purpose, Role, Roles};
use wardline_wire::{Headers, RouteId};

/// What the evidence of an alarm proves to somebody who has the network's digest alone.
fn proven(net: &Net, alarm: &Alarm) -> Proven {
    let file = fs::read(alarm.evidence.as_ref().unwrap()).unwrap();
    match check_evidence(&file, &net.world.network) {
        Verdict::Holds(proven) => *proven,
        other => panic!("{other:?}"),
    }
}

fn only(group: &Group) -> Alarm {
    let alarms = group.alarms();
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    alarms.into_iter().next().unwrap()
}

fn block(world: &World, chain: Chain, height: usize) -> Certified {
    let ledger = world.ledger(chain);
    let block = &ledger.blocks[height];
    Certified { headers: vec![block.bytes.clone()], certificate: block.certificate.clone().unwrap() }
}

fn tip(world: &World, branch: u16, height: u64, digest: Digest, time_s: u64) -> SignedTip {
    let key = &world.keys[&branch].signing;
    SignedTip::sign(key, world.network, Chain::Side, BranchId(branch), height, digest, time_s)
}

fn contradiction(net: &Net, branch: u16, time_s: u64) -> Finding {
    let tip = tip(&net.world, branch, 1, Digest::of(b"another block"), time_s);
    Finding::Contradiction { chain: Chain::Side, block: block(&net.world, Chain::Side, 1), tip }
}

fn now(net: &Net) -> u64 {
    net.world.clock.0.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread")]
async fn altered_missing_and_omitted_things_leave_evidence_and_stop_writing_there() {
    for (vice, branch, kind) in [
        (Vice::AltersEnvelopes, 1, AlarmKind::Altered),
        (Vice::LosesEnvelopes, 1, AlarmKind::Missing),
        (Vice::OmitsLink, 2, AlarmKind::Omission),
    ] {
        let net = Net::start().await;
        let (group, patient, lookup) = prepared(&net, 2).await;
        net.turn(branch, vice);
        let history = group.history(patient, &lookup).await.unwrap();
        assert_eq!(history.rows.len(), 2, "{vice:?}: reading goes on");
        let alarms = group.alarms();
        let about: Vec<_> = alarms.iter().map(|alarm| (alarm.kind, alarm.branch)).collect();
        let count = if kind == AlarmKind::Omission { 1 } else { 2 };
        assert_eq!(about, vec![(kind, Some(branch)); count], "{alarms:?}");
        for alarm in &alarms {
            assert_eq!(alarm.branch_name.as_deref(), Some(format!("Branch {branch}").as_str()));
            let proven = proven(&net, alarm);
            assert_eq!(proven.claim.kind().name(), alarm.kind.name());
            assert_eq!(proven.claim.branches(), [BranchId(branch)]);
            assert_eq!(headline(&proven), alarm.what);
            let seen = proven.seen.unwrap();
            assert_eq!((seen.staff, seen.at_s), (group.session().staff().staff, now(&net)));
            let record = match proven.claim {
                Claim::Altered { record, .. } | Claim::Missing { record, .. } => Some(record),
                _ => None,
            };
            assert_eq!(record, alarm.record);
        }
        // Seen again and after a restart it is the same alarm.
        group.history(patient, &lookup).await.unwrap();
        assert_eq!(group.alarms(), alarms);
        let again = net.group();
        assert_eq!(again.alarms().len(), alarms.len());
        assert!(again.alarms().iter().all(|alarm| alarms.contains(alarm)));
        // What is new goes to the others alone; a home branch with an alarm takes nothing.
        net.turn(branch, Vice::None);
        let asked = net.asked(branch, "/v1/records/");
        let added = keep_all(&again, vec![(patient, allergy(20))]).await.pop().unwrap();
        match branch {
            1 => {
                let said = added.unwrap_err().to_string();
                assert!(alarms.iter().any(|alarm| said.contains(&alarm.id)), "{said}");
            }
            _ => {
                let added = added.unwrap();
                assert!(!added.receipts.contains(&branch), "{added:?}");
                assert_eq!(net.asked(branch, "/v1/records/"), asked, "nothing was sent there");
            }
        }
        again.look_up(patient, Purpose::Treatment, "going on").await.unwrap();
    }
}

/// Of a page of many records, the evidence is about the one alone: which others are the same patient's is not told.
#[tokio::test(flavor = "multi_thread")]
async fn evidence_of_one_record_names_no_other() {
    let net = Net::start().await;
    let (group, patient, lookup) = prepared(&net, 3).await;
    net.turn(1, Vice::AltersEnvelopes);
    group.history(patient, &lookup).await.unwrap();
    let alarms = group.alarms();
    assert_eq!(alarms.len(), 3);
    for alarm in &alarms {
        let file = fs::read(alarm.evidence.as_ref().unwrap()).unwrap();
        let evidence = wardline_wire::evidence::read(&file).unwrap();
        let asked = evidence.parts.iter().find_map(|part| match part {
            wardline_ledger::evidence::Part::Answer(answered) => Some(answered.asked.clone()),
            _ => None,
        });
        let asked = String::from_utf8(asked.unwrap()).unwrap();
        assert_eq!(asked, format!("{{\"records\":[\"{}\"]}}", alarm.record.unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_stops_all_writing_until_it_is_closed() {
    let net = Net::start().await;
    let (group, patient, lookup) = prepared(&net, 1).await;
    let ours = block(&net.world, Chain::Main, 1);
    let header = super::world::forged(&Header::decode(&ours.headers[0]).unwrap());
    let certificate = net.world.certify(Chain::Main, &header, 4);
    let theirs = Certified { headers: vec![header.encode()], certificate };
    let fork = || Finding::Fork { chain: Chain::Main, ours: ours.clone(), theirs: theirs.clone(), from: 3 };
    group.inner.raise(fork()).await;
    let alarm = only(&group);
    assert_eq!((alarm.kind, alarm.branch, alarm.height), (AlarmKind::Fork, None, Some(1)));
    assert_eq!(proven(&net, &alarm).claim.branches().len(), 3);
    let errors = [
        keep_all(&group, vec![(patient, allergy(9))]).await.pop().unwrap().unwrap_err(),
        group.enrol(&super::records::identity("Newman")).await.unwrap_err(),
        group.look_up(patient, Purpose::Treatment, "ward round").await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(&error, ClientError::Alarm { id, .. } if *id == alarm.id), "{error}");
        assert!(error.to_string().contains("FORK"), "{error}");
    }
    assert_eq!(group.history(patient, &lookup).await.unwrap().rows.len(), 1, "reading goes on");
    group.close_alarm(&alarm.id, "one engine directory was restored").await.unwrap();
    group.look_up(patient, Purpose::Treatment, "ward round").await.unwrap();
    // The same fork is no news.
    group.inner.raise(fork()).await;
    assert!(only(&group).closed.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn contradictions_rollbacks_and_forgeries_are_alarms_about_their_branch() {
    let net = Net::start().await;
    let (group, _, _) = prepared(&net, 1).await;
    group.inner.raise(contradiction(&net, 2, now(&net))).await;
    group.inner.raise(contradiction(&net, 2, now(&net))).await;
    let digest = Digest::of(b"some block");
    let (earlier, later) = (tip(&net.world, 3, 9, digest, 50), tip(&net.world, 3, 8, digest, 51));
    group.inner.raise(Finding::Rollback { chain: Chain::Side, earlier: earlier.clone(), later }).await;
    // The branch at fault is the one whose answer it is, in whatever epoch.
    grow(&net, &group, 2 * EPOCH);
    group.refresh().await;
    net.turn(4, Vice::AltersCertificates);
    let target = Target::of(RouteId::SideHeaders).query(&[("from", EPOCH + 1), ("limit", 3)]);
    let given = group.inner.branch(4).unwrap().get_kept::<Headers>(target).await.unwrap();
    group.inner.raise(Finding::Forged { chain: Chain::Side, proof: given.proof }).await;
    let mut alarms = group.alarms();
    alarms.sort_by_key(|alarm| alarm.branch);
    let kinds: Vec<_> = alarms.iter().map(|alarm| (alarm.kind, alarm.branch)).collect();
    let expected =
        [(AlarmKind::Contradiction, Some(2)), (AlarmKind::Rollback, Some(3)), (AlarmKind::Forged, Some(4))];
    assert_eq!(kinds, expected);
    for alarm in &alarms {
        proven(&net, alarm);
    }
    for branch in [2, 3, 4] {
        assert!(group.inner.may_write(branch).is_err());
    }
    group.inner.may_write(1).unwrap();
    // What is no lie is no alarm: a branch that goes on is not rolled back, nor is what holds forged.
    let later = tip(&net.world, 1, 9, digest, 51);
    let earlier = tip(&net.world, 1, 8, digest, 50);
    group.inner.raise(Finding::Rollback { chain: Chain::Side, earlier, later }).await;
    let target = Target::of(RouteId::SideHeaders).query(&[("from", 1), ("limit", 3)]);
    let given = group.inner.branch(1).unwrap().get_kept::<Headers>(target).await.unwrap();
    group.inner.raise(Finding::Forged { chain: Chain::Side, proof: given.proof }).await;
    assert_eq!(group.alarms().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_takes_a_role_and_a_reason_and_is_kept() {
    let net = Net::start().await;
    let (group, _, _) = prepared(&net, 1).await;
    group.inner.raise(contradiction(&net, 2, now(&net))).await;
    let alarm = only(&group);
    for reason in ["", "ok", " a ", "two\nlines", &"x".repeat(201)] {
        assert!(
            matches!(group.close_alarm(&alarm.id, reason).await, Err(ClientError::Refused(_))),
            "{reason}"
        );
    }
    assert!(group.close_alarm("0123456789abcdef", "no such alarm").await.is_err());
    let open = |roles: &[Role]| {
        let session = net.world.session_of(Roles::of(roles));
        let settings = net.world.settings(net.folder.path());
        Group::open(settings, net.world.genesis.clone(), session, net.world.clock.clone()).unwrap()
    };
    for roles in [&[Role::Ward, Role::Registrar][..], &[Role::Crew], &[Role::Researcher], &[Role::Patient]] {
        let error = open(roles).close_alarm(&alarm.id, "looked into it").await.unwrap_err();
        assert!(error.to_string().contains("supervisor, operator or auditor"), "{error}");
    }
    for role in [Role::Operator, Role::Supervisor, Role::Auditor] {
        let net = Net::start().await;
        let (group, _, _) = prepared(&net, 1).await;
        group.inner.raise(contradiction(&net, 2, now(&net))).await;
        let session = net.world.session_of(Roles::of(&[role]));
        let settings = net.world.settings(net.folder.path());
        let by = Group::open(settings, net.world.genesis.clone(), session, net.world.clock.clone()).unwrap();
        by.close_alarm(&only(&by).id, "its disk was changed").await.unwrap();
    }
    group.close_alarm(&alarm.id, " its disk was changed ").await.unwrap();
    assert!(group.close_alarm(&alarm.id, "once more").await.is_err(), "it is closed");
    group.inner.may_write(2).unwrap();
    let closed = only(&net.group()).closed.unwrap();
    assert_eq!((closed.reason.as_str(), closed.at_s), ("its disk was changed", now(&net)));
    assert!(closed.by.contains("Nurse") && closed.by.contains(&group.session().staff().staff.to_string()));
    net.group().inner.may_write(2).unwrap();
    // What was signed before is no news; what is signed later is.
    group.inner.raise(contradiction(&net, 2, now(&net))).await;
    assert_eq!(group.alarms().len(), 1);
    net.world.clock.0.fetch_add(5, Ordering::Relaxed);
    group.inner.raise(contradiction(&net, 2, now(&net))).await;
    let alarms = group.alarms();
    assert_eq!(alarms.len(), 2);
    assert!(alarms[0].closed.is_none() && alarms[1].closed.is_some(), "open ones come first");
}

/// A time is the liar's own: what was signed counts, whatever time it names.
#[tokio::test(flavor = "multi_thread")]
async fn a_back_dated_lie_is_new_and_one_shown_before_is_not() {
    let net = Net::start().await;
    let (group, _, _) = prepared(&net, 1).await;
    group.inner.raise(contradiction(&net, 2, now(&net))).await;
    group.close_alarm(&only(&group).id, "looked into it").await.unwrap();
    for group in [&group, &net.group()] {
        group.inner.raise(contradiction(&net, 2, now(&net))).await;
        assert!(only(group).closed.is_some(), "the same word again");
    }
    group.inner.raise(contradiction(&net, 2, now(&net) - 1000)).await;
    assert_eq!(group.alarms().len(), 2);
    assert!(group.inner.may_write(2).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_convicts_by_itself_stops_writing_before_its_evidence_is_made() {
    let net = Net::start().await;
    let (group, _, _) = prepared(&net, 1).await;
    let mut raising = Box::pin(group.inner.raise(contradiction(&net, 2, now(&net))));
    let at_work = futures::poll!(&mut raising).is_pending();
    assert!(group.inner.may_write(2).is_err());
    let first = only(&group);
    if at_work {
        assert!(first.what.contains("being made"), "{}", first.what);
        let error = group.close_alarm(&first.id, "too early").await.unwrap_err();
        assert!(error.to_string().contains("being made"), "{error}");
        raising.await;
    }
    let alarm = only(&group);
    assert_eq!(alarm.id, first.id);
    proven(&net, &alarm);
    // What shows nothing stops nothing afterwards.
    let (earlier, later) = (tip(&net.world, 3, 8, Digest::ZERO, 50), tip(&net.world, 3, 9, Digest::ZERO, 51));
    group.inner.raise(Finding::Rollback { chain: Chain::Side, earlier, later }).await;
    group.inner.may_write(3).unwrap();
}

/// The answer of a branch with a changed body that it signed.
async fn signed_again(net: &Net, group: &Group, branch: u16, body: &[u8]) -> Finding {
    let target = Target::of(RouteId::SideHeaders).query(&[("from", 1), ("limit", 1)]);
    let given = group.inner.branch(branch).unwrap().get_kept::<Headers>(target).await.unwrap();
    let mut proof = (*given.proof).clone();
    let answer = wardline_ledger::Answer { body: Digest::of(body), ..proof.answer.answer };
    proof.answer = wardline_ledger::SignedAnswer::sign(&net.world.keys[&branch].signing, answer);
    proof.body = body.to_vec();
    Finding::Forged { chain: Chain::Side, proof: proof.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_reader_of_evidence_can_read_is_an_alarm_without_proof() {
    let net = Net::start().await;
    let (group, _, _) = prepared(&net, 1).await;
    let finding = signed_again(&net, &group, 3, br#"[[["AA","AA"]]]"#).await;
    group.inner.raise(finding).await;
    let alarm = only(&group);
    assert_eq!((alarm.kind, alarm.branch, alarm.evidence.clone()), (AlarmKind::Forged, Some(3), None));
    assert!(group.inner.may_write(3).is_err());
}

/// Others that are slow are no reason to accuse a branch; nor do they save it.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shown_yet_waits_and_is_shown_later() {
    let net = Net::start().await;
    let (group, patient, lookup) = prepared(&net, 1).await;
    let record = group.history(patient, &lookup).await.unwrap().rows[0].record;
    net.turn(1, Vice::LosesEnvelopes);
    let query = wardline_wire::EnvelopesQuery { records: vec![record] };
    let home = group.inner.branch(1).unwrap();
    let given: crate::answer::Given<wardline_wire::Envelopes> =
        home.ask_kept(Target::of(RouteId::Envelopes), &query).await.unwrap();
    group.branches().iter().for_each(|branch| net.turn(branch.id, Vice::Silent));
    group.inner.raise(Finding::Missing { record, proof: given.proof }).await;
    assert_eq!(group.alarms(), []);
    group.inner.may_write(1).unwrap();
    group.branches().iter().for_each(|branch| net.turn(branch.id, Vice::None));
    until_alarm(&group).await;
    proven(&net, &only(&group));
}

async fn until_alarm(group: &Group) {
    let there = async {
        while group.alarms().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), there).await.unwrap();
}

/// Whoever leaves the page meanwhile saves nobody; whoever ends the session ends it.
#[tokio::test(flavor = "multi_thread")]
async fn a_finding_outlives_its_question_and_not_the_session() {
    let net = Net::start().await;
    let (group, _, _) = prepared(&net, 1).await;
    let found = |finding| {
        let tally = crate::tally::Tally::of(&group.inner, &[], std::time::Instant::now());
        tally.found(finding);
    };
    found(contradiction(&net, 2, now(&net)));
    until_alarm(&group).await;
    group.forget_people();
    let raising = group.inner.raise_soon(contradiction(&net, 3, now(&net)));
    assert!(raising.await.is_err(), "it is not begun");
    assert_eq!(group.alarms().len(), 1);
}

/// Whatever a branch can answer can be shown to others.
#[test]
fn the_largest_answer_fits_into_evidence() {
    let in_base64 = |bytes: usize| bytes.div_ceil(3) * 4;
    let rest = 2 * 1024 * 1024;
    assert!(in_base64(wardline_crypto::MAX_ENVELOPE) + 64 * 1024 <= crate::branch::REPLY_MAX);
    assert!(in_base64(crate::branch::REPLY_MAX) + rest <= wardline_ledger::evidence::MAX_EVIDENCE);
}

fn evidence_of(group: &Group) -> PathBuf {
    only(group).evidence.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_evidence_is_told_and_still_stops_writing() {
    let net = Net::start().await;
    let (group, _, _) = prepared(&net, 1).await;
    group.inner.raise(contradiction(&net, 2, now(&net))).await;
    let path = evidence_of(&group);
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    fs::write(&path, &bad).unwrap();
    let again = net.group();
    let alarm = only(&again);
    assert_eq!((alarm.kind, alarm.branch), (AlarmKind::Contradiction, Some(2)));
    assert!(alarm.what.contains("damaged"), "{}", alarm.what);
    assert!(again.inner.may_write(2).is_err());
    // A file whose name says nothing is an alarm too.
    fs::write(path.with_file_name("letter.evidence"), b"hello\n").unwrap();
    let kinds: Vec<AlarmKind> = net.group().alarms().iter().map(|alarm| alarm.kind).collect();
    assert!(kinds.contains(&AlarmKind::Damaged), "{kinds:?}");
    fs::remove_file(path.with_file_name("letter.evidence")).unwrap();
    // A damaged closing closes nothing.
    fs::write(&path, &good).unwrap();
    let mut closing = path.clone().into_os_string();
    closing.push(".closed");
    fs::write(&closing, b"{").unwrap();
    let again = net.group();
    assert!(only(&again).closed.is_none());
    assert!(again.inner.may_write(2).is_err());
}

/// A folder that cannot be written: the alarm is there all the same, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_needs_no_disk() {
    let net = Net::start().await;
    let (group, _, _) = prepared(&net, 1).await;
    fs::write(net.folder.path().join("evidence"), b"a file where the folder should be").unwrap();
    group.inner.raise(contradiction(&net, 2, now(&net))).await;
    let alarm = only(&group);
    assert!(alarm.evidence.is_none() && alarm.what.contains("could not be written"), "{}", alarm.what);
    assert!(group.inner.may_write(2).is_err());
    group.close_alarm(&alarm.id, "in memory alone").await.unwrap();
    group.inner.may_write(2).unwrap();
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn evidence_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let net = Net::start().await;
    let (group, _, _) = prepared(&net, 1).await;
    group.inner.raise(contradiction(&net, 2, now(&net))).await;
    let path = evidence_of(&group);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let bytes = fs::read(&path).unwrap();
    assert!(crate::write_evidence(&path, b"other").is_err(), "nothing is replaced");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte_anywhere_is_refused() {
    let net = Net::start().await;
    let (group, patient, lookup) = prepared(&net, 1).await;
    net.turn(1, Vice::LosesEnvelopes);
    group.history(patient, &lookup).await.unwrap();
    let missing = fs::read(evidence_of(&group)).unwrap();
    let record = only(&group).record.unwrap();
    let inclusion = group.evidence(ToProve::Record(record)).await.unwrap().file;
    for file in [missing, inclusion] {
        // Every byte of the first and last line, and a share of those between, each with two bits.
        let last = file.len() - 700;
        for place in (0..file.len()).filter(|place| *place < 300 || *place > last || place % 17 == 0) {
            for bit in [0x01, 0x20] {
                let mut changed = file.clone();
                changed[place] ^= bit;
                let verdict = check_evidence(&changed, &net.world.network);
                assert!(matches!(verdict, Verdict::NotEvidence(_)), "byte {place}: {verdict:?}");
            }
        }
        for end in (0..file.len()).step_by(13).chain([file.len() - 1]) {
            let verdict = check_evidence(&file[..end], &net.world.network);
            assert!(matches!(verdict, Verdict::NotEvidence(_)), "cut at {end}: {verdict:?}");
        }
        let mut longer = file.clone();
        longer.push(b'\n');
        let verdict = check_evidence(&longer, &net.world.network);
        assert!(matches!(verdict, Verdict::NotEvidence(NotEvidence::Form(Fault::AfterEnd(_)))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_transactions_and_lookups_are_proven_to_strangers() {
    let net = Net::start().await;
    let (group, patient, lookup) = prepared(&net, 3).await;
    net.world.certify_every.store(2, Ordering::Relaxed);
    grow(&net, &group, 2 * EPOCH);
    group.refresh().await;
    let record = group.history(patient, &lookup).await.unwrap().rows[0].record;
    let made = group.evidence(ToProve::Record(record)).await.unwrap();
    assert_eq!(made.proven.claim.kind(), Kind::Inclusion);
    assert_eq!(made.proven.seen, None, "nobody needs to be believed");
    let verdict = check_evidence(&made.file, &net.world.network);
    assert_eq!(verdict, Verdict::Holds(Box::new(made.proven.clone())));
    let Claim::Inclusion { transaction: id, .. } = made.proven.claim else { panic!() };
    let same = group.evidence(ToProve::Transaction { chain: Chain::Main, id }).await.unwrap();
    assert_eq!(same.file, made.file);
    let none = ToProve::Transaction { chain: Chain::Main, id: Digest::of(b"none") };
    assert!(group.evidence(none).await.is_err());

    // A block without a certificate of its own is proven by the one after it.
    let bare = {
        let ledger = net.world.ledger(Chain::Side);
        let bare = ledger.blocks.iter().skip(1).find(|block| block.certificate.is_none()).unwrap();
        Digest::of(&wardline_ledger::decode_body(&bare.body).unwrap()[0])
    };
    let made = group.evidence(ToProve::Transaction { chain: Chain::Side, id: bare }).await.unwrap();
    let evidence = wardline_wire::evidence::read(&made.file).unwrap();
    let wardline_ledger::evidence::Part::Block(block) = &evidence.parts[0] else { panic!() };
    assert_eq!(block.headers.len(), 2);

    // Whoever looked up has the bytes; of others' lookups an auditor alone gets them.
    let to_prove = ToProve::Lookup { id: lookup.id, height: lookup.height };
    let own = group.evidence(to_prove).await.unwrap();
    let again = net.group().evidence(to_prove).await.unwrap();
    assert_eq!(own.file, again.file, "an auditor finds it in its block");
    // The first one to answer does not decide: others have the true way.
    net.turn(1, Vice::MisplacesTransactions);
    assert_eq!(group.evidence(to_prove).await.unwrap().file, own.file);
    net.turn(1, Vice::None);
    let session = net.world.session_of(Roles::of(&[Role::Ward]));
    let settings = net.world.settings(net.folder.path());
    let nurse = Group::open(settings, net.world.genesis.clone(), session, net.world.clock.clone()).unwrap();
    let error = nurse.evidence(to_prove).await.unwrap_err();
    assert!(matches!(&error, ClientError::Refused(why) if why.contains("auditor")), "{error}");
    let unknown = ToProve::Lookup { id: LookupId::from_bytes([9; 16]), height: lookup.height };
    assert!(matches!(group.evidence(unknown).await, Err(ClientError::NoEvidence(_))));
}
