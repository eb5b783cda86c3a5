//! A hostile node: every branch of the network with the registered TLS key, serving whatever history it is given, and
//! signing each answer as the branch that was asked.

use super::{
    case::Case,
    export::{Export, Line},
    network::{Gate, NOW, Network},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use wardline_crypto::Digest;
use wardline_ledger::{Answer, BranchId, Canonical, Chain, Header, RecordId, SignedAnswer, SignedTip};
use wardline_wire::{
    Base64, Block, CertifiedHeader, ChainStatus, Envelopes, EnvelopesQuery, Handover, Headers, Hello,
    Problem, RequestLine, Status, header_name,
};

/// What is served, and how it is lied about beyond the blocks themselves.
pub struct Served {
    pub network: Arc<Network>,
    pub main: Export,
    pub side: Export,
    pub envelopes: BTreeMap<RecordId, Vec<u8>>,
    pub vice: Vice,
}

/// A lie that is in no history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vice {
    None,
    /// Claims a block more than it has.
    ClaimsMore,
    /// Shows another newest block than it serves.
    ShowsOther,
    /// Shows another network's newest block.
    ShowsNetwork,
    /// Shows the side chain's newest block as the main chain's.
    ShowsChain,
    /// Shows what is no header.
    ShowsNothing,
    /// Leaves block 5 out of its headers.
    LeavesOut,
    /// Gives block 4 twice.
    Doubles,
    /// Gives blocks 5 and 6 in another order.
    Swaps,
    /// Ends its headers before the block that it claims.
    EndsEarly,
    /// Gives a block whose header is not the one of its list.
    OtherBlock,
    /// Has no block 5 when it is asked for it.
    DeniesBlock,
    /// Hands over one epoch's validators twice.
    HandsOverTwice,
    /// Hands over no validators.
    HandsOverNobody,
    /// Answers without a signature.
    Unsigned,
    /// Signs by another branch's key.
    SignsAsOther,
    /// Signs for another branch.
    NamesOther,
    /// Signs for another network.
    SignsOtherNetwork,
    /// Signs the answer to another request.
    SignsOtherRequest,
    /// Signs another body.
    SignsOtherBody,
    /// Signs a part of a stream.
    SignsPart,
    /// Signs another status.
    SignsOtherStatus,
    /// One bit of its signature.
    SpoilsSignature,
    /// Says that it is another branch.
    GreetsAsOther,
    /// Says that it is of another network.
    GreetsAsOtherNetwork,
    /// Leaves a record out of its envelopes.
    LeavesEnvelopeOut,
}

/// A TLS key and a listening socket for each branch.
pub struct Node {
    pub gate: Gate,
    served: Arc<Mutex<Option<Served>>>,
    /// Ends the node when it is dropped.
    _runtime: tokio::runtime::Runtime,
}

impl Node {
    pub fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let (acceptor, served) = (acceptor(&key), Arc::default());
        let mut apis = Vec::new();
        for branch in 1..=6 {
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
            apis.push(format!("https://{}", listener.local_addr().unwrap()));
            runtime.spawn(serve(branch, listener, acceptor.clone(), Arc::clone(&served)));
        }
        let gate = Gate { apis, tls: Digest::of(&rcgen::PublicKeyData::subject_public_key_info(&key)) };
        Self { gate, served, _runtime: runtime }
    }

    pub fn serve(&self, served: Served) {
        *self.served.lock().unwrap() = Some(served);
    }
}

impl Served {
    /// The honest histories with every record that they name.
    pub fn honest(case: &Case) -> Self {
        let network = case.network.clone();
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let one = |name: &str| {
            let version = if name == "a" { 2 } else { 1 };
            (network.keys().record(name), network.envelope(name, version))
        };
        Self {
            main: Export::of(&network, &case.main),
            side: Export::of(&network, &case.side),
            envelopes: names.into_iter().map(one).collect(),
            vice: Vice::None,
            network,
        }
    }

    /// The answer's status and body.
    fn answer(&self, branch: u16, target: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let number = |name: &str| {
            let pair = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
            pair.unwrap().1.parse::<usize>().unwrap()
        };
        let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        let chain = |name: &str| if name == "main" { &self.main } else { &self.side };
        match parts.as_slice() {
            ["hello"] => ok(&self.hello(branch)),
            ["status"] => ok(&Status {
                hello: self.hello(branch),
                main: self.status(&self.main, branch),
                side: Some(self.status(&self.side, branch)),
                envelopes: 0,
                envelope_bytes: 0,
                audit_entries: 0,
            }),
            [name @ ("main" | "side"), "headers"] => {
                ok(&self.headers(chain(name), number("from"), number("limit")))
            }
            [name @ ("main" | "side"), "blocks", height] => self.block(chain(name), height.parse().unwrap()),
            ["records", "envelopes"] => {
                let query: EnvelopesQuery = serde_json::from_slice(body).unwrap();
                let asked = query.records.iter().skip(usize::from(self.vice == Vice::LeavesEnvelopeOut));
                let envelopes = asked.map(|id| self.envelopes.get(id).map(|bytes| bytes.clone().into()));
                ok(&Envelopes { envelopes: envelopes.collect() })
            }
            _ => problem(404, "no_route"),
        }
    }

    fn hello(&self, branch: u16) -> Hello {
        let network = &self.network;
        Hello {
            network: if self.vice == Vice::GreetsAsOtherNetwork { Digest::ZERO } else { network.id },
            branch: if self.vice == Vice::GreetsAsOther { branch % 4 + 1 } else { branch },
            name: format!("Branch {branch}"),
            boot: vec![7; 16].into(),
            time_s: NOW,
            version: "forged".to_owned(),
        }
    }

    fn status(&self, export: &Export, branch: u16) -> ChainStatus {
        let newest = blocks(export).last().unwrap();
        let decoded = Header::decode(&newest.header.0);
        let (mut height, mut header) = (blocks(export).count() as u64 - 1, newest.header.0.clone());
        let mut certificate = newest.certificate;
        if let (Ok(mut forged), true) = (decoded, export.chain == Chain::Main) {
            match self.vice {
                Vice::ClaimsMore => (forged.height, height) = (height + 1, height + 1),
                Vice::ShowsOther => forged.time_s += 1,
                Vice::ShowsNetwork => forged.network = Digest::ZERO,
                Vice::ShowsChain => forged.chain = Chain::Side,
                _ => {}
            }
            header = forged.encode();
        }
        if self.vice == Vice::ShowsNothing {
            header.pop();
            certificate = None;
        }
        let tip = SignedTip::sign(
            &self.network.keys().key(&format!("signing {branch}")),
            self.network.id,
            export.chain,
            BranchId(branch),
            height,
            Digest::of(&header),
            NOW,
        );
        ChainStatus {
            height,
            header: header.into(),
            certificate,
            waiting: 0,
            tips: vec![tip.encode().into()],
            fresh: true,
            healthy: true,
        }
    }

    fn headers(&self, export: &Export, from: usize, limit: usize) -> Headers {
        let mut headers: Vec<CertifiedHeader> = blocks(export).collect();
        let lies = export.chain == Chain::Main;
        match self.vice {
            Vice::LeavesOut if lies => drop(headers.remove(5)),
            Vice::Doubles if lies => headers.insert(5, headers[4].clone()),
            Vice::Swaps if lies => headers.swap(5, 6),
            Vice::EndsEarly if lies => headers.truncate(10),
            _ => {}
        }
        let handovers = export.lines.iter().filter_map(|line| match line {
            Line::Handover(line) => Some(Handover {
                epoch: line.epoch,
                set: line.set.clone().into(),
                proof: line.proof.clone().into(),
            }),
            _ => None,
        });
        let mut handovers: Vec<Handover> = handovers.collect();
        match self.vice {
            Vice::HandsOverTwice if lies => handovers.push(handovers[0].clone()),
            Vice::HandsOverNobody if lies => handovers.clear(),
            _ => {}
        }
        let headers: Vec<_> = headers.into_iter().skip(from).take(limit).collect();
        if headers.is_empty() {
            handovers.clear();
        }
        Headers { headers, handovers }
    }

    fn block(&self, export: &Export, height: usize) -> (u16, Vec<u8>) {
        let lies = export.chain == Chain::Main && height == 5;
        let lines = export.lines.iter().filter_map(|line| match line {
            Line::Block(block) => Some(block),
            _ => None,
        });
        let Some(block) = lines.into_iter().nth(height).filter(|_| !lies || self.vice != Vice::DeniesBlock)
        else {
            return problem(404, "no_block");
        };
        let mut header = block.header.clone();
        if lies && self.vice == Vice::OtherBlock {
            header[158] ^= 1;
        }
        ok(&Block {
            header: header.into(),
            body: block.body.clone().unwrap_or_default().into(),
            certificate: block.certificate.clone().map(Into::into),
        })
    }

    /// What stands in the answer's header.
    fn signature(&self, branch: u16, request: Digest, status: u16, body: &[u8]) -> String {
        let other = branch % 4 + 1;
        let vice = |is: Vice| self.vice == is;
        let signer = if vice(Vice::SignsAsOther) { other } else { branch };
        let answer = Answer {
            network: if vice(Vice::SignsOtherNetwork) { Digest::ZERO } else { self.network.id },
            branch: BranchId(if vice(Vice::NamesOther) { other } else { branch }),
            request: if vice(Vice::SignsOtherRequest) { Digest::ZERO } else { request },
            part: u32::from(vice(Vice::SignsPart)),
            status: if vice(Vice::SignsOtherStatus) { 404 } else { status },
            body: if vice(Vice::SignsOtherBody) { Digest::ZERO } else { Digest::of(body) },
            time_s: NOW,
        };
        let mut bytes =
            SignedAnswer::sign(&self.network.keys().key(&format!("signing {signer}")), answer).encode();
        if vice(Vice::SpoilsSignature) {
            *bytes.last_mut().unwrap() ^= 1;
        }
        Base64::from(bytes).to_string()
    }
}

fn blocks(export: &Export) -> impl Iterator<Item = CertifiedHeader> {
    export.lines.iter().filter_map(|line| match line {
        Line::Block(block) => Some(CertifiedHeader {
            header: block.header.clone().into(),
            certificate: block.certificate.clone().map(Into::into),
        }),
        _ => None,
    })
}

fn ok(body: &impl serde::Serialize) -> (u16, Vec<u8>) {
    (200, serde_json::to_vec(body).unwrap())
}

fn problem(status: u16, code: &str) -> (u16, Vec<u8>) {
    let problem =
        Problem { code: code.to_owned(), message: "it is not there".to_owned(), id: "1".to_owned() };
    (status, serde_json::to_vec(&problem).unwrap())
}

fn acceptor(key: &rcgen::KeyPair) -> tokio_rustls::TlsAcceptor {
    let certificate =
        rcgen::CertificateParams::new(vec!["branch".to_owned()]).unwrap().self_signed(key).unwrap();
    let secret = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], secret)
            .unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

async fn serve(
    branch: u16,
    listener: TcpListener,
    acceptor: tokio_rustls::TlsAcceptor,
    served: Arc<Mutex<Option<Served>>>,
) {
    while let Ok((socket, _)) = listener.accept().await {
        let (acceptor, served) = (acceptor.clone(), served.clone());
        tokio::spawn(async move {
            let Ok(mut stream) = acceptor.accept(socket).await else { return };
            let mut pending = Vec::new();
            while let Some(request) = Request::read(&mut stream, &mut pending).await {
                let reply = served.lock().unwrap().as_ref().map(|served| request.answer(branch, served));
                let Some(reply) = reply else { return };
                if stream.write_all(&reply).await.is_err() {
                    return;
                }
            }
        });
    }
}

struct Request {
    method: String,
    target: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Request {
    async fn read(stream: &mut (impl AsyncReadExt + Unpin), pending: &mut Vec<u8>) -> Option<Self> {
        loop {
            if let Some(end) = pending.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8(pending[..end].to_vec()).unwrap();
                let mut lines = head.lines();
                let mut first = lines.next()?.split(' ');
                let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
                let headers: BTreeMap<String, String> = lines
                    .filter_map(|line| line.split_once(": "))
                    .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                    .collect();
                let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
                if pending.len() >= end + 4 + length {
                    let body = pending[end + 4..end + 4 + length].to_vec();
                    pending.drain(..end + 4 + length);
                    return Some(Self { method, target, headers, body });
                }
            }
            let mut buffer = [0; 16 * 1024];
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(n) => pending.extend_from_slice(&buffer[..n]),
            }
        }
    }

    fn answer(&self, branch: u16, served: &Served) -> Vec<u8> {
        let (status, body) = served.answer(branch, &self.target, &self.body);
        let number = |name: &str| self.headers.get(name).map_or(0, |text| text.parse().unwrap());
        let line = RequestLine {
            network: &served.network.id,
            branch,
            boot: &[7; 16],
            counter: number(header_name::COUNTER),
            min_main: number(header_name::MIN_MAIN),
            min_side: number(header_name::MIN_SIDE),
            method: &self.method,
            target: &self.target,
            body: &self.body,
        };
        let signature = served.signature(branch, Digest::of(&line.bytes()), status, &body);
        let signed = match served.vice {
            Vice::Unsigned => String::new(),
            _ => format!("{}: {signature}\r\n", header_name::ANSWER),
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\n{signed}content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), &body].concat()
    }
}
