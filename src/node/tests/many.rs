//! Many records and transactions in one request: each passes every check by itself, or fails by itself.

use super::{
    asker::{Ask, Running, now_s},
    release::{b64, bytes, whole},
    world::{Session, patient_id, record_id},
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;
use wardline_crypto::{Content, Digest, MAX_PLAIN, Suite, merkle};
use wardline_ledger::{BranchId, Canonical, Custody, Header, Receipt, RecordId};
use wardline_policy::RecordKind;
use wardline_wire::{AuditEntry, AuditOutcome, BATCH_MAX};

/// A record as it is left at branch 1.
fn item(running: &Running, record: RecordId) -> Value {
    let (envelope, key) = running.world.record(record);
    let stanza = whole(&running.world, 1, &envelope, *record.bytes(), &key).encode();
    let keep = json!({ "home": 1, "version": 1, "envelope": b64(&envelope), "stanza": b64(&stanza) });
    json!({ "record": record.to_string(), "keep": keep })
}

fn with(mut item: Value, field: &str, value: Value) -> Value {
    item["keep"][field] = value;
    item
}

async fn keep(running: &Running, session: &Session, records: &[Value]) -> (u16, Value) {
    running.put(1, session, "/v1/records", json!({ "records": records })).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_many_passes_or_fails_by_itself() {
    let running = Running::start(&[1, 2, 3, 4]).await;
    let world = &running.world;
    let [ward, foreign, registrar, operator, doctor] =
        ["ward 1", "ward 2", "registrar 1", "operator 1", "admin 1"].map(|name| world.session(name, now_s()));
    let [a, b, c] = ["many a", "many b", "many c"].map(record_id);

    // Roles, counts, replays: as for a single one.
    let good = [item(&running, a)];
    assert_eq!(keep(&running, &operator, &good).await.0, 403);
    assert_eq!(keep(&running, &doctor, &good).await.0, 403);
    assert_eq!(keep(&running, &ward, &[]).await.0, 400);
    let too_many: Vec<Value> = vec![
        json!({ "record": a.to_string(), "keep":
        { "home": 1, "version": 1, "envelope": "", "stanza": "" } });
        BATCH_MAX + 1
    ];
    assert_eq!(keep(&running, &ward, &too_many).await.0, 400);
    let body = serde_json::to_vec(&json!({ "records": good })).unwrap();
    let once = Ask { body: body.clone(), ..Ask::new(1, &ward, "PUT", "/v1/records") };
    let headers = running.headers(&once).await;
    assert_eq!(running.send(1, "PUT", "/v1/records", &headers, &body).await.0, 200);
    let (status, problem) = running.send(1, "PUT", "/v1/records", &headers, &body).await;
    assert_eq!((status, &problem["code"]), (401, &"replayed".into()));

    // Each by itself, in order: kept again, new, and what a single one would be refused for.
    let of_a = item(&running, a);
    let list = [
        of_a.clone(),
        item(&running, b),
        with(item(&running, c), "home", json!(2)),
        with(item(&running, c), "version", json!(2)),
        with(item(&running, c), "stanza", of_a["keep"]["stanza"].clone()),
        with(item(&running, c), "envelope", of_a["keep"]["envelope"].clone()),
        item(&running, c),
    ];
    let (status, answer) = keep(&running, &ward, &list).await;
    assert_eq!(status, 200, "{answer}");
    let outcomes = answer["outcomes"].as_array().unwrap();
    let words: Vec<&str> = outcomes.iter().map(|outcome| outcome["outcome"].as_str().unwrap()).collect();
    assert_eq!(words, ["kept", "kept", "refused", "refused", "refused", "refused", "kept"], "{answer}");
    assert_eq!((&outcomes[0]["new"], &outcomes[1]["new"]), (&false.into(), &true.into()));
    for outcome in &outcomes[2..6] {
        assert_eq!(outcome["code"], "field", "{outcome}");
    }
    for (record, outcome) in [(a, &outcomes[0]), (b, &outcomes[1]), (c, &outcomes[6])] {
        let (envelope, _) = world.record(record);
        let custody = Custody {
            network: world.network,
            record,
            version: 1,
            home: BranchId(1),
            pointer: Digest::of(&envelope),
            size: u32::try_from(envelope.len()).unwrap(),
        };
        let receipt = Receipt::decode(&bytes(&outcome["receipt"])).unwrap();
        assert!(receipt.verify(&custody, &world.secrets(1).signing.public()));
    }
    // Somebody of another branch leaves nothing under this branch's name.
    let (_, answer) = keep(&running, &foreign, &list[..1]).await;
    assert_eq!(answer["outcomes"][0]["code"], "field", "{answer}");

    let (_, log) = running.get(1, &doctor, "/v1/audit?from=0&limit=512").await;
    let entries = log["entries"].as_array().unwrap().iter().map(|entry| AuditEntry::decode(&bytes(entry)));
    let kept: Vec<[u8; 16]> = entries
        .map(Result::unwrap)
        .flat_map(|entry| entry.objects)
        .filter(|object| object.outcome == AuditOutcome::Kept)
        .map(|object| object.object)
        .collect();
    assert_eq!(kept, [a, b, c].map(|record| *record.bytes()), "an entry for each that is new");

    transactions(&running, &ward, &registrar, &operator).await;
    running.stop().await;
}

async fn transactions(running: &Running, ward: &Session, registrar: &Session, operator: &Session) {
    let world = &running.world;
    let patient = patient_id("mei");
    running.make_final(1, registrar, "side", &world.enrol(registrar, patient)).await;
    let records: Vec<RecordId> = (0..40).map(|n| record_id(&format!("linked {n}"))).collect();
    let mut links: Vec<Vec<u8>> =
        records.iter().map(|record| world.link(ward, *record, patient, 1)).collect();
    let good = links.len();
    links.push(world.link(ward, record_id("elsewhere"), patient, 2));
    links.push(world.link(registrar, record_id("of another"), patient, 1));
    links.push(world.link(ward, record_id("of nobody"), patient_id("nobody"), 1));
    links.push(world.storage(ward, records[0], 1, RecordKind::Visit, &[1, 2]));
    links.push(b"no transaction".to_vec());
    let submit = async |session: &Session, transactions: &[Vec<u8>]| {
        let list: Vec<String> = transactions.iter().map(|bytes| b64(bytes)).collect();
        running.post(1, session, "/v1/side/submissions", json!({ "transactions": list })).await
    };
    let (status, answer) = submit(operator, &links[..2]).await;
    assert_eq!(status, 200);
    assert!(answer["outcomes"].as_array().unwrap().iter().all(|outcome| outcome["code"] == "forbidden"));
    assert_eq!(submit(ward, &[]).await.0, 400);

    let (status, answer) = submit(ward, &links).await;
    assert_eq!(status, 200, "{answer}");
    let outcomes = answer["outcomes"].as_array().unwrap();
    assert!(outcomes[..good].iter().all(|outcome| outcome["new"] == true), "{answer}");
    let codes: Vec<&str> = outcomes[good..].iter().map(|outcome| outcome["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["forbidden", "session", "link.patient-unknown", "field", "field"]);
    let (_, again) = submit(ward, &links[..1]).await;
    assert_eq!(again["outcomes"][0]["outcome"].as_str().unwrap(), "taken", "the same bytes again");

    let ids: Vec<String> = links[..good + 1].iter().map(|bytes| Digest::of(bytes).to_string()).collect();
    let mut open = ids.clone();
    let mut proven = 0;
    running
        .until("all links are final", async || {
            let query = json!({ "ids": open, "wait_ms": 500 });
            let (status, answer) = running.post(1, ward, "/v1/side/finalities", query).await;
            assert_eq!(status, 200, "{answer}");
            let mut left = Vec::new();
            for (id, outcome) in open.iter().zip(answer["outcomes"].as_array().unwrap()) {
                if outcome["state"] != "final" {
                    left.push(id.clone());
                    continue;
                }
                let block = &answer["blocks"][outcome["block"].as_u64().unwrap() as usize];
                let leaves = bytes(&block["leaves"]);
                let leaves: Vec<Digest> =
                    leaves.as_chunks::<32>().0.iter().map(|leaf| Digest::from_bytes(*leaf)).collect();
                let header = Header::decode(&bytes(&block["header"])).unwrap();
                assert_eq!(merkle::root(&leaves), header.transaction_root);
                let place = ids.iter().position(|known| known == id).unwrap();
                let leaf = leaves[outcome["index"].as_u64().unwrap() as usize];
                assert_eq!(leaf, merkle::leaf_hash(&links[place]));
                proven += 1;
            }
            open = left;
            open.len() == 1
        })
        .await;
    assert_eq!(proven, good);
    let query = json!({ "ids": [ids[good]], "wait_ms": 0 });
    let (_, answer) = running.post(1, ward, "/v1/side/finalities", query).await;
    assert_eq!(answer["outcomes"][0]["state"], "unknown", "what was refused is nowhere");
    let none = json!({ "ids": [], "wait_ms": 0 });
    assert_eq!(running.post(1, ward, "/v1/side/finalities", none).await.0, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_names_no_more_blocks_than_it_has_room_for() {
    let running = Running::start(&[1, 2, 3, 4]).await;
    let registrar = running.world.session("registrar 1", now_s());
    let mut ids = Vec::new();
    for number in 0..18 {
        let enrol = running.world.enrol(&registrar, patient_id(&format!("in a block of its own {number}")));
        running.make_final(1, &registrar, "side", &enrol).await;
        ids.push(Digest::of(&enrol).to_string());
    }
    let ask = async |ids: &[String]| {
        let query = json!({ "ids": ids, "wait_ms": 20_000 });
        let (status, answer) = running.post(1, &registrar, "/v1/side/finalities", query).await;
        assert_eq!(status, 200, "{answer}");
        let outcomes = answer["outcomes"].as_array().unwrap().iter();
        let states: Vec<String> =
            outcomes.map(|outcome| outcome["state"].as_str().unwrap().to_owned()).collect();
        (answer["blocks"].as_array().unwrap().len(), states)
    };
    // One that is nowhere does not hold open an answer that is full.
    let asked = [&[Digest::ZERO.to_string()], ids.as_slice()].concat();
    let (blocks, states) = timeout(Duration::from_secs(10), ask(&asked)).await.unwrap();
    assert_eq!((blocks, states[0].as_str()), (16, "unknown"));
    assert!(states[1..17].iter().all(|state| state == "final"), "{states:?}");
    assert!(states[17..].iter().all(|state| state == "later"), "{states:?}");
    let (blocks, states) = ask(&ids[16..]).await;
    assert_eq!((blocks, states), (2, vec!["final".to_owned(); 2]));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_the_largest_size_is_kept_and_comes_back() {
    let running = Running::start(&[1, 2, 3, 4]).await;
    let ward = running.world.session("ward 1", now_s());
    let records = ["film a", "film b"].map(record_id);
    let mut sealed = Vec::new();
    for record in records {
        let plain = vec![7; MAX_PLAIN];
        let (envelope, key) = running.world.sealed(*record.bytes(), Content::Record, Suite::Cascade, &plain);
        let stanza = whole(&running.world, 1, &envelope, *record.bytes(), &key).encode();
        let keep = json!({ "home": 1, "version": 1, "envelope": b64(&envelope), "stanza": b64(&stanza) });
        sealed.push((record, envelope, keep));
    }
    // Both at once: the second one waits for room in memory instead of being turned away.
    let put = async |(record, _, keep): &(RecordId, Vec<u8>, Value)| {
        let (status, answer) = running.put(1, &ward, &format!("/v1/records/{record}"), keep.clone()).await;
        assert_eq!((status, &answer["new"]), (200, &true.into()), "{answer}");
    };
    tokio::join!(put(&sealed[0]), put(&sealed[1]));

    let fetch = async |records: &[RecordId]| {
        let ids: Vec<String> = records.iter().map(ToString::to_string).collect();
        running.post(1, &ward, "/v1/records/envelopes", json!({ "records": ids })).await
    };
    running.until("tips are heard", async || fetch(&[record_id("none")]).await.0 == 200).await;
    let (status, answer) = fetch(&records[..1]).await;
    assert_eq!(status, 200);
    assert!(bytes(&answer["envelopes"][0]) == sealed[0].1, "other bytes come back");
    assert_eq!(fetch(&records).await.0, 400, "two of them are too much for one answer");
    running.stop().await;
}
