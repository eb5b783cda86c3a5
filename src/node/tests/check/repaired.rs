//! Damaged files made anew from real peers: whole again, and the branch takes part again.

use super::{
    copy,
    damage::{DEEDS, LOSSES},
    lived, look, told,
};
use crate::{
    CheckVerdict, PeerHeaders, Peers, RepairError, RepairReport, repair,
    tests::{
        asker::{Running, now_s},
        release::{keep_record, query},
        world::{Session, lookup_id, patient_id, record_id},
    },
};
use serde_json::{Value, json};
use std::{fs, path::Path};
use tempfile::TempDir;
use tokio::{runtime::Handle, task::block_in_place};
use wardline_ledger::{BranchId, Chain, RecordId, StateProof};
use wardline_policy::{Purpose, RecordKind};
use wardline_store::{ChainStore, StoreError};
use wardline_wire::{Block, Envelopes, Headers};

/// Branches 2 to 4, asked over TLS by an auditor.
struct Others<'a> {
    running: &'a Running,
    auditor: Session,
    /// Peers that lie about every block and envelope.
    liars: usize,
}

impl<'a> Others<'a> {
    fn of(running: &'a Running) -> Self {
        Self { running, auditor: running.world.session("auditor 1", now_s()), liars: 0 }
    }

    fn get(&self, peer: usize, target: &str) -> Result<Value, String> {
        let asked = self.running.get(peer as u16 + 2, &self.auditor, target);
        let (status, answer) = block_in_place(|| Handle::current().block_on(asked));
        if status == 200 { Ok(answer) } else { Err(answer.to_string()) }
    }
}

impl Peers for Others<'_> {
    fn names(&self) -> Vec<String> {
        ["Branch 2", "Branch 3", "Branch 4"].map(str::to_owned).to_vec()
    }

    fn headers(&mut self, peer: usize, chain: Chain, from: u64) -> Result<PeerHeaders, String> {
        let page: Headers =
            serde_json::from_value(self.get(peer, &format!("/v1/{chain}/headers?from={from}&limit=512"))?)
                .unwrap();
        let mut headers: Vec<_> = page
            .headers
            .into_iter()
            .map(|one| (one.header.0, one.certificate.map(|bytes| bytes.0)))
            .collect();
        if peer < self.liars
            && let Some((header, _)) = headers.first_mut()
        {
            header[100] ^= 1;
        }
        let set = |one: wardline_wire::Handover| {
            (one.epoch, (one.set.0, StateProof::from_bytes(&one.proof.0).unwrap()))
        };
        Ok(PeerHeaders { headers, handovers: page.handovers.into_iter().map(set).collect() })
    }

    fn body(&mut self, peer: usize, chain: Chain, height: u64) -> Result<Vec<u8>, String> {
        let block: Block =
            serde_json::from_value(self.get(peer, &format!("/v1/{chain}/blocks/{height}"))?).unwrap();
        let mut body = block.body.0;
        if peer < self.liars {
            body.push(0);
        }
        Ok(body)
    }

    fn envelope(&mut self, peer: usize, record: RecordId) -> Result<Option<Vec<u8>>, String> {
        let body = json!({ "records": [record.to_string()] });
        let asked = self.running.post(peer as u16 + 2, &self.auditor, "/v1/records/envelopes", body);
        let (status, answer) = block_in_place(|| Handle::current().block_on(asked));
        if status != 200 {
            return Err(answer.to_string());
        }
        let given: Envelopes = serde_json::from_value(answer).unwrap();
        let mut envelope = given.envelopes.into_iter().next().flatten().map(|bytes| bytes.0);
        if let Some(bytes) = envelope.as_mut().filter(|_| peer < self.liars) {
            bytes[0] ^= 1;
        }
        Ok(envelope)
    }
}

fn repaired(directory: &Path, peers: &mut Others<'_>) -> Result<RepairReport, RepairError> {
    let genesis = peers.running.world.genesis.clone();
    repair(&genesis, directory, BranchId(1), peers, "20260102-030405", &mut |_| {})
}

/// Repairs by honest peers; what the files are then.
pub(super) fn mend(running: &Running, directory: &Path) -> crate::CheckReport {
    let report = repaired(directory, &mut Others::of(running)).unwrap();
    report.after.unwrap_or(report.before)
}

fn after(report: &RepairReport) -> CheckVerdict {
    report.after.as_ref().map_or(report.before.verdict(), crate::CheckReport::verdict)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_damage_is_repaired_from_peers() {
    let mut running = lived().await;
    running.stop_branch(1).await;
    let home = TempDir::new().unwrap();
    let whole = running.directory(1);
    let mut others = Others::of(&running);
    for (number, (name, file, _, deed)) in DEEDS.iter().enumerate() {
        let directory = copy(&whole, &home.path().join(number.to_string()));
        deed(&directory);
        let damaged = fs::read(directory.join(file)).ok();
        others.liars = number % 2;
        let report = repaired(&directory, &mut others).unwrap_or_else(|error| panic!("{name}: {error}"));
        let told = report.after.as_ref().map(told).unwrap_or_default();
        assert_eq!(after(&report), CheckVerdict::Whole, "{name}: {told}");
        assert_eq!(report.lost, Vec::<String>::new(), "{name}");
        // What was there is kept, byte for byte.
        let aside = fs::read(directory.join(format!("{file}.damaged-20260102-030405"))).ok();
        assert_eq!(aside, damaged, "{name}");
        assert!(!directory.join("repair.new").exists() && !directory.join("repair.swap").exists());
        let again = repaired(&directory, &mut others).unwrap();
        assert!(again.after.is_none(), "{name}: nothing is left to do");
    }
    for (number, (name, _, word, deed)) in LOSSES.iter().enumerate() {
        let directory = copy(&whole, &home.path().join(format!("loss {number}")));
        deed(&directory);
        let report = repaired(&directory, &mut others).unwrap();
        let told = report.after.as_ref().map(told).unwrap_or_default();
        assert_ne!(after(&report), CheckVerdict::Wrong, "{name}: {told}");
        let word = word.replace("leaf", "its leaf is kept");
        assert!(report.lost.iter().any(|line| line.contains(&word)), "{name}: {:?}", report.lost);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repaired_branch_starts_and_takes_part() {
    let mut running = lived().await;
    let deed = |name: &str| DEEDS.iter().find(|(one, ..)| *one == name).unwrap().3;
    let rounds: [&[&str]; 3] = [
        &["relinked rewrite", "a zeroed page", "a hand-edited envelope"],
        &["a missing file", "swapped pages"],
        &["a truncated file", "a deleted envelope", "a duplicated tail"],
    ];
    let [ward, doctor] = ["ward 1", "ward 2"].map(|name| running.world.session(name, now_s()));
    for (round, deeds) in rounds.iter().enumerate() {
        running.stop_branch(1).await;
        let directory = running.directory(1);
        deeds.iter().for_each(|name| deed(name)(&directory));
        let report = repaired(&directory, &mut Others::of(&running)).unwrap();
        let told = report.after.as_ref().map(told).unwrap_or_default();
        assert_eq!(after(&report), CheckVerdict::Whole, "{deeds:?}: {told}");
        running.start_branch(1).await;
        // One of the four stands still: what becomes final now has this branch's vote.
        running.stop_branch(4).await;
        let record = record_id(&format!("after {round}"));
        keep_record(&running, &ward, record, &[1, 2, 3]).await;
        let link = running.world.link(&ward, record, patient_id("mei"), 1);
        running.make_final(1, &ward, "side", &link).await;
        let storage = running.world.storage(&ward, record, 1, RecordKind::Visit, &[1, 2]);
        running.make_final(1, &ward, "main", &storage).await;
        let lookup = format!("advice {round}");
        let asked = running.world.lookup(&doctor, lookup_id(&lookup), patient_id("mei"), Purpose::Treatment);
        running.make_final(1, &doctor, "side", &asked).await;
        let names = ["visit", "allergy", &format!("after {round}")];
        let (status, answer) =
            running.post(1, &doctor, "/v1/records/keys", query(&lookup, "mei", &names)).await;
        assert_eq!(status, 200, "{answer}");
        for release in answer["releases"].as_array().unwrap() {
            assert_eq!(release["outcome"], "released", "round {round}: {answer}");
        }
        running.start_branch(4).await;
    }
    running.stop_branch(1).await;
    let home = TempDir::new().unwrap();
    let report = look(&running.world, &running.directory(1), home.path());
    assert_eq!(report.verdict(), CheckVerdict::Whole, "{}", told(&report));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_that_cannot_be_done_or_is_interrupted_leaves_the_old_files() {
    let mut running = lived().await;
    running.stop_branch(1).await;
    let home = TempDir::new().unwrap();
    let directory = copy(&running.directory(1), &home.path().join("one"));
    (DEEDS.iter().find(|(name, ..)| *name == "a changed body").unwrap().3)(&directory);
    let before = super::bytes_of(&directory);
    let mut others = Others::of(&running);
    others.liars = 3;
    let refused = repaired(&directory, &mut others).unwrap_err();
    assert!(matches!(refused, RepairError::Short { chain: Chain::Main, .. }), "{refused}");
    assert!(refused.to_string().contains("Branch 2"), "{refused}");
    assert_eq!(super::bytes_of(&directory), before);

    // Interrupted between two renames: no node starts on it, no check speaks for it, and the next run ends it.
    let held = copy(&directory, &home.path().join("two"));
    let new = held.join("repair.new");
    fs::create_dir(&new).unwrap();
    fs::copy(running.directory(1).join("main.sqlite"), new.join("main.sqlite")).unwrap();
    fs::write(held.join("repair.swap"), "stamp\nrepair.new\nmain.sqlite").unwrap();
    let scratch = home.path();
    let refused = crate::check(&running.world.genesis, &held, None, scratch, &mut |_| {}).unwrap_err();
    assert!(refused.to_string().contains("again"), "{refused}");
    others.liars = 0;
    // A restored directory has no lock files; no node may start on it meanwhile all the same.
    for name in ["main", "side", "vault"] {
        let _ = fs::remove_file(held.join(format!("{name}.sqlite.lock")));
    }
    let mut asked = 0;
    let mut meanwhile = |_| {
        let opened = ChainStore::open(held.join("side.sqlite"));
        assert!(matches!(opened, Err(StoreError::Locked { .. })), "a node could start");
        asked += 1;
    };
    let report =
        repair(&running.world.genesis, &held, BranchId(1), &mut others, "later", &mut meanwhile).unwrap();
    assert!(asked > 0);
    assert_eq!(report.before.verdict(), CheckVerdict::Whole, "{}", told(&report.before));
    assert!(held.join("main.sqlite.damaged-stamp").exists());
    running.stop().await;
}
