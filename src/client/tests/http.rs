//! A branch's TLS and HTTP in the tests: answers signed as a branch signs them, unless it has a vice.

use super::{server::Server, vice::Vice, world::World};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use wardline_crypto::Digest;
use wardline_ledger::{Answer, BranchId, Canonical, Chain, SignedAnswer};
use wardline_wire::{Base64, StreamItem, header_name};

pub(crate) fn acceptor(world: &World, id: u16) -> tokio_rustls::TlsAcceptor {
    let key = &world.keys[&id].tls;
    let certificate =
        rcgen::CertificateParams::new(vec!["branch".to_owned()]).unwrap().self_signed(key).unwrap();
    let secret = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

/// Answers for ever.
pub(crate) async fn serve(listener: TcpListener, acceptor: tokio_rustls::TlsAcceptor, server: Arc<Server>) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let (acceptor, server) = (acceptor.clone(), server.clone());
        tokio::spawn(async move {
            let Ok(mut stream) = acceptor.accept(socket).await else { return };
            let mut pending = Vec::new();
            let mut answered = 0;
            while let Some(request) = read_request(&mut stream, &mut pending).await {
                if server.vice() == Vice::HangsUp && answered > 0 {
                    return;
                }
                answered += 1;
                let line = Digest::of(&server.line(&request));
                if request.target.contains("/stream?") {
                    return server.stream(&mut stream, &request, line).await;
                }
                let (status, body) = server.answer(request).await;
                let location = if status == 307 { "location: https://127.0.0.1:1/\r\n" } else { "" };
                let head = format!(
                    "HTTP/1.1 {status} X\r\n{location}content-type: application/json\r\n{}: {}\r\n\
                     content-length: {}\r\n\r\n",
                    header_name::ANSWER,
                    server.sign(line, 0, status, &body),
                    body.len()
                );
                if stream.write_all(&[head.as_bytes(), &body].concat()).await.is_err() {
                    return;
                }
            }
        });
    }
}

pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

async fn read_request(stream: &mut (impl AsyncReadExt + Unpin), pending: &mut Vec<u8>) -> Option<Request> {
    loop {
        if let Some(end) = pending.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(pending[..end].to_vec()).unwrap();
            let mut lines = head.lines();
            let mut first = lines.next().unwrap().split(' ');
            let (method, target) = (first.next().unwrap().to_owned(), first.next().unwrap().to_owned());
            let headers: BTreeMap<String, String> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect();
            let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
            if pending.len() >= end + 4 + length {
                let body = pending[end + 4..end + 4 + length].to_vec();
                pending.drain(..end + 4 + length);
                return Some(Request { method, target, headers, body });
            }
        }
        let mut buffer = [0; 16 * 1024];
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => pending.extend_from_slice(&buffer[..n]),
        }
    }
}

impl Server {
    /// The branch's signature under an answer.
    fn sign(&self, request: Digest, part: u32, status: u16, body: &[u8]) -> String {
        let world = self.world();
        let body = if self.vice() == Vice::SignsOther { Digest::ZERO } else { Digest::of(body) };
        let answer = Answer {
            network: world.network,
            branch: BranchId(self.id),
            request,
            part,
            status,
            body,
            time_s: crate::Clock::now_s(&*world.clock),
        };
        match self.vice() {
            Vice::Unsigned => String::new(),
            _ => Base64(SignedAnswer::sign(&world.keys[&self.id].signing, answer).encode()).to_string(),
        }
    }

    /// Sends blocks as they come until the other side is gone.
    async fn stream(&self, stream: &mut (impl AsyncWriteExt + Unpin), request: &Request, line: Digest) {
        self.requests.lock().unwrap().push(request.target.clone());
        let world = self.world();
        let chain = if request.target.starts_with("/v1/main") { Chain::Main } else { Chain::Side };
        let from = request.target.split_once("from=").unwrap().1;
        let mut next: u64 = from.parse().unwrap();
        let head = "HTTP/1.1 200 X\r\ncontent-type: application/jsonl\r\ntransfer-encoding: chunked\r\n\r\n";
        if stream.write_all(head.as_bytes()).await.is_err() || self.authenticate(&world, request).is_err() {
            return;
        }
        for mut part in 1.. {
            match self.vice() {
                Vice::Silent | Vice::SilentStreams => std::future::pending().await,
                Vice::EndlessLines => {
                    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x1_0000], b"\r\n"].concat();
                    if stream.write_all(&chunk).await.is_err() {
                        return;
                    }
                    continue;
                }
                Vice::EndsStreams if part > 1 => {
                    let _ = stream.write_all(b"0\r\n\r\n").await;
                    return;
                }
                Vice::Miscounts => part += 1,
                Vice::SkipsBlocks if part == 3 => next += 1,
                _ => {}
            }
            let block = self.streamed(&world, chain, next);
            if block.is_none() {
                // Heartbeats come quickly here; a real branch's come every two seconds.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            next += u64::from(block.is_some());
            let item = StreamItem { block, tip: self.own_tip(&world, chain).encode().into() };
            let item = serde_json::to_vec(&item).unwrap();
            let signature = self.sign(line, part, 200, &item);
            let mut text = [signature.as_bytes(), b" ", &item, b"\n"].concat();
            if self.vice() == Vice::GarblesStreams {
                text = b"{]\n".to_vec();
            }
            let chunk = [format!("{:x}\r\n", text.len()).as_bytes(), &text, b"\r\n"].concat();
            if stream.write_all(&chunk).await.is_err() {
                return;
            }
        }
    }
}
