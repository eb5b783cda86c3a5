//! A really started network and a small client for it.

use super::world::{Session, World, free_port};
use crate::{Limits, Node, NodeSettings, PeerAddresses};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tokio::{net::TcpStream, time::Instant};
use tokio_rustls::{TlsConnector, client::TlsStream};
use wardline_crypto::{Digest, Domain, Signature};
use wardline_ledger::{BranchId, Canonical};
use wardline_wire::{Base64, Hello, RequestLine, header_name};

pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) struct Running {
    pub world: World,
    nodes: BTreeMap<u16, Node>,
    directory: TempDir,
    addresses: BTreeMap<BranchId, PeerAddresses>,
    counter: AtomicU64,
    /// What a test wants otherwise than the others.
    limits: fn(&mut Limits),
    hellos: Mutex<BTreeMap<u16, Hello>>,
}

impl Running {
    /// Starts these branches of the network.
    pub async fn start(branches: &[u16]) -> Self {
        Self::start_with(branches, |_| {}).await
    }

    /// The same with other limits than those of [`Self::settings`].
    pub async fn start_with(branches: &[u16], limits: fn(&mut Limits)) -> Self {
        Self::start_in(World::new(now_s()), branches, limits).await
    }

    /// The same in a world that a test made.
    pub async fn start_in(world: World, branches: &[u16], limits: fn(&mut Limits)) -> Self {
        let addresses = world
            .genesis
            .participants
            .iter()
            .map(|participant| {
                let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
                let side = participant.trusted.then(|| at(free_port()));
                (participant.id, PeerAddresses { main: at(free_port()), side })
            })
            .collect();
        let directory = TempDir::new().unwrap();
        let mut running = Self {
            world,
            nodes: BTreeMap::new(),
            directory,
            addresses,
            counter: AtomicU64::new(1),
            limits,
            hellos: Mutex::default(),
        };
        for branch in branches {
            running.start_branch(*branch).await;
        }
        running
    }

    pub fn settings(&self, branch: u16) -> NodeSettings {
        let addresses = self.addresses[&BranchId(branch)];
        let mut settings = NodeSettings::new(
            self.world.genesis.clone(),
            BranchId(branch),
            self.directory.path().join(branch.to_string()),
            self.world.secrets(branch),
            SocketAddr::from(([127, 0, 0, 1], 0)),
            addresses.main,
            addresses.side,
        );
        settings.addresses = self.addresses.clone();
        settings.allow_demo = true;
        settings.tip_interval = Duration::from_millis(500);
        settings.limits.head = Duration::from_millis(1500);
        settings.limits.handshake = Duration::from_millis(1500);
        settings.limits.body_part = Duration::from_millis(1000);
        settings.limits.audit_entries = 5;
        (self.limits)(&mut settings.limits);
        settings
    }

    pub async fn start_branch(&mut self, branch: u16) {
        // A branch that starts again needs its port again, which a connection on its way out may have for a moment.
        let deadline = Instant::now() + Duration::from_secs(30);
        let node = loop {
            match Node::start(self.settings(branch)).await {
                Err(error) if error.to_string().contains("in use") && Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                started => break started.unwrap(),
            }
        };
        self.nodes.insert(branch, node);
        self.hellos.lock().unwrap().remove(&branch);
    }

    pub async fn stop_branch(&mut self, branch: u16) {
        self.nodes.remove(&branch).unwrap().stop().await;
    }

    pub async fn stop(mut self) {
        while let Some((_, node)) = self.nodes.pop_first() {
            node.stop().await;
        }
    }

    pub fn directory(&self, branch: u16) -> std::path::PathBuf {
        self.directory.path().join(branch.to_string())
    }

    pub fn node(&self, branch: u16) -> &Node {
        &self.nodes[&branch]
    }

    pub async fn connect(&self, branch: u16) -> TlsStream<TcpStream> {
        let tcp = TcpStream::connect(self.node(branch).api_address()).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let connector = TlsConnector::from(Arc::new(pinned(self.world.secrets(branch).tls_pin().unwrap())));
        connector.connect("127.0.0.1".try_into().unwrap(), tcp).await.unwrap()
    }

    pub async fn hello(&self, branch: u16) -> Hello {
        if let Some(hello) = self.hellos.lock().unwrap().get(&branch) {
            return hello.clone();
        }
        let (status, body) = self.send(branch, "GET", "/v1/hello", &[], b"").await;
        assert_eq!(status, 200);
        let hello: Hello = serde_json::from_value(body).unwrap();
        self.hellos.lock().unwrap().insert(branch, hello.clone());
        hello
    }

    /// One unsigned request on a connection of its own.
    pub async fn send(
        &self,
        branch: u16,
        method: &str,
        target: &str,
        headers: &[(&str, String)],
        body: &[u8],
    ) -> (u16, Value) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = self.connect(branch).await;
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: branch\r\nconnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            head += &format!("content-length: {}\r\n", body.len());
        }
        head += "\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        // A refusal may come before the body is read.
        let _ = stream.write_all(body).await;
        let _ = stream.flush().await;
        let mut answer = Vec::new();
        // A stream goes on for minutes; its first line is answer enough here.
        while !first_line_is_here(&answer) {
            if !matches!(stream.read_buf(&mut answer).await, Ok(read) if read > 0) {
                break;
            }
        }
        parse(&answer)
    }

    /// The headers of a signed request, with what a test wants to get wrong.
    pub async fn headers(&self, ask: &Ask<'_>) -> Vec<(&'static str, String)> {
        let hello = self.hello(ask.branch).await;
        let boot = hello.boot.0.try_into().unwrap();
        let counter = ask.counter.unwrap_or_else(|| self.counter.fetch_add(1, Ordering::Relaxed));
        let line = RequestLine {
            network: &self.world.network,
            branch: ask.signed_for.unwrap_or(ask.branch),
            boot: &boot,
            counter,
            min_main: ask.min_main,
            min_side: ask.min_side,
            method: ask.method,
            target: ask.target,
            body: &ask.body,
        };
        let signature = ask.session.key.sign(Domain::Request, &line.bytes());
        vec![
            (header_name::GRANT, Base64(ask.session.grant.encode()).to_string()),
            (header_name::COUNTER, counter.to_string()),
            (header_name::MIN_MAIN, ask.min_main.to_string()),
            (header_name::MIN_SIDE, ask.min_side.to_string()),
            (header_name::SIGNATURE, Base64(Signature::bytes(&signature).to_vec()).to_string()),
        ]
    }

    pub async fn ask(&self, ask: Ask<'_>) -> (u16, Value) {
        let headers = self.headers(&ask).await;
        self.send(ask.branch, ask.method, ask.target, &headers, &ask.body).await
    }

    pub async fn get(&self, branch: u16, session: &Session, target: &str) -> (u16, Value) {
        self.ask(Ask::new(branch, session, "GET", target)).await
    }

    pub async fn post(&self, branch: u16, session: &Session, target: &str, body: Value) -> (u16, Value) {
        self.ask(Ask {
            body: serde_json::to_vec(&body).unwrap(),
            ..Ask::new(branch, session, "POST", target)
        })
        .await
    }

    pub async fn put(&self, branch: u16, session: &Session, target: &str, body: Value) -> (u16, Value) {
        self.ask(Ask { body: serde_json::to_vec(&body).unwrap(), ..Ask::new(branch, session, "PUT", target) })
            .await
    }

    /// Hands a transaction in and waits until it is final at this branch.
    pub async fn make_final(&self, branch: u16, session: &Session, chain: &str, transaction: &[u8]) -> Value {
        let body = serde_json::json!({ "transaction": Base64(transaction.to_vec()).to_string() });
        let (status, answer) = self.post(branch, session, &format!("/v1/{chain}/transactions"), body).await;
        assert_eq!(status, 200, "{answer}");
        self.await_final(branch, session, chain, &Digest::of(transaction)).await
    }

    pub async fn await_final(&self, branch: u16, session: &Session, chain: &str, id: &Digest) -> Value {
        let target = format!("/v1/{chain}/transactions/{id}?wait_ms=20000");
        let (status, answer) = self.get(branch, session, &target).await;
        assert_eq!((status, &answer["state"]), (200, &"final".into()), "{answer}");
        answer
    }

    /// Waits until a branch answers what is wanted.
    pub async fn until(&self, what: &str, mut done: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !done().await {
            assert!(Instant::now() < deadline, "not in time: {what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A signed request.
pub(crate) struct Ask<'a> {
    pub branch: u16,
    pub session: &'a Session,
    pub method: &'a str,
    pub target: &'a str,
    pub body: Vec<u8>,
    pub counter: Option<u64>,
    pub min_main: u64,
    pub min_side: u64,
    pub signed_for: Option<u16>,
}

impl<'a> Ask<'a> {
    pub fn new(branch: u16, session: &'a Session, method: &'a str, target: &'a str) -> Self {
        let (body, counter, signed_for) = (Vec::new(), None, None);
        Self { branch, session, method, target, body, counter, min_main: 0, min_side: 0, signed_for }
    }
}

const LINES: &str = "application/jsonl";

fn first_line_is_here(answer: &[u8]) -> bool {
    let is_stream = answer.windows(LINES.len()).any(|window| window == LINES.as_bytes());
    is_stream && answer.windows(2).any(|window| window == b"}\n")
}

/// Status and JSON of an answer; an answer without JSON gives `Null`.
fn parse(answer: &[u8]) -> (u16, Value) {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(answer.len());
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = answer.get(end + 4..).unwrap_or_default();
    let mut body = if head.to_lowercase().contains("transfer-encoding: chunked") {
        unchunked(body)
    } else {
        body.to_vec()
    };
    if head.contains(LINES) {
        // Signature, space, item.
        let line = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
        body = line.splitn(2, |byte| *byte == b' ').nth(1).unwrap_or_default().to_vec();
    }
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        out.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[(end + 4 + length).min(rest.len())..];
    }
    out
}

fn pinned(pin: Digest) -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned { pin, provider }))
        .with_no_client_auth()
}

/// Takes the certificate whose key has this digest and no other.
#[derive(Debug)]
struct Pinned {
    pin: Digest,
    provider: Arc<rustls::crypto::CryptoProvider>,
}

impl rustls::client::danger::ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        let parsed = rustls::server::ParsedCertificate::try_from(certificate)?;
        if Digest::of(&parsed.subject_public_key_info()) != self.pin {
            return Err(rustls::Error::General("another key".into()));
        }
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
