//! A patient's data from the front desk to another branch's doctor, and everything that must not come out on the way.

use super::{
    asker::{Ask, Running, now_s},
    world::{Session, World, lookup_id, patient_id, record_id},
};
use serde_json::{Value, json};
use std::{
    io,
    sync::{Arc, Mutex},
};
use wardline_crypto::{
    Content, DataKey, Digest, Domain, Held, OsEntropy, ReleaseContext, Signature, Stanza, Suite, WrapContext,
    accept, combine, merkle, open, wrap_shares, wrap_whole,
};
use wardline_ledger::{
    AccessEntry, BranchId, Canonical, Custody, Header, Key, PatientEntry, Receipt, RecordId, StateProof,
};
use wardline_policy::{Purpose, RecordKind};
use wardline_wire::{AuditEntry, AuditOutcome, Base64};

const TERM: &str = "name:meihua";

pub(super) fn b64(bytes: &[u8]) -> String {
    Base64(bytes.to_vec()).to_string()
}

pub(super) fn bytes(value: &Value) -> Vec<u8> {
    value.as_str().unwrap().parse::<Base64>().unwrap().0
}

pub(super) fn whole(world: &World, branch: u16, envelope: &[u8], object: [u8; 16], key: &DataKey) -> Stanza {
    let to = world.secrets(branch).wrap.public();
    wrap_whole(key, &to, &context(world, envelope, object, branch), &mut OsEntropy).unwrap()
}

pub(super) fn context(world: &World, envelope: &[u8], object: [u8; 16], branch: u16) -> WrapContext {
    WrapContext { network: world.network, object, version: 1, pointer: Digest::of(envelope), branch }
}

/// The stanza of each holder: the home branch 1 gets the key whole, the others a share.
fn stanzas(world: &World, envelope: &[u8], record: RecordId, key: &DataKey) -> Vec<(u16, Stanza)> {
    let holders: Vec<_> = [2, 3, 4].map(|branch| (branch, world.secrets(branch).wrap.public())).to_vec();
    let shared = context(world, envelope, *record.bytes(), 0);
    let mut stanzas = wrap_shares(key, &holders, &shared, &mut OsEntropy).unwrap();
    stanzas.push((1, whole(world, 1, envelope, *record.bytes(), key)));
    stanzas
}

pub(super) async fn keep_record(running: &Running, ward: &Session, record: RecordId, holders: &[u16]) {
    let (envelope, key) = running.world.record(record);
    for (branch, stanza) in stanzas(&running.world, &envelope, record, &key) {
        if !holders.contains(&branch) {
            continue;
        }
        let body =
            json!({ "home": 1, "version": 1, "envelope": b64(&envelope), "stanza": b64(&stanza.encode()) });
        let (status, answer) = running.put(branch, ward, &format!("/v1/records/{record}"), body).await;
        assert_eq!(status, 200, "{answer}");
        let receipt = Receipt::decode(&bytes(&answer["receipt"])).unwrap();
        let key = running.world.secrets(branch).signing.public();
        let size = u32::try_from(envelope.len()).unwrap();
        let (network, pointer) = (running.world.network, Digest::of(&envelope));
        let custody = Custody { network, record, version: 1, home: BranchId(1), pointer, size };
        assert!(receipt.verify(&custody, &key));
        assert_eq!(receipt.branch, BranchId(branch));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patients_data_comes_out_where_it_may_and_nowhere_else() {
    let log = Log::capture();
    let mut running = Running::start(&[1, 2, 3, 4]).await;
    let world = &running.world;
    let [registrar, ward, doctor, crew, admin] =
        ["registrar 1", "ward 1", "ward 2", "crew 2", "admin 1"].map(|name| world.session(name, now_s()));
    let (patient, other) = (patient_id("mei"), patient_id("other"));
    let [visit, operation, pending, foreign] = ["visit", "operation", "pending", "foreign"].map(record_id);

    identities(&running, &registrar, &doctor).await;
    for who in [patient, other] {
        running.make_final(1, &registrar, "side", &world.enrol(&registrar, who)).await;
    }
    search(&running, &doctor).await;

    for record in [visit, operation, pending, foreign] {
        keep_record(&running, &ward, record, &[1, 2, 3, 4]).await;
    }
    records_are_kept_strictly(&running, &ward, visit).await;
    for (record, whose) in [(visit, patient), (operation, patient), (pending, patient), (foreign, other)] {
        running.make_final(1, &ward, "side", &world.link(&ward, record, whose, 1)).await;
    }
    let kinds =
        [(visit, RecordKind::Visit), (operation, RecordKind::Operation), (foreign, RecordKind::Visit)];
    let mut last = Digest::ZERO;
    for (record, kind) in kinds {
        let storage = world.storage(&ward, record, 1, kind, &[1, 2, 3]);
        last = Digest::of(&storage);
        running.make_final(1, &ward, "main", &storage).await;
    }
    let (lookup, emergency) = (lookup_id("advice"), lookup_id("emergency"));
    let asked = world.lookup(&doctor, lookup, patient, Purpose::Treatment);
    running.make_final(2, &doctor, "side", &asked).await;
    let urgent = world.lookup(&crew, emergency, patient, Purpose::Emergency);
    running.make_final(2, &crew, "side", &urgent).await;
    for branch in [1, 2, 3, 4] {
        running.await_final(branch, &doctor, "side", &Digest::of(&urgent)).await;
        running.await_final(branch, &doctor, "main", &last).await;
    }

    links(&running, &doctor, &crew).await;
    keys(&running, &doctor).await;
    crews_get_the_emergency_subset(&running, &crew).await;
    envelopes(&running, &doctor).await;
    audit(&running, &admin).await;
    a_branch_that_is_cut_off_releases_nothing(&mut running, &ward, &doctor).await;

    let log_before = running.get(1, &admin, "/v1/status").await.1["audit_entries"].clone();
    running.stop_branch(1).await;
    let files = running.directory(1);
    let secrets: [&[u8]; 4] =
        [TERM.as_bytes(), b"meihua", b"what the doctor wrote", b"a name and a birth date"];
    for file in std::fs::read_dir(files).unwrap().filter(|file| file.as_ref().unwrap().path().is_file()) {
        let (name, held) = (file.as_ref().unwrap().path(), std::fs::read(file.unwrap().path()).unwrap());
        for secret in secrets {
            assert!(
                !held.windows(secret.len()).any(|window| window == secret),
                "plain text in {}",
                name.display()
            );
        }
    }
    a_lost_log_is_told(&mut running, &log, &log_before).await;
    running.stop().await;
    let told = log.told();
    assert!(told.contains("request refused"), "the log works");
    for hidden in [TERM, "meihua", &patient.to_string(), "asked for advice"] {
        assert!(!told.contains(hidden), "`{hidden}` is in the log");
    }
}

/// Branch 1 comes back without its audit log, whose root is on the main chain.
async fn a_lost_log_is_told(running: &mut Running, log: &Log, before: &Value) {
    assert!(before.as_u64().unwrap() > 0);
    for file in ["vault.sqlite", "vault.sqlite-wal", "vault.sqlite-shm"] {
        let _ = std::fs::remove_file(running.directory(1).join(file));
    }
    running.start_branch(1).await;
    let admin = running.world.session("admin 1", now_s());
    let (_, status) = running.get(1, &admin, "/v1/status").await;
    assert_eq!(
        (&status["audit_entries"], &status["main"]["healthy"]),
        (&0.into(), &false.into()),
        "{status}"
    );
    let (_, status) = running.get(2, &admin, "/v1/status").await;
    assert_eq!(status["main"]["healthy"], true, "{status}");
    running
        .until("the log tells of it", async || {
            log.told().contains("the audit log is not the one that was published")
        })
        .await;
}

pub(super) async fn identities(running: &Running, registrar: &Session, doctor: &Session) {
    let world = &running.world;
    for name in ["mei", "other", "never enrolled"] {
        let patient = patient_id(name);
        let (envelope, key) = world.identity(patient);
        for branch in [1, 2] {
            let stanza = whole(world, branch, &envelope, *patient.bytes(), &key).encode();
            let terms = [TERM.to_owned(), format!("mrn:{name}")];
            let body = json!({ "envelope": b64(&envelope), "stanza": b64(&stanza), "terms": terms });
            let target = format!("/v1/identities/{patient}");
            let (status, answer) = running.put(branch, registrar, &target, body.clone()).await;
            assert_eq!((status, &answer["new"]), (200, &true.into()), "{answer}");
            assert_eq!(running.put(branch, registrar, &target, body.clone()).await.1["new"], false);
            let mut unfindable = body.clone();
            unfindable["terms"] = json!(["name:somebody else"]);
            assert_eq!(running.put(branch, registrar, &target, unfindable).await.1["new"], false);
            assert_eq!(running.put(branch, doctor, &target, body).await.0, 403);
        }
        let (other, key) =
            world.sealed(*patient.bytes(), Content::Identity, Suite::Cascade, b"somebody else");
        let stanza = whole(world, 1, &other, *patient.bytes(), &key).encode();
        let body = json!({ "envelope": b64(&other), "stanza": b64(&stanza), "terms": ["x"] });
        let (status, problem) = running.put(1, registrar, &format!("/v1/identities/{patient}"), body).await;
        assert_eq!((status, &problem["code"]), (409, &"conflict".into()));
    }
}

async fn search(running: &Running, doctor: &Session) {
    let world = &running.world;
    let find = async |branch, terms: &[&str]| {
        let (status, found) =
            running.post(branch, doctor, "/v1/patients/search", json!({ "terms": terms })).await;
        assert_eq!(status, 200, "{found}");
        found
    };
    let found = find(2, &[TERM, "mrn:mei"]).await;
    let [one] = &found["patients"].as_array().unwrap()[..] else { panic!("{found}") };
    assert_eq!(one["patient"], patient_id("mei").to_string());
    let envelope = bytes(&one["envelope"]);
    let context = ReleaseContext {
        network: world.network,
        branch: 2,
        object: *patient_id("mei").bytes(),
        pointer: Digest::of(&envelope),
        session: doctor.agreement.public(),
        main_height: found["main_height"].as_u64().unwrap(),
        side_height: found["side_height"].as_u64().unwrap(),
        audit: one["audit"].as_str().unwrap().parse().unwrap(),
    };
    let Held::Whole(key) = accept(&bytes(&one["release"]), &doctor.agreement, &context).unwrap() else {
        panic!("a share")
    };
    assert_eq!(open(&key, &envelope).unwrap().1.expose(), b"a name and a birth date");

    // Two match, the third was never enrolled.
    assert_eq!(find(2, &[TERM]).await["patients"].as_array().unwrap().len(), 2);
    assert_eq!(find(2, &["mrn:never enrolled"]).await["patients"], json!([]));
    assert_eq!(find(2, &[TERM, "name:nobody"]).await["patients"], json!([]));
    assert_eq!(find(3, &[TERM]).await["patients"], json!([]), "branch 3 keeps none");
    let (status, _) = running.post(2, doctor, "/v1/patients/search", json!({ "terms": [] })).await;
    assert_eq!(status, 400);
}

async fn records_are_kept_strictly(running: &Running, ward: &Session, record: RecordId) {
    let world = &running.world;
    let (envelope, key) = world.record(record);
    let stanza = whole(world, 1, &envelope, *record.bytes(), &key).encode();
    let good = json!({ "home": 1, "version": 1, "envelope": b64(&envelope), "stanza": b64(&stanza) });
    let put = async |record: RecordId, change: Value| {
        let mut body = good.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, answer) = running.put(1, ward, &format!("/v1/records/{record}"), body).await;
        (status, answer)
    };
    let (status, again) = put(record, json!({})).await;
    assert_eq!((status, &again["new"]), (200, &false.into()));
    assert_eq!(put(record_id("another"), json!({})).await.0, 400, "the envelope is of another record");
    assert_eq!(put(record, json!({ "version": 2 })).await.0, 400);
    assert_eq!(put(record, json!({ "home": 2 })).await.0, 400);
    let elsewhere = whole(world, 2, &envelope, *record.bytes(), &key).encode();
    assert_eq!(put(record, json!({ "stanza": b64(&elsewhere) })).await.0, 400, "wrapped for another branch");
    let mut broken = envelope.clone();
    broken.truncate(50);
    assert_eq!(put(record, json!({ "envelope": b64(&broken) })).await.0, 400);

    let sealed = |record: RecordId, suite| {
        let (envelope, key) = world.sealed(*record.bytes(), Content::Record, suite, b"other words");
        let stanza = whole(world, 1, &envelope, *record.bytes(), &key).encode();
        json!({ "envelope": b64(&envelope), "stanza": b64(&stanza) })
    };
    let mut other = good.clone();
    other.as_object_mut().unwrap().extend(sealed(record, Suite::Cascade).as_object().unwrap().clone());
    let colleague = world.session("registrar 1", now_s());
    let (status, problem) = running.put(1, &colleague, &format!("/v1/records/{record}"), other).await;
    assert_eq!((status, &problem["code"]), (409, &"conflict".into()), "another's envelope under the name");
    assert_eq!(put(record, sealed(record, Suite::Cascade)).await.0, 200, "the author may try again");
    let weak = record_id("weak");
    assert_eq!(put(weak, sealed(weak, Suite::TripleDes)).await.0, 400, "a suite that may not be written");
    assert_eq!(put(weak, sealed(weak, Suite::AesGcmSiv)).await.0, 200);
}

async fn links(running: &Running, doctor: &Session, crew: &Session) {
    let ask = async |session, patient, lookup| {
        let query =
            json!({ "patient": patient_id(patient).to_string(), "lookup": lookup_id(lookup).to_string() });
        running.post(2, session, "/v1/patients/links", query).await
    };
    let (status, answer) = ask(doctor, "mei", "advice").await;
    assert_eq!(status, 200, "{answer}");
    let header = Header::decode(&bytes(&answer["header"])).unwrap();
    let value = bytes(&answer["patient"]["value"]);
    let proof = StateProof::from_bytes(&bytes(&answer["patient"]["proof"])).unwrap();
    proof.verify(&header.state_root, &Key::Patient(patient_id("mei")).bytes(), Some(&value)).unwrap();
    let listed: Vec<(RecordId, BranchId)> = answer["records"]
        .as_array()
        .unwrap()
        .iter()
        .zip(answer["branches"].as_array().unwrap())
        .map(|(record, branch)| {
            (
                record.as_str().unwrap().parse().unwrap(),
                BranchId(branch.as_u64().unwrap().try_into().unwrap()),
            )
        })
        .collect();
    assert_eq!(listed.len(), 3);
    assert!(PatientEntry::decode(&value).unwrap().proves_whole(&listed));
    assert!(answer["certificate"].is_string());

    for (session, patient, lookup) in [
        (doctor, "other", "advice"),
        (crew, "mei", "advice"),
        (doctor, "mei", "emergency"),
        (doctor, "mei", "never"),
    ] {
        let (status, problem) = ask(session, patient, lookup).await;
        assert_eq!((status, &problem["code"]), (403, &"no_lookup".into()), "{patient} {lookup}");
    }
}

pub(super) fn query(lookup: &str, patient: &str, records: &[&str]) -> Value {
    let records: Vec<String> = records.iter().map(|record| record_id(record).to_string()).collect();
    json!({ "lookup": lookup_id(lookup).to_string(), "patient": patient_id(patient).to_string(), "records": records })
}

/// Opens what a branch released for one record.
fn released(
    running: &Running,
    session: &Session,
    branch: u16,
    record: &str,
    answer: &Value,
    at: usize,
) -> Held {
    let (envelope, _) = running.world.record(record_id(record));
    let context = ReleaseContext {
        network: running.world.network,
        branch,
        object: *record_id(record).bytes(),
        pointer: Digest::of(&envelope),
        session: session.agreement.public(),
        main_height: answer["main_height"].as_u64().unwrap(),
        side_height: answer["side_height"].as_u64().unwrap(),
        audit: answer["audit"].as_str().unwrap().parse().unwrap(),
    };
    let sealed = bytes(&answer["releases"][at]["sealed"]);
    let other = ReleaseContext { main_height: context.main_height + 1, ..context };
    assert!(accept(&sealed, &session.agreement, &other).is_err(), "bound to its height");
    accept(&sealed, &session.agreement, &context).unwrap()
}

async fn keys(running: &Running, doctor: &Session) {
    let ask = async |branch, query| running.post(branch, doctor, "/v1/records/keys", query).await;
    let (envelope, _) = running.world.record(record_id("visit"));

    let (status, answer) = ask(1, query("advice", "mei", &["visit", "pending", "operation"])).await;
    assert_eq!(status, 200, "{answer}");
    let Held::Whole(key) = released(running, doctor, 1, "visit", &answer, 0) else {
        panic!("a share at home")
    };
    assert_eq!(open(&key, &envelope).unwrap().1.expose(), b"what the doctor wrote");
    assert_eq!(answer["releases"][1]["outcome"], "withheld", "not final on the main chain");
    assert_eq!(answer["releases"][2]["outcome"], "released");

    let mut shares = Vec::new();
    for branch in [2, 3] {
        let (_, answer) = ask(branch, query("advice", "mei", &["visit"])).await;
        let Held::Share(share) = released(running, doctor, branch, "visit", &answer, 0) else {
            panic!("whole")
        };
        shares.push(share);
    }
    assert_eq!(open(&combine(&shares).unwrap(), &envelope).unwrap().1.expose(), b"what the doctor wrote");

    // Somebody else's record in the list, alone or among the patient's own, refuses all of it.
    for records in [&["foreign"][..], &["visit", "foreign"], &["visit", "never made"]] {
        let (status, problem) = ask(1, query("advice", "mei", records)).await;
        assert_eq!((status, &problem["code"]), (403, &"not_linked".into()), "{records:?}");
    }
    for (lookup, patient) in [("advice", "other"), ("emergency", "mei"), ("never", "mei")] {
        let (status, problem) = ask(1, query(lookup, patient, &["visit"])).await;
        assert_eq!((status, &problem["code"]), (403, &"no_lookup".into()), "{lookup} {patient}");
    }
    assert_eq!(ask(1, query("advice", "mei", &[])).await.0, 400);
    assert_eq!(ask(1, query("advice", "mei", &["visit"; 257])).await.0, 400);
}

async fn crews_get_the_emergency_subset(running: &Running, crew: &Session) {
    let asked = query("emergency", "mei", &["operation", "visit"]);
    let (status, answer) = running.post(1, crew, "/v1/records/keys", asked).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["releases"][0]["outcome"], "withheld");
    assert!(answer["releases"][0]["reasons"][0].as_str().unwrap().contains("crew opens only"), "{answer}");
    assert_eq!(answer["releases"][1]["outcome"], "released");
}

async fn envelopes(running: &Running, doctor: &Session) {
    let records = ["visit", "never made"].map(|record| record_id(record).to_string());
    let (status, answer) =
        running.post(2, doctor, "/v1/records/envelopes", json!({ "records": records })).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(bytes(&answer["envelopes"][0]), running.world.record(record_id("visit")).0);
    assert!(answer["envelopes"][1].is_null());
    let operator = running.world.session("operator 1", now_s());
    assert_eq!(
        running.post(2, &operator, "/v1/records/envelopes", json!({ "records": records })).await.0,
        403
    );
}

async fn audit(running: &Running, admin: &Session) {
    let (status, log) = running.get(1, admin, "/v1/audit?from=0&limit=512").await;
    assert_eq!(status, 200, "{log}");
    let entries: Vec<Vec<u8>> = log["entries"].as_array().unwrap().iter().map(bytes).collect();
    assert_eq!(entries.len(), usize::try_from(log["size"].as_u64().unwrap()).unwrap());
    let root: Digest = log["root"].as_str().unwrap().parse().unwrap();
    assert_eq!(merkle::root_of(entries.iter().map(Vec::as_slice)), root);

    let entries: Vec<AuditEntry> = entries.iter().map(|entry| AuditEntry::decode(entry).unwrap()).collect();
    for (number, entry) in entries.iter().enumerate() {
        assert_eq!(entry.sequence, number as u64);
        let signature = Signature::from_bytes(entry.signature);
        assert!(
            entry.grant.session.verify(Domain::Request, &entry.request_line, &signature),
            "nobody is framed"
        );
        if !entry.body.is_empty() {
            assert!(
                entry.request_line.ends_with(Digest::of(&entry.body).bytes()),
                "the body is the one signed"
            );
        }
    }
    let doctor = running.world.person("ward 2").entry.id;
    let opened: Vec<&AuditEntry> = entries
        .iter()
        .filter(|entry| entry.grant.staff == doctor && entry.lookup.is_some() && entry.allowed)
        .collect();
    assert_eq!(opened.len(), 1, "one release at branch 1");
    assert_eq!(opened[0].purpose, Some(Purpose::Treatment));
    let outcomes: Vec<AuditOutcome> = opened[0].objects.iter().map(|object| object.outcome).collect();
    assert_eq!(outcomes, [AuditOutcome::Released, AuditOutcome::Withheld, AuditOutcome::Released]);
    assert_eq!(entries.iter().filter(|entry| !entry.allowed).count(), 6, "each refusal is there");

    // Other branches' logs are not the supervisor's business, the auditor's they are.
    assert_eq!(running.get(2, admin, "/v1/audit?from=0&limit=5").await.0, 403);
    let auditor = running.world.session("auditor 1", now_s());
    assert_eq!(running.get(2, &auditor, "/v1/audit?from=0&limit=5").await.0, 200);

    // The log's root goes to the main chain by itself.
    let asked = json!({ "keys": [b64(&Key::AccessRoot(BranchId(1)).bytes())] });
    running
        .until("the audit root is on the main chain", async || {
            let (_, proofs) = running.post(3, admin, "/v1/main/proofs", asked.clone()).await;
            let value = &proofs["entries"][0]["value"];
            let header = Header::decode(&bytes(&proofs["header"])).unwrap();
            let proof = StateProof::from_bytes(&bytes(&proofs["entries"][0]["proof"])).unwrap();
            let value = value.as_str().map(|text| text.parse::<Base64>().unwrap().0);
            proof
                .verify(&header.state_root, &Key::AccessRoot(BranchId(1)).bytes(), value.as_deref())
                .unwrap();
            value.is_some_and(|value| AccessEntry::decode(&value).unwrap().size >= 5)
        })
        .await;
}

async fn a_branch_that_is_cut_off_releases_nothing(running: &mut Running, ward: &Session, doctor: &Session) {
    running.stop_branch(3).await;
    running.stop_branch(4).await;
    let asked = || query("advice", "mei", &["visit"]);
    running
        .until("the tips are too old", async || {
            running.post(1, doctor, "/v1/records/keys", asked()).await.1["code"] == "not_fresh"
        })
        .await;
    let (_, before) = running.get(1, ward, "/v1/status").await;
    assert_eq!(before["side"]["fresh"], false);
    for (target, body) in [
        ("/v1/records/keys", asked()),
        ("/v1/records/envelopes", json!({ "records": [record_id("visit").to_string()] })),
        ("/v1/patients/search", json!({ "terms": [TERM] })),
        (
            "/v1/patients/links",
            json!({ "patient": patient_id("mei").to_string(), "lookup": lookup_id("advice").to_string() }),
        ),
    ] {
        let (status, problem) = running.post(1, doctor, target, body).await;
        assert_eq!((status, &problem["code"]), (503, &"not_fresh".into()), "{target}");
    }
    let (_, after) = running.get(1, ward, "/v1/status").await;
    assert_eq!(after["audit_entries"], before["audit_entries"], "nothing was released, nothing written");

    // What was cut off still keeps records and takes transactions, which wait.
    let late = record_id("late");
    let (envelope, key) = running.world.record(late);
    let stanza = whole(&running.world, 1, &envelope, *late.bytes(), &key).encode();
    let body = json!({ "home": 1, "version": 1, "envelope": b64(&envelope), "stanza": b64(&stanza) });
    assert_eq!(running.put(1, ward, &format!("/v1/records/{late}"), body).await.0, 200);
    let link = running.world.link(ward, late, patient_id("mei"), 1);
    let submission = json!({ "transaction": b64(&link) });
    assert_eq!(running.post(1, ward, "/v1/side/transactions", submission).await.0, 200);
    let target = format!("/v1/side/transactions/{}?wait_ms=100", Digest::of(&link));
    assert_eq!(running.get(1, ward, &target).await.1["state"], "waiting");

    // It waits through a restart, too, and is agreed on when the others are back.
    running.stop_branch(1).await;
    running.start_branch(1).await;
    assert_eq!(running.get(1, ward, &target).await.1["state"], "waiting");
    running.start_branch(3).await;
    running.await_final(1, ward, "side", &Digest::of(&link)).await;
    running
        .until("keys are released again", async || {
            running.post(1, doctor, "/v1/records/keys", asked()).await.0 == 200
        })
        .await;
    let ask = Ask { min_side: 1000, ..Ask::new(1, ward, "GET", "/v1/side/headers?from=0&limit=1") };
    assert_eq!(running.ask(ask).await.1["code"], "behind");
}

/// Everything that this room logs, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn capture() -> Self {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter("wardline_node=trace,wardline_store=trace,wardline_consensus=trace")
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        log
    }

    fn told(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
