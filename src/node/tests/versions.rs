//! A record whose content was replaced: what comes out is of the agreed version, never of the one before.

use super::{
    asker::{Running, now_s},
    release::{b64, bytes, context, keep_record, query},
    world::{Session, lookup_id, patient_id, record_id},
};
use serde_json::json;
use wardline_crypto::{
    Content, DataKey, Digest, Header, Held, OsEntropy, ReleaseContext, Share, Suite, WrapContext, accept,
    combine, open, seal, wrap_shares, wrap_whole,
};
use wardline_ledger::{Assent, Body, BranchId, Custody, Receipt, RecordId, Storage};
use wardline_policy::{Purpose, RecordKind};

const CORRECTED: &[u8] = b"what the doctor wrote later";

/// Seals version 2 and leaves it at `holders`, the home branch 1 among them; the envelope and its transaction.
async fn replace(running: &Running, ward: &Session, record: RecordId, holders: &[u16]) -> (Vec<u8>, Vec<u8>) {
    let world = &running.world;
    let key = DataKey::generate(&mut OsEntropy);
    let header =
        Header { suite: Suite::Cascade, content: Content::Record, object: *record.bytes(), version: 2 };
    let envelope = seal(&key, &header, CORRECTED, &mut OsEntropy).unwrap();
    let at = |branch| WrapContext { version: 2, ..context(world, &envelope, *record.bytes(), branch) };
    let others: Vec<_> = [2, 3, 4].map(|branch| (branch, world.secrets(branch).wrap.public())).to_vec();
    let mut stanzas = wrap_shares(&key, &others, &at(0), &mut OsEntropy).unwrap();
    stanzas.push((1, wrap_whole(&key, &world.secrets(1).wrap.public(), &at(1), &mut OsEntropy).unwrap()));
    for (branch, stanza) in stanzas.into_iter().filter(|(branch, _)| holders.contains(branch)) {
        let body =
            json!({ "home": 1, "version": 2, "envelope": b64(&envelope), "stanza": b64(&stanza.encode()) });
        let (status, answer) = running.put(branch, ward, &format!("/v1/records/{record}"), body).await;
        assert_eq!((status, &answer["new"]), (200, &true.into()), "{answer}");
    }
    let (pointer, size) = (Digest::of(&envelope), u32::try_from(envelope.len()).unwrap());
    let (network, branch) = (world.network, BranchId(1));
    let custody = Custody { network, record, version: 2, home: branch, pointer, size };
    let sign = |id: &u16| Receipt::signed(&custody, BranchId(*id), &world.secrets(*id).signing);
    let receipts = holders.iter().map(sign).collect();
    let (kind, assent) = (RecordKind::Visit, Assent::NetworkDefault(1));
    let storage = Storage { record, branch, kind, pointer, size, version: 2, assent, receipts };
    (envelope, world.by(ward, Body::Storage(storage)))
}

/// What a branch gives of the record: its envelope, and its share of the key.
async fn given(
    running: &Running,
    branch: u16,
    doctor: &Session,
    envelope: &[u8],
) -> (Option<Vec<u8>>, Option<Share>) {
    let (status, answer) =
        running.post(branch, doctor, "/v1/records/keys", query("advice", "mei", &["visit"])).await;
    assert_eq!(status, 200, "{answer}");
    let release = &answer["releases"][0];
    let context = ReleaseContext {
        network: running.world.network,
        branch,
        object: *record_id("visit").bytes(),
        pointer: Digest::of(envelope),
        session: doctor.agreement.public(),
        main_height: answer["main_height"].as_u64().unwrap(),
        side_height: answer["side_height"].as_u64().unwrap(),
        audit: answer["audit"].as_str().unwrap().parse().unwrap(),
    };
    let share = (release["outcome"] == "released").then(|| {
        let Held::Share(share) = accept(&bytes(&release["sealed"]), &doctor.agreement, &context).unwrap()
        else {
            panic!("the whole key at branch {branch}")
        };
        share
    });
    let ids = json!({ "records": [record_id("visit").to_string()] });
    let (status, answer) = running.post(branch, doctor, "/v1/records/envelopes", ids).await;
    assert_eq!(status, 200, "{answer}");
    let envelope = &answer["envelopes"][0];
    ((!envelope.is_null()).then(|| bytes(envelope)), share)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_record_comes_out_in_its_newest_version_while_its_home_is_down() {
    let mut running = Running::start(&[1, 2, 3, 4]).await;
    let world = &running.world;
    let [registrar, ward, doctor] =
        ["registrar 1", "ward 1", "ward 2"].map(|name| world.session(name, now_s()));
    let (patient, record) = (patient_id("mei"), record_id("visit"));
    running.make_final(1, &registrar, "side", &world.enrol(&registrar, patient)).await;
    keep_record(&running, &ward, record, &[1, 2, 3, 4]).await;
    running.make_final(1, &ward, "side", &world.link(&ward, record, patient, 1)).await;
    let first = world.storage(&ward, record, 1, RecordKind::Visit, &[1, 2, 3]);
    running.make_final(1, &ward, "main", &first).await;
    for branch in [2, 3] {
        running.await_final(branch, &ward, "main", &Digest::of(&first)).await;
    }
    // Branch 4 misses the second version, and keeps its share of the first.
    let (envelope, second) = replace(&running, &ward, record, &[1, 2, 3]).await;
    running.make_final(1, &ward, "main", &second).await;
    let lookup = world.lookup(&doctor, lookup_id("advice"), patient, Purpose::Treatment);
    running.make_final(2, &doctor, "side", &lookup).await;
    for branch in [2, 3, 4] {
        running.await_final(branch, &doctor, "main", &Digest::of(&second)).await;
        running.await_final(branch, &doctor, "side", &Digest::of(&lookup)).await;
    }

    running.stop_branch(1).await;
    let mut shares = Vec::new();
    for branch in [2, 3] {
        let (given, share) = given(&running, branch, &doctor, &envelope).await;
        assert!(given.as_ref() == Some(&envelope), "another version at branch {branch}");
        shares.extend(share);
    }
    assert_eq!(open(&combine(&shares).unwrap(), &envelope).unwrap().1.expose(), CORRECTED);
    let (given, share) = given(&running, 4, &doctor, &envelope).await;
    assert!(given.is_none() && share.is_none(), "what it has is not what is agreed");
    running.stop().await;
}
