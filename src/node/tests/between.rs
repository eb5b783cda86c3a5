//! What comes between a request and its answer: revocations, junk under a record's name, keys that do not open.

use super::{
    asker::{Ask, Running, now_s},
    release::{b64, bytes, keep_record, query, whole},
    simulated::Cluster,
    world::{Session, lookup_id, patient_id, record_id},
};
use crate::{
    api::{
        auth::{Caller, Claim, Signed},
        error::ApiError,
        patients, records,
    },
    node::most_peers,
};
use axum::http::{HeaderMap, HeaderName};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use wardline_consensus::Application;
use wardline_crypto::{Content, DataKey, Digest, Header, SeededEntropy, Suite, seal};
use wardline_ledger::{Canonical, Chain, Refusal};
use wardline_policy::{Operation, Purpose, RecordKind};
use wardline_store::{Envelope, Standing, Vault};
use wardline_wire::{AuditEntry, AuditOutcome};

/// Somebody who has passed every check at branch 1's door.
async fn at_the_door(running: &Running, session: &Session) -> Caller {
    let headers = running.headers(&Ask::new(1, session, "POST", "/")).await;
    let headers: HeaderMap = headers
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
    let signed = Signed { method: "POST", target: "/", body: b"" };
    let claim = Claim::read(&headers).unwrap();
    claim
        .authenticate(&running.node(1).branch, Chain::Side, signed)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

async fn entries(running: &Running) -> Vec<AuditEntry> {
    let auditor = running.world.session("auditor 1", now_s());
    let (status, log) = running.get(1, &auditor, "/v1/audit?from=0&limit=512").await;
    assert_eq!(status, 200, "{log}");
    log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| AuditEntry::decode(&bytes(entry)).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_revoked_between_the_door_and_the_decision_gets_nothing() {
    let running = Running::start(&[1, 2, 3]).await;
    let world = &running.world;
    let [registrar, ward, doctor, admin] =
        ["registrar 1", "ward 1", "ward 2", "admin 1"].map(|name| world.session(name, now_s()));
    let (patient, record, lookup) = (patient_id("mei"), record_id("visit"), lookup_id("advice"));
    running.make_final(1, &registrar, "side", &world.enrol(&registrar, patient)).await;
    keep_record(&running, &ward, record, &[1, 2]).await;
    running.make_final(1, &ward, "side", &world.link(&ward, record, patient, 1)).await;
    let storage = world.storage(&ward, record, 1, RecordKind::Visit, &[1, 2]);
    running.make_final(1, &ward, "main", &storage).await;
    let asked = world.lookup(&doctor, lookup, patient, Purpose::Treatment);
    running.make_final(1, &doctor, "side", &asked).await;
    let (status, answer) =
        running.post(1, &doctor, "/v1/records/keys", query("advice", "mei", &["visit"])).await;
    assert_eq!((status, &answer["releases"][0]["outcome"]), (200, &"released".into()), "{answer}");

    let mut callers = Vec::new();
    for _ in 0..4 {
        callers.push(at_the_door(&running, &doctor).await);
    }
    let known = entries(&running).await.len();
    running.make_final(1, &admin, "main", &world.revoke("ward 2")).await;

    let branch = || Arc::clone(&running.node(1).branch);
    let of = |value: Value| value.to_string();
    let keys = serde_json::from_str(&of(query("advice", "mei", &["visit"]))).unwrap();
    let some = serde_json::from_str(&of(json!({ "records": [record.to_string()] }))).unwrap();
    let list = json!({ "patient": patient.to_string(), "lookup": lookup.to_string() });
    let list = serde_json::from_str(&of(list)).unwrap();
    let search = serde_json::from_str(&of(json!({ "terms": ["name:x"] }))).unwrap();
    let mut next = || callers.pop().unwrap();
    let refused = [
        records::keys(branch(), next(), keys, Bytes::new()).await.err(),
        records::envelopes(branch(), next(), some, Bytes::new()).await.err(),
        patients::links(branch(), next(), list, Bytes::new()).await.err(),
        patients::search(branch(), next(), search).await.err(),
    ];
    for error in refused {
        assert!(matches!(error, Some(ApiError::Session(_))), "{error:?}");
    }
    let entries = entries(&running).await;
    assert_eq!(entries.len(), known + 4);
    for entry in &entries[known..] {
        assert!(!entry.allowed && entry.objects.is_empty());
        assert!(entry.main_height >= 2, "the height that it was decided at");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_under_a_records_name_hides_nothing() {
    let mut running = Running::start(&[2, 3, 4]).await;
    let (patient, record, spoilt) = (patient_id("mei"), record_id("visit"), record_id("spoilt"));
    {
        // A wrapped key that does not open: damage, since it is not taken that way.
        let vault = Vault::open(running.directory(1).join("vault.sqlite")).unwrap();
        let (bytes, _) = running.world.record(spoilt);
        let (object, version, content, home) = (*spoilt.bytes(), 1, Content::Record.code(), Some(1));
        let (pointer, stanza, tokens) = (Digest::of(&bytes), b"damaged".to_vec(), Vec::new());
        let envelope =
            Envelope { object, version, content, home, author: None, pointer, bytes, stanza, tokens };
        vault.put_envelope(envelope, Standing::Open, |_| b"an entry".to_vec()).unwrap();
    }
    running.start_branch(1).await;
    let world = &running.world;
    let [registrar, ward, doctor] =
        ["registrar 1", "ward 1", "ward 2"].map(|name| world.session(name, now_s()));
    let auditor = world.session("auditor 1", now_s());

    let sealed = |record: wardline_ledger::RecordId, version: u32, branch: u16| {
        let mut entropy = SeededEntropy::new(99);
        let (key, object) = (DataKey::generate(&mut entropy), *record.bytes());
        let header = Header { suite: Suite::Cascade, content: Content::Record, object, version };
        let envelope = seal(&key, &header, b"junk", &mut entropy).unwrap();
        let mut to = super::release::context(world, &envelope, object, branch);
        to.version = version;
        let wrap = world.secrets(branch).wrap.public();
        let stanza = wardline_crypto::wrap_whole(&key, &wrap, &to, &mut entropy).unwrap();
        json!({ "version": version, "envelope": b64(&envelope), "stanza": b64(&stanza.encode()) })
    };
    let put = async |branch, by: &Session, home: u16, record: wardline_ledger::RecordId, mut body: Value| {
        body["home"] = home.into();
        let (status, answer) = running.put(branch, by, &format!("/v1/records/{record}"), body).await;
        (status, answer["code"].as_str().unwrap_or_default().to_owned())
    };
    let conflict = (409, "conflict".to_owned());
    // While nothing is agreed: the first version, of one home.
    for version in [0, 2, u32::MAX] {
        assert_eq!(put(2, &ward, 1, record, sealed(record, version, 2)).await, conflict, "{version}");
    }
    keep_record(&running, &ward, record, &[1, 2]).await;
    let (own, key) = world.record(record);
    let again = json!({ "version": 1, "envelope": b64(&own),
        "stanza": b64(&whole(world, 2, &own, *record.bytes(), &key).encode()) });
    assert_eq!(put(2, &doctor, 2, record, again.clone()).await, conflict, "another home");
    // At a branch that holds no copy yet, junk may come first.
    assert_eq!(put(3, &doctor, 2, record, sealed(record, 1, 3)).await.0, 200);

    running.make_final(1, &registrar, "side", &world.enrol(&registrar, patient)).await;
    for record in [record, spoilt] {
        running.make_final(1, &ward, "side", &world.link(&ward, record, patient, 1)).await;
        let storage = world.storage(&ward, record, 1, RecordKind::Visit, &[1, 2]);
        running.make_final(1, &ward, "main", &storage).await;
        for branch in [2, 3] {
            running.await_final(branch, &ward, "main", &Digest::of(&storage)).await;
        }
    }
    // Agreed: later versions come from the record's own branch alone, one after the other.
    for (by, home, version) in [(&doctor, 2, 2), (&ward, 1, 3), (&ward, 1, u32::MAX), (&ward, 1, 1)] {
        assert_eq!(put(2, by, home, record, sealed(record, version, 2)).await, conflict, "{home} {version}");
    }
    assert_eq!(put(2, &ward, 1, record, sealed(record, 2, 2)).await.0, 200);
    let theirs = json!({ "version": 1, "envelope": b64(&own),
        "stanza": b64(&whole(world, 3, &own, *record.bytes(), &key).encode()) });
    assert_eq!(put(3, &ward, 1, record, theirs).await.0, 200, "junk stands in the agreed one's way");

    let asked = world.lookup(&doctor, lookup_id("advice"), patient, Purpose::Treatment);
    running.make_final(1, &doctor, "side", &asked).await;
    for branch in [2, 3] {
        running.await_final(branch, &doctor, "side", &Digest::of(&asked)).await;
        let records = json!({ "records": [record.to_string()] });
        let (_, answer) = running.post(branch, &doctor, "/v1/records/envelopes", records).await;
        assert_eq!(bytes(&answer["envelopes"][0]), own, "branch {branch}");
        let asked = query("advice", "mei", &["visit"]);
        let (_, answer) = running.post(branch, &doctor, "/v1/records/keys", asked).await;
        assert_eq!(answer["releases"][0]["outcome"], "released", "{answer}");
    }

    // What does not open is no release, in the answer and in the log.
    let asked = query("advice", "mei", &["spoilt", "visit"]);
    let (_, answer) = running.post(1, &doctor, "/v1/records/keys", asked).await;
    assert_eq!(answer["releases"][0]["outcome"], "absent", "{answer}");
    let (_, log) = running.get(1, &auditor, "/v1/audit?from=1&limit=512").await;
    let told: Vec<AuditEntry> = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| AuditEntry::decode(&bytes(entry)).unwrap())
        .collect();
    let outcomes: Vec<_> = told.last().unwrap().objects.iter().map(|object| object.outcome).collect();
    assert_eq!(outcomes, [AuditOutcome::Absent, AuditOutcome::Released]);
    assert_eq!(told.iter().filter(|entry| entry.operation == Operation::KeepRecord).count(), 1);
    running.stop().await;
}

#[test]
fn nothing_waits_for_ever_when_a_block_makes_it_impossible_at_once() {
    let mut cluster = Cluster::new(Chain::Side, 512);
    let application = cluster.open(0);
    let transactions: Vec<_> = (0..40).map(|number| cluster.transaction(number)).collect();
    let done = AtomicBool::new(false);
    let drop_all = || {
        let waiting = application.store().waiting(usize::MAX).unwrap();
        let refused: Vec<_> = waiting.into_iter().map(|(id, _)| (id, Refusal::LinkExists)).collect();
        application.drop_refused(&refused, 0);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                drop_all();
            }
        });
        for transaction in &transactions {
            application.admit(transaction).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    drop_all();
    assert_eq!(application.waiting_len(), 0);
    assert!(!application.busy());
}

#[test]
fn there_is_room_for_the_peers_of_the_registry() {
    let mut cluster = Cluster::new(Chain::Main, 512);
    let application = cluster.open(0);
    let mut genesis = cluster.world.genesis.clone();
    genesis.participants.truncate(2);
    assert_eq!(most_peers(application.store(), &genesis).unwrap(), 5 + 4);
}
