//! Signed answers and the stream of blocks, read as bytes from a really started network.

use super::{
    asker::{Ask, Running, now_s},
    world::Session,
};
use serde_json::Value;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::client::TlsStream;
use wardline_crypto::Digest;
use wardline_ledger::{BranchId, Canonical, Header, RegistryEntry, SignedAnswer, SignedTip, StaffEntry};
use wardline_wire::{Base64, RequestLine, StreamItem, header_name};

/// A sent request and what comes back for it.
struct Sent {
    stream: TlsStream<TcpStream>,
    /// SHA-256 of the signed line.
    line: Digest,
    received: Vec<u8>,
}

impl Sent {
    async fn get(running: &Running, session: &Session, target: &str) -> Self {
        let ask = Ask::new(1, session, "GET", target);
        let headers = running.headers(&ask).await;
        let counter =
            headers.iter().find(|(name, _)| *name == header_name::COUNTER).unwrap().1.parse().unwrap();
        let boot = running.hello(1).await.boot.0.try_into().unwrap();
        let line = RequestLine {
            network: &running.world.network,
            branch: 1,
            boot: &boot,
            counter,
            min_main: 0,
            min_side: 0,
            method: "GET",
            target,
            body: b"",
        };
        let mut head = format!("GET {target} HTTP/1.1\r\nhost: branch\r\n");
        headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        let mut stream = running.connect(1).await;
        stream.write_all((head + "\r\n").as_bytes()).await.unwrap();
        Self { stream, line: Digest::of(&line.bytes()), received: Vec::new() }
    }

    /// Reads until something is in what came; `false` when the other side ended before.
    async fn until<T>(&mut self, mut find: impl FnMut(&mut Vec<u8>) -> Option<T>) -> Option<T> {
        loop {
            if let Some(found) = find(&mut self.received) {
                return Some(found);
            }
            let read =
                timeout(Duration::from_secs(20), self.stream.read_buf(&mut self.received)).await.unwrap();
            if !matches!(read, Ok(read) if read > 0) {
                return None;
            }
        }
    }

    async fn head(&mut self) -> String {
        let head = self.until(|received| {
            let end = received.windows(4).position(|window| window == b"\r\n\r\n")?;
            Some(String::from_utf8(received.drain(..end + 4).collect()).unwrap())
        });
        head.await.unwrap()
    }

    /// The next line of a stream, out of its chunk: this node sends whole lines in each.
    async fn line(&mut self) -> Option<String> {
        let line = self.until(|received| {
            let end = received.iter().position(|byte| *byte == b'\n')?;
            Some(String::from_utf8(received.drain(..=end).collect()).unwrap())
        });
        let mut line = line.await?;
        // Lengths and ends of chunks stand on lines of their own.
        while !line.contains(' ') {
            if line.trim() == "0" {
                return None;
            }
            line = Box::pin(self.line()).await?;
        }
        Some(line.trim_end().to_owned())
    }
}

fn signed(running: &Running, text: &str) -> SignedAnswer {
    let answer = SignedAnswer::decode(&text.parse::<Base64>().unwrap().0).unwrap();
    let participant = running.world.genesis.participants.iter().find(|one| one.id == BranchId(1)).unwrap();
    assert!(answer.verify(&participant.signing));
    assert_eq!((answer.answer.network, answer.answer.branch), (running.world.network, BranchId(1)));
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_and_refusals_are_signed() {
    let running = Running::start(&[1, 2, 3]).await;
    let ward = running.world.session("ward 1", now_s());
    for (target, status) in [("/v1/status", 200), ("/v1/main/blocks/999", 404), ("/v1/side/blocks/0", 403)] {
        let mut sent = Sent::get(&running, &ward, target).await;
        let head = sent.head().await;
        let header = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.unwrap_or_else(|| panic!("{target}: no {name} in {head}")).to_owned()
        };
        let length: usize = header("content-length").parse().unwrap();
        let body = sent.until(|received| Some(received.get(..length)?.to_vec())).await.unwrap();
        let answer = signed(&running, &header(header_name::ANSWER)).answer;
        assert_eq!((answer.status, answer.part), (status, 0), "{target}");
        assert_eq!((answer.request, answer.body), (sent.line, Digest::of(&body)), "{target}");
        assert!(answer.time_s.abs_diff(now_s()) < 60);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_are_streamed_until_the_person_is_revoked() {
    let running = Running::start(&[1, 2, 3, 4]).await;
    let (ward, supervisor) =
        (running.world.session("patient 1", now_s()), running.world.session("admin 1", now_s()));
    let operator = running.world.session("operator 1", now_s());
    let mut kept = Sent::get(&running, &operator, "/v1/main/stream?from=0").await;
    let mut sent = Sent::get(&running, &operator, "/v1/main/stream?from=0").await;
    assert!(sent.head().await.starts_with("HTTP/1.1 200"));
    kept.head().await;

    let mut part = 0;
    let mut next = async |sent: &mut Sent| -> Option<StreamItem> {
        let line = sent.line().await?;
        let (signature, item) = line.split_once(' ').unwrap();
        let answer = signed(&running, signature).answer;
        part += 1;
        assert_eq!((answer.part, answer.status, answer.request), (part, 200, sent.line));
        assert_eq!(answer.body, Digest::of(item.as_bytes()));
        Some(serde_json::from_str(item).unwrap())
    };
    let height = |item: &StreamItem| Header::decode(&item.block.as_ref().unwrap().header.0).unwrap().height;
    let genesis = next(&mut sent).await.unwrap();
    assert_eq!(height(&genesis), 0);
    // Longer than a connection may be silent without a request: nothing happens, and that is said.
    let quiet = next(&mut sent).await.unwrap();
    assert!(quiet.block.is_none());
    let tip = SignedTip::decode(&quiet.tip.0).unwrap();
    assert_eq!((tip.height, tip.branch), (0, BranchId(1)));

    // A block that becomes final comes by itself, with its certificate.
    running.make_final(1, &supervisor, "main", &running.world.revoke("patient 1")).await;
    let new = loop {
        let item = next(&mut sent).await.unwrap();
        if item.block.is_some() {
            break item;
        }
    };
    assert_eq!(height(&new), 1);
    assert!(new.block.unwrap().certificate.is_some());
    assert_eq!(running.get(1, &ward, "/v1/main/stream?from=0").await.0, 401, "revoked");

    // Whoever reads a stream is revoked: it ends.
    let entry = StaffEntry { active: false, ..running.world.person("operator 1").entry.clone() };
    let revoke = running.world.registry(2, RegistryEntry::Staff(entry));
    running.make_final(1, &supervisor, "main", &revoke).await;
    while let Some(item) = next(&mut sent).await {
        assert!(item.block.is_none(), "{item:?}");
    }

    // A node that stops does not wait for its streams.
    let lasting = running.world.session("ward 1", now_s());
    let mut last = Sent::get(&running, &lasting, "/v1/main/stream?from=0").await;
    last.head().await;
    let began = Instant::now();
    running.stop().await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    while last.line().await.is_some() {}
    drop(kept);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_needs_its_height_and_its_role() {
    let running = Running::start(&[1]).await;
    let ward = running.world.session("ward 1", now_s());
    let (status, problem): (u16, Value) = running.get(1, &ward, "/v1/main/stream").await;
    assert_eq!((status, &problem["code"]), (400, &"query".into()));
    let researcher = running.world.session("researcher", now_s());
    assert_eq!(running.get(1, &researcher, "/v1/side/stream?from=0").await.0, 403);
    assert_eq!(running.get(1, &researcher, "/v1/main/stream?from=0").await.0, 200);
    running.stop().await;
}
