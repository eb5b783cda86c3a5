//! The API of a really started network: who gets in, and how it treats what it does not like.

use super::{
    asker::{Ask, Running, now_s},
    world::{INSTITUTE, Session, patient_id, record_id},
};
use crate::{Node, StartError};
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::client::TlsStream;
use wardline_ledger::{Canonical as _, Header};
use wardline_wire::{Access, Base64, ROUTES, RouteId, header_name};

const TRUSTED: &[u16] = &[1, 2, 3, 4];

/// A path of a route with something in its places.
fn filled(path: &str) -> String {
    path.replace("{height}", "0")
        .replace("{id}", &"0".repeat(64))
        .replace("{patient}", &"0".repeat(32))
        .replace("{record}", &"0".repeat(32))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_check_of_who_asks_holds() {
    let running = Running::start(TRUSTED).await;
    let ward = running.world.session("ward 1", now_s());
    nothing_but_hello_and_genesis_is_open(&running).await;

    let (status, body) = running.get(1, &ward, "/v1/status").await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["main"]["height"], 0);

    // Replay, and the same number again with another request.
    let once = Ask { counter: Some(1000), ..Ask::new(1, &ward, "GET", "/v1/status") };
    let headers = running.headers(&once).await;
    assert_eq!(running.send(1, "GET", "/v1/status", &headers, b"").await.0, 200);
    let (status, problem) = running.send(1, "GET", "/v1/status", &headers, b"").await;
    assert_eq!((status, &problem["code"]), (401, &"replayed".into()));
    let again = Ask { counter: Some(1000), ..Ask::new(1, &ward, "GET", "/v1/main/headers?from=0&limit=1") };
    assert_eq!(running.ask(again).await.0, 401);

    // What was signed for another branch, another target, another method, another body.
    let elsewhere = Ask { signed_for: Some(2), ..Ask::new(1, &ward, "GET", "/v1/status") };
    let (status, problem) = running.ask(elsewhere).await;
    assert_eq!((status, &problem["code"]), (401, &"signature".into()));
    let signed = running.headers(&Ask::new(1, &ward, "GET", "/v1/status")).await;
    assert_eq!(running.send(1, "GET", "/v1/status?x", &signed, b"").await.0, 401);
    let keys = Ask { body: b"{\"keys\":[]}".to_vec(), ..Ask::new(1, &ward, "POST", "/v1/main/proofs") };
    let signed = running.headers(&keys).await;
    let (status, _) = running.send(1, "POST", "/v1/main/proofs", &signed, b"{\"keys\": []}").await;
    assert_eq!(status, 401);

    // Each header is needed, once.
    for missing in 0..signed.len() {
        let mut some = running.headers(&Ask::new(1, &ward, "GET", "/v1/status")).await;
        let (name, value) = some.remove(missing);
        let (status, problem) = running.send(1, "GET", "/v1/status", &some, b"").await;
        assert_eq!((status, &problem["code"]), (401, &"unsigned".into()), "without {name}");
        some.extend([(name, value.clone()), (name, value)]);
        let (status, problem) = running.send(1, "GET", "/v1/status", &some, b"").await;
        assert_eq!((status, &problem["code"]), (401, &"header".into()), "{name} twice");
    }

    // Grants: over, too long, of nobody, signed by somebody else, a session key that the grant does not name.
    let over = running.world.session_of("ward 1", "over", now_s() - 7200, 3600);
    assert_eq!(running.get(1, &over, "/v1/status").await.1["code"], "session");
    let long = running.world.session_of("ward 1", "long", now_s(), 13 * 3600);
    assert_eq!(running.get(1, &long, "/v1/status").await.1["code"], "session");
    let mut forged = running.world.session("ward 2", now_s());
    forged.grant.staff = ward.grant.staff;
    assert_eq!(running.get(1, &forged, "/v1/status").await.1["code"], "session");
    let mut stranger = running.world.session("ward 2", now_s());
    stranger.grant.staff = wardline_ledger::StaffId::from_bytes([9; 16]);
    assert_eq!(running.get(1, &stranger, "/v1/status").await.1["code"], "unknown_staff");
    let mut borrowed = running.world.session_of("ward 1", "borrowed", now_s(), 3600);
    borrowed.grant = ward.grant.clone();
    assert_eq!(running.get(1, &borrowed, "/v1/status").await.1["code"], "signature");

    // A console that has seen more than this branch.
    let ahead = Ask { min_main: 5, ..Ask::new(1, &ward, "GET", "/v1/status") };
    let (status, problem) = running.ask(ahead).await;
    assert_eq!((status, &problem["code"]), (409, &"behind".into()));

    roles_are_enforced(&running).await;
    bad_requests_are_refused_in_good_order(&running).await;
    revocation_works_at_once(&running).await;
    running.stop().await;
}

async fn nothing_but_hello_and_genesis_is_open(running: &Running) {
    for route in ROUTES {
        let (status, body) = running.send(1, route.method.name(), &filled(route.path), &[], b"").await;
        match route.access {
            Access::Public => assert_eq!(status, 200, "{}", route.path),
            Access::Needs(_) | Access::ByTransaction => {
                assert_eq!((status, &body["code"]), (401, &"unsigned".into()), "{}", route.path);
                assert_eq!(body["id"].as_str().map(str::len), Some(16));
            }
        }
    }
    assert!(matches!(RouteId::Hello.route().access, Access::Public));
}

async fn roles_are_enforced(running: &Running) {
    let world = &running.world;
    let session = |name| world.session(name, now_s());
    // The whole table: who may use the routes that need one operation each.
    for (name, home) in [
        ("ward 1", 1),
        ("registrar 1", 1),
        ("operator 1", 1),
        ("auditor 1", 1),
        ("crew 2", 2),
        ("patient 1", 1),
    ] {
        let person = session(name);
        let entry = &world.person(name).entry;
        for route in ROUTES {
            let Access::Needs(operation) = route.access else { continue };
            let decision = wardline_policy::decide(&wardline_policy::Request {
                own_branch: home == 1,
                trusted_branch: true,
                purpose: Some(wardline_policy::Purpose::Emergency),
                kind: Some(wardline_policy::RecordKind::Allergy),
                ..wardline_policy::Request::new(operation, entry.roles)
            });
            let body = match route.id {
                // Refused for want of a lookup before the role is looked at: `release` has them.
                RouteId::Links | RouteId::ReleaseKeys => continue,
                RouteId::SearchPatients => json!({ "terms": ["name:nobody"] }).to_string(),
                RouteId::Envelopes => json!({ "records": ["0".repeat(32)] }).to_string(),
                _ if route.body_limit == 0 => String::new(),
                _ => "{}".to_owned(),
            };
            let target = filled(route.path);
            let ask = Ask { body: body.into(), ..Ask::new(1, &person, route.method.name(), &target) };
            let (status, answer) = running.ask(ask).await;
            assert_eq!(status == 403, !decision.allowed, "{name} {}: {status} {answer}", route.path);
        }
    }
    let (status, problem) =
        running.post(1, &session("operator 1"), "/v1/patients/search", json!({"terms": ["name:x"]})).await;
    assert_eq!((status, &problem["code"]), (403, &"forbidden".into()));
    assert!(problem["message"].as_str().unwrap().contains("operators see no patient data"), "{problem}");

    // People of a research institute at a trusted branch, whatever roles they have there.
    for name in ["researcher", "institute ward"] {
        let person = session(name);
        assert_eq!(running.get(1, &person, "/v1/main/headers?from=0&limit=5").await.0, 200);
        for target in ["/v1/side/headers?from=0&limit=5", "/v1/side/blocks/0"] {
            let (status, problem) = running.get(1, &person, target).await;
            assert_eq!((status, &problem["code"]), (403, &"forbidden".into()), "{name}");
        }
        let (status, _) = running.post(1, &person, "/v1/patients/search", json!({"terms": ["name:x"]})).await;
        assert_eq!(status, 403);
    }

    // Whole blocks of the side chain are the auditor's, and every asking is in the log.
    let auditor = session("auditor 1");
    let told = async || {
        let (_, log) = running.get(1, &auditor, "/v1/audit?from=0&limit=512").await;
        let entries = log["entries"].as_array().unwrap();
        let decode = |entry: &serde_json::Value| {
            let bytes = entry.as_str().unwrap().parse::<wardline_wire::Base64>().unwrap().0;
            <wardline_wire::AuditEntry as wardline_ledger::Canonical>::decode(&bytes).unwrap()
        };
        let read =
            |entry: &wardline_wire::AuditEntry| entry.operation == wardline_policy::Operation::ReadSideBlocks;
        entries.iter().map(decode).filter(read).map(|entry| entry.allowed).collect::<Vec<_>>()
    };
    let before = told().await.len();
    assert_eq!(running.get(1, &auditor, "/v1/side/blocks/0").await.0, 200);
    assert_eq!(running.get(1, &session("ward 1"), "/v1/side/blocks/0").await.0, 403);
    assert_eq!(told().await[before..], [true, false]);

    // Nobody reads what the side chain holds about patients by its keys.
    let supervisor = session("admin 1");
    let patient = wardline_ledger::Key::Patient(patient_id("somebody")).bytes();
    let policy = wardline_ledger::Key::Policy.bytes();
    let query = |key: &[u8]| json!({ "keys": [wardline_wire::Base64(key.to_vec()).to_string()] });
    let (status, problem) = running.post(1, &supervisor, "/v1/side/proofs", query(&patient)).await;
    assert_eq!((status, &problem["code"]), (403, &"patient_key".into()));
    assert_eq!(running.post(1, &supervisor, "/v1/side/proofs", query(&policy)).await.0, 200);

    // Transactions in somebody else's name, of another branch, or of a role that may not.
    let (ward, other) = (session("ward 1"), session("ward 2"));
    let submit = |bytes: &[u8]| json!({ "transaction": wardline_wire::Base64(bytes.to_vec()).to_string() });
    let foreign = world.lookup(
        &other,
        super::world::lookup_id("a"),
        patient_id("a"),
        wardline_policy::Purpose::Treatment,
    );
    assert_eq!(running.post(1, &ward, "/v1/side/transactions", submit(&foreign)).await.1["code"], "session");
    let enrol = world.enrol(&ward, patient_id("a"));
    assert_eq!(running.post(1, &ward, "/v1/side/transactions", submit(&enrol)).await.1["code"], "forbidden");
    let link = world.link(&ward, record_id("a"), patient_id("a"), 2);
    assert_eq!(running.post(1, &ward, "/v1/side/transactions", submit(&link)).await.1["code"], "forbidden");
    let (status, problem) = running.post(1, &ward, "/v1/main/transactions", submit(&link)).await;
    assert_eq!((status, &problem["code"]), (400, &"field".into()), "the wrong chain");
    let unknown = world.link(&ward, record_id("a"), patient_id("nobody"), 1);
    let (status, problem) = running.post(1, &ward, "/v1/side/transactions", submit(&unknown)).await;
    assert_eq!((status, &problem["code"]), (422, &"link.patient-unknown".into()));
    let revoke = world.revoke("patient 1");
    let (status, problem) = running.post(1, &supervisor, "/v1/side/transactions", submit(&revoke)).await;
    assert_eq!((status, &problem["code"]), (422, &"registry.main-first".into()));
}

async fn bad_requests_are_refused_in_good_order(running: &Running) {
    let ward = running.world.session("ward 1", now_s());
    let (status, problem) = running.send(1, "GET", "/v1/nothing", &[], b"").await;
    assert_eq!((status, &problem["code"]), (404, &"no_route".into()));
    assert_eq!(running.send(1, "POST", "/v1/hello", &[], b"").await.1["code"], "method");
    assert_eq!(running.send(1, "HEAD", "/v1/hello", &[], b"").await.0, 405);
    let (status, problem) =
        running.post(1, &ward, "/v1/patients/search", json!({"terms": ["x".repeat(70_000)]})).await;
    assert_eq!((status, &problem["code"]), (413, &"too_large".into()));
    let chunked = [("transfer-encoding", "chunked".to_owned())];
    let (status, _) = running.send(1, "GET", "/v1/hello", &chunked, b"").await;
    assert_ne!(status, 200, "a body that never comes");
    let (status, problem) = running.post(1, &ward, "/v1/patients/search", json!({"terms": [7]})).await;
    assert_eq!((status, &problem["code"]), (400, &"json".into()));
    assert!(problem["message"].as_str().unwrap().contains("terms[0]"), "{problem}");
    assert_eq!(running.get(1, &ward, "/v1/main/headers?from=x&limit=1").await.1["code"], "query");
    assert_eq!(running.get(1, &ward, "/v1/main/blocks/x").await.1["code"], "path");
    for height in ["99", "9223372036854775808", "18446744073709551615"] {
        let (status, problem) = running.get(1, &ward, &format!("/v1/main/blocks/{height}")).await;
        assert_eq!((status, &problem["code"]), (404, &"not_found".into()), "{height}");
        let (status, answer) =
            running.get(1, &ward, &format!("/v1/main/headers?from={height}&limit=1")).await;
        assert_eq!((status, &answer["headers"]), (200, &json!([])), "{height}");
    }
}

async fn revocation_works_at_once(running: &Running) {
    let world = &running.world;
    let (supervisor, person) = (world.session("admin 1", now_s()), world.session("patient 1", now_s()));
    assert_eq!(running.get(2, &person, "/v1/status").await.0, 200);
    let revoke = world.revoke("patient 1");
    let done = running.make_final(1, &supervisor, "main", &revoke).await;
    assert!(done["certificate"].is_string(), "{done}");
    // Whoever has seen the revocation gets no answer from a branch that has not.
    let header: Base64 = serde_json::from_value(done["header"].clone()).unwrap();
    let min_main = Header::decode(&header.0).unwrap().height;
    let ask = Ask { min_main, ..Ask::new(2, &person, "GET", "/v1/status") };
    let (status, problem) = running.ask(ask).await;
    assert_eq!((status, &problem["code"]), (401, &"session".into()));
    // The branches carry it over to the side chain.
    let id = wardline_crypto::Digest::of(&revoke);
    for branch in TRUSTED {
        running.await_final(*branch, &supervisor, "side", &id).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_and_slow_connections_are_closed() {
    let running = Running::start(&[1]).await;
    let began = Instant::now();
    let closes = async |what: &str, send: &[u8]| {
        let mut stream = running.connect(1).await;
        stream.write_all(send).await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = Vec::new();
        let ended = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "{what} stays open");
        String::from_utf8_lossy(&answer).into_owned()
    };
    closes("a silent connection", b"").await;
    closes("half a head", b"GET /v1/hello HTTP/1.1\r\nhost: x\r\n").await;
    let answer = closes(
        "a body that stops",
        b"GET /v1/hello HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    closes("an idle connection", b"GET /v1/hello HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut plain = tokio::net::TcpStream::connect(running.node(1).api_address()).await.unwrap();
    let mut nothing = Vec::new();
    let ended = timeout(Duration::from_secs(10), plain.read_to_end(&mut nothing)).await;
    assert!(ended.is_ok(), "no handshake, and it stays open");
    let mut garbage = tokio::net::TcpStream::connect(running.node(1).api_address()).await.unwrap();
    garbage.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let _ = timeout(Duration::from_secs(10), garbage.read_to_end(&mut nothing))
        .await
        .expect("plain HTTP stays open");
    assert!(began.elapsed() < Duration::from_secs(40));
    assert_eq!(running.send(1, "GET", "/v1/hello", &[], b"").await.0, 200, "and others are served");

    let huge = format!("GET /v1/hello HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(40_000));
    assert!(closes("a huge head", huge.as_bytes()).await.starts_with("HTTP/1.1 431"));
    running.stop().await;
}

/// Begins to leave a record at branch 1 and sends nothing of it; returns with the branch's first word.
async fn upload(running: &Running, session: &Session, length: usize) -> (TlsStream<TcpStream>, String) {
    let target = format!("/v1/records/{}", record_id("slow"));
    let mut head = format!("PUT {target} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n");
    for (name, value) in running.headers(&Ask::new(1, session, "PUT", &target)).await {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("content-length: {length}\r\n\r\n");
    let mut stream = running.connect(1).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 64];
    let count = stream.read(&mut answer).await.unwrap();
    (stream, String::from_utf8_lossy(&answer[..count]).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_uploads_hold_up_nothing_but_uploads() {
    const FILM: usize = 33 * 1024 * 1024;
    let running = Running::start_with(&[1], |limits| limits.body_part = Duration::from_secs(30)).await;
    let [ward, operator] = ["ward 1", "operator 1"].map(|name| running.world.session(name, now_s()));
    let (_first, asked) = upload(&running, &ward, FILM).await;
    assert!(asked.starts_with("HTTP/1.1 100"), "{asked}");
    // The second waits for room that the first has; nobody else waits behind it.
    let others = async {
        for _ in 0..20 {
            let terms = json!({ "transaction": "" });
            let (status, problem) = running.post(1, &ward, "/v1/main/transactions", terms).await;
            assert_eq!((status, &problem["code"]), (400, &"field".into()), "{problem}");
        }
    };
    tokio::select! {
        (_, refused) = upload(&running, &ward, FILM) => panic!("the others waited as long: {refused}"),
        () = others => {}
    }
    // Whoever may not leave records at all takes up no room, and need not send anything to be told.
    let (_, refused) = upload(&running, &operator, FILM).await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_institute_has_no_side_chain_and_no_file_of_it() {
    let running = Running::start(&[1, 2, 3, 4, INSTITUTE]).await;
    let researcher = running.world.session("researcher", now_s());
    let supervisor = running.world.session("admin 1", now_s());
    for route in ROUTES
        .iter()
        .filter(|route| super::super::api::router::chain_of(route.id) == wardline_ledger::Chain::Side)
    {
        let (status, problem) =
            running.send(INSTITUTE, route.method.name(), &filled(route.path), &[], b"").await;
        assert_eq!((status, &problem["code"]), (404, &"no_route".into()), "{}", route.path);
    }
    let revoke = running.world.revoke("patient 1");
    running.make_final(1, &supervisor, "main", &revoke).await;
    let id = wardline_crypto::Digest::of(&revoke);
    running.await_final(INSTITUTE, &researcher, "main", &id).await;
    let (_, status) = running.get(INSTITUTE, &researcher, "/v1/status").await;
    assert_eq!(status["main"]["height"], 1);
    assert!(status["side"].is_null());
    let directory = running.directory(INSTITUTE);
    assert!(directory.join("main.sqlite").exists());
    assert!(!directory.join("side.sqlite").exists());
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_refuses_to_start_with_what_is_not_its_own() {
    let mut running = Running::start(&[1]).await;
    let mut settings = running.settings(2);
    settings.allow_demo = false;
    assert!(matches!(Node::start(settings).await, Err(StartError::Demo)));
    let mut settings = running.settings(2);
    settings.secrets = running.world.secrets(3);
    assert!(matches!(Node::start(settings).await, Err(StartError::OtherKeys { what: "signing key", .. })));
    let mut settings = running.settings(2);
    settings.directory = running.directory(1);
    assert!(matches!(Node::start(settings).await, Err(StartError::Store(_))), "the files are in use");
    let mut settings = running.settings(2);
    settings.branch = wardline_ledger::BranchId(77);
    assert!(matches!(Node::start(settings).await, Err(StartError::NotAParticipant(_))));
    running.stop_branch(1).await;
    let mut settings = running.settings(1);
    settings.genesis.created_s += 1;
    assert!(matches!(Node::start(settings).await, Err(StartError::Open(_))), "another network");
    running.start_branch(1).await;
    let ward = running.world.session("ward 1", now_s());
    assert_eq!(running.get(1, &ward, "/v1/status").await.0, 200, "the same directory again");
    // Another branch's whole directory, in which somebody asked something: its votes are not here.
    assert_eq!(running.get(1, &ward, "/v1/side/blocks/0").await.0, 403);
    running.stop_branch(1).await;
    let mut settings = running.settings(2);
    settings.directory = running.directory(1);
    let other = wardline_ledger::BranchId(1);
    assert!(
        matches!(Node::start(settings).await, Err(StartError::OtherBranch { other: found, .. }) if found == other)
    );
    running.start_branch(1).await;
    // A request signed for the start before is of no use any more.
    let first = running.hello(1).await;
    let headers = running.headers(&Ask::new(1, &ward, "GET", "/v1/status")).await;
    running.stop_branch(1).await;
    running.start_branch(1).await;
    assert_ne!(running.hello(1).await.boot, first.boot);
    let (status, problem) = running.send(1, "GET", "/v1/status", &headers, b"").await;
    assert_eq!((status, &problem["code"]), (401, &"signature".into()));
    assert!(headers.iter().any(|(name, _)| *name == header_name::SIGNATURE));
    running.stop().await;
}
