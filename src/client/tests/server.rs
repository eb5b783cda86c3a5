//! A branch that answers over TLS as the wire says, with a vice when told to.

use super::{
    http::{Request, acceptor, serve},
    vice::Vice,
    world::{At, EPOCH, TRUSTED, World, fresh16},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, sync::oneshot};
use wardline_crypto::{
    DataKey, Digest, Domain, Entropy, Held, OsEntropy, PublicKey, ReleaseContext, Signature, Stanza,
    WrapContext, merkle, peek, release, unwrap,
};
use wardline_ledger::{
    BranchId, Canonical, Chain, Custody, Grant, Header, Key, LinkEntry, PatientEntry, PatientId, Receipt,
    RecordEntry, RecordId, SignedTip, decode_body, encode_body, ends_epoch, state, transaction_root, tree,
};
use wardline_wire::*;

/// One branch.
pub(crate) struct Server {
    pub(crate) id: u16,
    pub(crate) vice: Mutex<Vice>,
    boot: Mutex<[u8; 16]>,
    pub(crate) vault: Mutex<BTreeMap<[u8; 16], Kept>>,
    world: Mutex<Option<Arc<World>>>,
    pub(crate) requests: Mutex<Vec<String>>,
    counters: Mutex<BTreeSet<(PublicKey, u64)>>,
    /// Chains that this branch has otherwise than the others.
    pub(crate) views: Mutex<BTreeMap<Chain, Vec<super::world::Block>>>,
    /// Told of the next request for envelopes, and answers it once told to.
    pub(crate) before_envelopes: Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>>,
}

#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) envelope: Vec<u8>,
    pub(crate) stanza: Vec<u8>,
    terms: Vec<String>,
}

impl Kept {
    fn version(&self) -> u32 {
        peek(&self.envelope).unwrap().version
    }
}

/// All branches and what they agree on.
pub(crate) struct Net {
    pub(crate) world: Arc<World>,
    pub(crate) servers: BTreeMap<u16, Arc<Server>>,
    pub(crate) folder: tempfile::TempDir,
}

impl Net {
    pub(crate) async fn start() -> Self {
        Self::with_epochs(EPOCH).await
    }

    pub(crate) async fn with_epochs(epoch_length: u64) -> Self {
        let mut listeners = BTreeMap::new();
        let mut apis = BTreeMap::new();
        for id in TRUSTED.into_iter().chain([super::world::INSTITUTE]) {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            apis.insert(id, format!("https://{}", listener.local_addr().unwrap()));
            listeners.insert(id, listener);
        }
        let world = Arc::new(World::new(&apis, epoch_length));
        let mut servers = BTreeMap::new();
        for (id, listener) in listeners {
            let server = Arc::new(Server {
                id,
                vice: Mutex::new(Vice::None),
                boot: Mutex::new(fresh16()),
                vault: Mutex::default(),
                world: Mutex::new(Some(world.clone())),
                requests: Mutex::default(),
                counters: Mutex::default(),
                views: Mutex::default(),
                before_envelopes: Mutex::default(),
            });
            tokio::spawn(serve(listener, acceptor(&world, id), server.clone()));
            servers.insert(id, server);
        }
        Self { world, servers, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn group(&self) -> crate::Group {
        self.world.group(self.folder.path())
    }

    pub(crate) fn turn(&self, branch: u16, vice: Vice) {
        *self.servers[&branch].vice.lock().unwrap() = vice;
    }

    /// How often a branch was asked for something whose path contains `part`.
    pub(crate) fn asked(&self, branch: u16, part: &str) -> usize {
        self.servers[&branch].requests.lock().unwrap().iter().filter(|path| path.contains(part)).count()
    }
}

type Reply = (u16, Vec<u8>);

fn ok(body: &impl serde::Serialize) -> Reply {
    (200, serde_json::to_vec(body).unwrap())
}

fn problem(status: u16, code: &str, message: &str) -> Reply {
    let problem = Problem { code: code.to_owned(), message: message.to_owned(), id: "1".to_owned() };
    (status, serde_json::to_vec(&problem).unwrap())
}

impl Server {
    pub(crate) fn restart(&self) {
        *self.boot.lock().unwrap() = fresh16();
        self.counters.lock().unwrap().clear();
    }

    pub(crate) fn vice(&self) -> Vice {
        *self.vice.lock().unwrap()
    }

    pub(crate) fn world(&self) -> Arc<World> {
        self.world.lock().unwrap().clone().unwrap()
    }

    pub(crate) async fn answer(&self, request: Request) -> Reply {
        self.requests.lock().unwrap().push(request.target.clone());
        match self.vice() {
            Vice::Silent => std::future::pending().await,
            Vice::Garbles => return (200, b"{]".to_vec()),
            Vice::Redirects => return (307, Vec::new()),
            _ => {}
        }
        let world = self.world();
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let query: BTreeMap<&str, u64> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(k, v)| (k, v.parse().unwrap()))
            .collect();
        let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        if parts == ["hello"] {
            return ok(&self.hello(&world));
        }
        let grant = match self.authenticate(&world, &request) {
            Ok(grant) => grant,
            Err(refused) => return refused,
        };
        let body = request.body.as_slice();
        match parts.as_slice() {
            ["status"] => ok(&self.status(&world)),
            [chain @ ("main" | "side"), rest @ ..] => {
                let chain = if *chain == "main" { Chain::Main } else { Chain::Side };
                self.chain(&world, chain, rest, &query, body)
            }
            ["records", "envelopes"] => {
                let before = self.before_envelopes.lock().unwrap().take();
                if let Some((told, go_on)) = before {
                    told.send(()).unwrap();
                    go_on.await.unwrap();
                }
                ok(&self.envelopes(&world, &serde_json::from_slice(body).unwrap()))
            }
            ["records", "keys"] => {
                ok(&self.release_keys(&world, &grant, &serde_json::from_slice(body).unwrap()))
            }
            ["records"] => self.keep_records(&world, serde_json::from_slice(body).unwrap()),
            ["records", record] => {
                self.keep_record(&world, record.parse().unwrap(), serde_json::from_slice(body).unwrap())
            }
            ["identities", patient] => {
                self.keep_identity(patient.parse().unwrap(), serde_json::from_slice(body).unwrap())
            }
            ["patients", "search"] => {
                ok(&self.search(&world, &grant, &serde_json::from_slice(body).unwrap()))
            }
            ["patients", "links"] => self.links(&world, &serde_json::from_slice(body).unwrap()),
            other => panic!("no route {other:?}"),
        }
    }

    /// The checks that a node makes, so that a request which a node would refuse is refused here.
    pub(crate) fn authenticate(&self, world: &World, request: &Request) -> Result<Grant, Reply> {
        let header = |name: &str| request.headers.get(name).cloned().unwrap_or_default();
        let grant = Grant::decode(&header(header_name::GRANT).parse::<Base64>().unwrap().0).unwrap();
        let staff = world.genesis.staff.iter().find(|staff| staff.id == grant.staff).unwrap();
        let now = crate::Clock::now_s(&*world.clock);
        grant.verify(&world.network, staff, now, world.genesis.policy.grant_max_s).unwrap();
        let counter = header(header_name::COUNTER).parse().unwrap();
        let signature: Base64 = header(header_name::SIGNATURE).parse().unwrap();
        let signature = Signature::from_bytes(signature.0.try_into().unwrap());
        if !grant.session.verify(Domain::Request, &self.line(request), &signature) {
            return Err(problem(401, "signature", "not signed for this start of the branch"));
        }
        if !self.counters.lock().unwrap().insert((grant.session, counter)) {
            return Err(problem(401, "replayed", "this request was answered before"));
        }
        Ok(grant)
    }

    /// What the session signed; of an unsigned request it is never used.
    pub(crate) fn line(&self, request: &Request) -> Vec<u8> {
        let number = |name: &str| request.headers.get(name).map_or(0, |text| text.parse().unwrap());
        RequestLine {
            network: &self.world().network,
            branch: self.id,
            boot: &self.boot.lock().unwrap().clone(),
            counter: number(header_name::COUNTER),
            min_main: number(header_name::MIN_MAIN),
            min_side: number(header_name::MIN_SIDE),
            method: &request.method,
            target: &request.target,
            body: &request.body,
        }
        .bytes()
    }

    /// A block as the branch streams it, if it has it.
    pub(crate) fn streamed(&self, world: &World, chain: Chain, height: u64) -> Option<StreamBlock> {
        let mut page = self.headers(world, chain, height, 1);
        let CertifiedHeader { header, certificate } = page.headers.pop()?;
        Some(StreamBlock { header, certificate, handover: page.handovers.pop() })
    }

    /// The chain as this branch has it.
    pub(crate) fn view(&self, ledger: &super::world::Ledger, chain: Chain) -> Vec<super::world::Block> {
        self.views.lock().unwrap().get(&chain).unwrap_or(&ledger.blocks).clone()
    }

    /// The branch's own word on how far it is.
    pub(crate) fn own_tip(&self, world: &World, chain: Chain) -> SignedTip {
        let mut header = self.view(&world.ledger(chain), chain).pop().unwrap().header;
        if self.vice() == Vice::SignsOtherTips {
            header.time_s += 1;
        }
        if self.vice() == Vice::SignsFarTips {
            header.height = u64::MAX;
        }
        let (height, digest) = (header.height, header.digest());
        let now = crate::Clock::now_s(&*world.clock);
        let key = &world.keys[&self.id].signing;
        SignedTip::sign(key, world.network, chain, BranchId(self.id), height, digest, now)
    }

    fn hello(&self, world: &World) -> Hello {
        Hello {
            network: world.network,
            branch: self.id,
            name: format!("Branch {}", self.id),
            boot: self.boot.lock().unwrap().to_vec().into(),
            time_s: 0,
            version: "test".to_owned(),
        }
    }

    fn status(&self, world: &World) -> Status {
        let side = TRUSTED.contains(&self.id).then(|| self.chain_status(world, Chain::Side));
        Status {
            hello: self.hello(world),
            main: self.chain_status(world, Chain::Main),
            side,
            envelopes: self.vault.lock().unwrap().len() as u64,
            envelope_bytes: 0,
            audit_entries: 0,
        }
    }

    fn chain_status(&self, world: &World, chain: Chain) -> ChainStatus {
        let ledger = world.ledger(chain);
        let lag = if self.vice() == Vice::Lags { 2 } else { 0 };
        let blocks = self.view(&ledger, chain);
        let block = &blocks[(blocks.len() - 1).saturating_sub(lag)];
        let mut header = block.header.clone();
        let mut certificate = block.certificate.clone();
        if matches!(self.vice(), Vice::Forks | Vice::ForksWithTwo) {
            header.time_s += 1;
        }
        if self.vice() == Vice::ForksWithTwo {
            header.height += 1;
            header.parent = block.header.digest();
            certificate = Some(world.certify(chain, &header, 2));
        }
        if self.vice() == Vice::Boasts {
            header.height = u64::MAX;
        }
        let now = crate::Clock::now_s(&*world.clock);
        let tips = world.keys.iter().filter(|(id, _)| TRUSTED.contains(id)).map(|(id, keys)| {
            let (height, digest) = (header.height, header.digest());
            SignedTip::sign(&keys.signing, world.network, chain, BranchId(*id), height, digest, now)
                .encode()
                .into()
        });
        ChainStatus {
            height: header.height,
            header: header.encode().into(),
            certificate: certificate.map(Into::into),
            waiting: 0,
            tips: tips.collect(),
            fresh: true,
            healthy: true,
        }
    }

    fn chain(
        &self,
        world: &World,
        chain: Chain,
        rest: &[&str],
        query: &BTreeMap<&str, u64>,
        body: &[u8],
    ) -> Reply {
        match rest {
            ["headers"] => ok(&self.headers(world, chain, query["from"], query["limit"])),
            ["blocks", height] => {
                if self.vice() == Vice::RefusesBlocks {
                    return problem(403, "forbidden", "needs role auditor");
                }
                ok(&self.block(world, chain, height.parse().unwrap()))
            }
            ["proofs"] => {
                let query: ProofsQuery = serde_json::from_slice(body).unwrap();
                let ledger = world.ledger(chain);
                let entries = query.keys.iter().map(|key| prove(&ledger, &key.0)).collect();
                let head = ledger.head();
                ok(&Proofs {
                    header: head.bytes.clone().into(),
                    certificate: head.certificate.clone().map(Into::into),
                    entries,
                })
            }
            ["transactions"] => {
                if self.vice() == Vice::RefusesTransactions {
                    return problem(422, "made-up", "against a rule that nobody made");
                }
                let submission: Submission = serde_json::from_slice(body).unwrap();
                let id = Digest::of(&submission.transaction.0);
                if find(world, chain, id).is_some() {
                    return problem(422, "known", "it is final already");
                }
                match world.accept(chain, submission.transaction.0) {
                    Ok(()) => ok(&Submitted { id, new: true }),
                    Err(refusal) => problem(422, refusal.code(), &refusal.to_string()),
                }
            }
            ["submissions"] => {
                let submissions: Submissions = serde_json::from_slice(body).unwrap();
                let submit = |transaction: Base64| {
                    let body = serde_json::to_vec(&Submission { transaction }).unwrap();
                    match self.chain(world, chain, &["transactions"], query, &body) {
                        (200, _) => SubmissionOutcome::Taken { new: true },
                        (_, problem) => {
                            let Problem { code, message, .. } = serde_json::from_slice(&problem).unwrap();
                            SubmissionOutcome::Refused { code, message }
                        }
                    }
                };
                ok(&SubmissionsTaken { outcomes: submissions.transactions.into_iter().map(submit).collect() })
            }
            ["finalities"] => ok(&self.finalities(world, chain, &serde_json::from_slice(body).unwrap())),
            ["transactions", id] => {
                if self.vice() == Vice::SaysRefused {
                    let (code, message) = ("made-up".to_owned(), "a rule that nobody made".to_owned());
                    return ok(&Finality::Refused { code, message });
                }
                let mut found = find(world, chain, id.parse().unwrap());
                if let (Vice::MisplacesTransactions, Some(Finality::Final { index, .. })) =
                    (self.vice(), &mut found)
                {
                    *index += 1;
                }
                ok(&found.filter(|_| self.vice() != Vice::NeverFinal).unwrap_or(Finality::Unknown))
            }
            other => panic!("no chain route {other:?}"),
        }
    }

    fn headers(&self, world: &World, chain: Chain, from: u64, limit: u64) -> Headers {
        let ledger = world.ledger(chain);
        let mut reply = Headers { headers: Vec::new(), handovers: Vec::new() };
        let blocks = self.view(&ledger, chain);
        for (height, block) in blocks.iter().enumerate().skip(from as usize).take(limit as usize) {
            if self.vice() == Vice::LeavesOutBlock && block.header.height == from + 1 {
                continue;
            }
            reply.headers.push(CertifiedHeader {
                header: block.bytes.clone().into(),
                certificate: self.certificate(&blocks, height).map(Into::into),
            });
            let next = block.header.epoch + 1;
            if ends_epoch(block.header.height, world.genesis.epoch_length) {
                let handover = ledger.handover(next).unwrap();
                let proof = handover.proof.bytes().into();
                reply.handovers.push(Handover { epoch: next, set: handover.set.clone().into(), proof });
            }
        }
        reply
    }

    fn certificate(&self, blocks: &[super::world::Block], height: usize) -> Option<Vec<u8>> {
        let of = if self.vice() == Vice::SwapsCertificates { height.saturating_sub(1) } else { height };
        let mut certificate = blocks[of].certificate.clone();
        if let (Vice::AltersCertificates, Some(bytes)) = (self.vice(), &mut certificate) {
            *bytes.last_mut().unwrap() ^= 1;
        }
        certificate
    }

    fn block(&self, world: &World, chain: Chain, height: usize) -> Block {
        let ledger = world.ledger(chain);
        let block = &ledger.blocks[height];
        let (mut header, mut body) = (block.bytes.clone(), block.body.clone());
        match self.vice() {
            Vice::AltersBodies => *body.last_mut().unwrap() ^= 1,
            Vice::OmitsTransactions => body = encode_body(&[]),
            Vice::SwapsBodies => body = ledger.blocks[height - 1].body.clone(),
            Vice::ForgesBlocks => {
                body = encode_body(&[b"made up".to_vec()]);
                let transaction_root = transaction_root(&[b"made up".to_vec()]);
                header = Header { transaction_root, ..block.header.clone() }.encode();
            }
            _ => {}
        }
        let certificate = self.certificate(&ledger.blocks, height).map(Into::into);
        Block { header: header.into(), body: body.into(), certificate }
    }

    fn keep_record(&self, world: &World, record: RecordId, keep: KeepRecord) -> Reply {
        if self.vice() == Vice::KeepsNothing {
            return problem(503, "stopped", "this branch cannot write to its disk");
        }
        let pointer = Digest::of(&keep.envelope.0);
        let agreed: Option<RecordEntry> =
            state::read(&*world.ledger(Chain::Main), Key::Record(record)).unwrap();
        let may = match agreed {
            None => keep.version == 1,
            Some(entry) => {
                entry.branch.0 == keep.home
                    && ((entry.version, entry.pointer) == (keep.version, pointer)
                        || entry.version + 1 == keep.version)
            }
        };
        if !may {
            return problem(409, "conflict", "something else is kept under this identifier");
        }
        let context = WrapContext {
            network: world.network,
            object: *record.bytes(),
            version: keep.version,
            pointer,
            branch: self.id,
        };
        unwrap(&Stanza::decode(&keep.stanza.0).unwrap(), &world.keys[&self.id].wrap, &context).unwrap();
        let size = keep.envelope.0.len() as u32;
        let signed = if self.vice() == Vice::ForgesReceipts { Digest::ZERO } else { pointer };
        let signing = &world.keys[&self.id].signing;
        let home = if self.vice() == Vice::NamesOtherHome { BranchId(3) } else { BranchId(keep.home) };
        let version = keep.version;
        let custody = Custody { network: world.network, record, version, home, pointer: signed, size };
        let receipt = Receipt::signed(&custody, BranchId(self.id), signing);
        let mut vault = self.vault.lock().unwrap();
        let new = vault
            .insert(
                *record.bytes(),
                Kept { envelope: keep.envelope.0, stanza: keep.stanza.0, terms: Vec::new() },
            )
            .is_none();
        ok(&RecordKept { new, receipt: receipt.encode().into() })
    }

    fn keep_records(&self, world: &World, list: KeepRecords) -> Reply {
        let keep = |named: NamedRecord| match self.keep_record(world, named.record, named.keep) {
            (200, kept) => KeepOutcome::Kept(serde_json::from_slice(&kept).unwrap()),
            (_, problem) => KeepOutcome::Refused(serde_json::from_slice(&problem).unwrap()),
        };
        ok(&RecordsKept { outcomes: list.records.into_iter().map(keep).collect() })
    }

    fn finalities(&self, world: &World, chain: Chain, query: &FinalitiesQuery) -> Finalities {
        let mut word = Finalities { blocks: Vec::new(), outcomes: Vec::new() };
        for id in &query.ids {
            if self.vice() == Vice::SaysRefused {
                let (code, message) = ("made-up".to_owned(), "a rule that nobody made".to_owned());
                word.outcomes.push(FinalityOutcome::Refused { code, message });
                continue;
            }
            let found = find(world, chain, *id).filter(|_| self.vice() != Vice::NeverFinal);
            let Some(Finality::Final { header, certificate, index, .. }) = found else {
                word.outcomes.push(FinalityOutcome::Unknown);
                continue;
            };
            if word.blocks.len() == 16 || self.vice() == Vice::PutsOff {
                word.outcomes.push(FinalityOutcome::Later);
                continue;
            }
            let height = Header::decode(&header.0).unwrap().height as usize;
            let body = world.ledger(chain).blocks[height].body.clone();
            let mut leaves: Vec<u8> =
                decode_body(&body).unwrap().iter().flat_map(|tx| *merkle::leaf_hash(tx).bytes()).collect();
            if self.vice() == Vice::SpoilsLeaves {
                leaves[0] ^= 1;
            }
            let block = word.blocks.len() as u32;
            word.blocks.push(FinalBlock { header, certificate, leaves: leaves.into() });
            word.outcomes.push(FinalityOutcome::Final { block, index });
        }
        word
    }

    fn keep_identity(&self, patient: PatientId, keep: KeepIdentity) -> Reply {
        if self.vice() == Vice::KeepsNothing {
            return problem(503, "stopped", "this branch cannot write to its disk");
        }
        let kept = Kept { envelope: keep.envelope.0, stanza: keep.stanza.0, terms: keep.terms };
        ok(&IdentityKept { new: self.vault.lock().unwrap().insert(*patient.bytes(), kept).is_none() })
    }

    fn envelopes(&self, world: &World, query: &EnvelopesQuery) -> Envelopes {
        let (vault, main) = (self.vault.lock().unwrap(), world.ledger(Chain::Main));
        let envelope = |record: &RecordId| {
            let kept = vault.get(record.bytes()).filter(|_| self.vice() != Vice::LosesEnvelopes)?;
            let agreed: Option<RecordEntry> = state::read(&*main, Key::Record(*record)).unwrap();
            let mut envelope = kept.envelope.clone();
            if agreed.is_some_and(|agreed| kept.version() < agreed.version) {
                return None;
            }
            if self.vice() == Vice::AltersEnvelopes {
                *envelope.last_mut().unwrap() ^= 1;
            }
            Some(envelope.into())
        };
        Envelopes { envelopes: query.records.iter().map(envelope).collect() }
    }

    fn release_keys(&self, world: &World, grant: &Grant, query: &KeysQuery) -> Keys {
        let (main_height, side_height) =
            (world.ledger(Chain::Main).height(), world.ledger(Chain::Side).height());
        let audit = Digest::of(b"audit");
        let vault = self.vault.lock().unwrap();
        let released = |record: &RecordId| {
            if self.vice() == Vice::WithholdsKeys {
                return KeyRelease::Withheld { reasons: vec!["needs role ward".to_owned()] };
            }
            let usable = vault.get(record.bytes()).filter(|_| self.vice() != Vice::LosesKeys);
            let Some(kept) = usable else { return KeyRelease::Absent };
            let main = world.ledger(Chain::Main);
            let entry: RecordEntry = state::read(&*main, Key::Record(*record)).unwrap().unwrap();
            if kept.version() < entry.version {
                return KeyRelease::Absent;
            }
            assert_eq!(entry.pointer, Digest::of(&kept.envelope));
            let sealed =
                self.to_session(world, grant, *record.bytes(), kept, (main_height, side_height), audit);
            KeyRelease::Released { sealed: sealed.into() }
        };
        Keys { main_height, side_height, audit, releases: query.records.iter().map(released).collect() }
    }

    fn to_session(
        &self,
        world: &World,
        grant: &Grant,
        object: [u8; 16],
        kept: &Kept,
        (main_height, side_height): (u64, u64),
        audit: Digest,
    ) -> Vec<u8> {
        let pointer = Digest::of(&kept.envelope);
        let version = peek(&kept.envelope).unwrap().version;
        let context = WrapContext { network: world.network, object, version, pointer, branch: self.id };
        let stanza = Stanza::decode(&kept.stanza).unwrap();
        let mut held = unwrap(&stanza, &world.keys[&self.id].wrap, &context).unwrap();
        if self.vice() == Vice::SpoilsShares && matches!(held, Held::Share(_)) {
            let mut bytes = held.encode().expose().to_vec();
            OsEntropy.fill(&mut bytes[2..]);
            held = Held::decode(&bytes).unwrap();
        }
        if self.vice() == Vice::SpoilsKeys {
            held = Held::Whole(DataKey::generate(&mut OsEntropy));
        }
        let context = ReleaseContext {
            network: world.network,
            branch: self.id,
            object,
            pointer,
            session: grant.session_agreement,
            main_height,
            side_height,
            audit,
        };
        release(&held, &context, &mut OsEntropy).unwrap()
    }

    fn search(&self, world: &World, grant: &Grant, search: &Search) -> Found {
        let heights = (world.ledger(Chain::Main).height(), world.ledger(Chain::Side).height());
        let vault = self.vault.lock().unwrap();
        let matching =
            vault.iter().filter(|(_, kept)| search.terms.iter().all(|term| kept.terms.contains(term)));
        let audit = Digest::of(b"audit");
        let patients = matching.map(|(patient, kept)| FoundPatient {
            patient: PatientId::from_bytes(*patient),
            envelope: kept.envelope.clone().into(),
            release: self.to_session(world, grant, *patient, kept, heights, audit).into(),
            audit,
        });
        Found { patients: patients.collect(), more: false, main_height: heights.0, side_height: heights.1 }
    }

    fn links(&self, world: &World, query: &LinksQuery) -> Reply {
        let ledger = world.ledger(Chain::Side);
        if !ledger.values.contains_key(&Key::Lookup(query.lookup).bytes()) {
            return problem(403, "no_lookup", "look the patient up");
        }
        let mut links: Vec<(u64, RecordId, u16)> = ledger
            .values
            .iter()
            .filter(|(key, _)| key[0] == Key::Link(RecordId::from_bytes([0; 16])).prefix())
            .map(|(key, value)| (RecordId::decode(&key[1..]).unwrap(), LinkEntry::decode(value).unwrap()))
            .filter(|(_, link)| link.patient == query.patient)
            .map(|(record, link)| (link.index, record, link.branch.0))
            .collect();
        links.sort_unstable();
        let back = if let Vice::OldList(blocks) = self.vice() { blocks } else { 0 };
        let head = &ledger.blocks[ledger.blocks.len() - 1 - back];
        let patient = prove_at(&ledger, head.header.height, &Key::Patient(query.patient).bytes());
        let entry = PatientEntry::decode(&patient.value.as_ref().unwrap().0).unwrap();
        match self.vice() {
            Vice::OldList(_) => links.truncate(usize::try_from(entry.links.size()).unwrap()),
            Vice::OmitsLink => drop(links.remove(0)),
            Vice::ReordersLinks => links.swap(0, 1),
            Vice::MovesLinks => links[0].2 = 3,
            _ => {}
        }
        ok(&Links {
            header: head.bytes.clone().into(),
            certificate: head.certificate.clone().map(Into::into),
            patient,
            records: links.iter().map(|link| link.1).collect(),
            branches: links.iter().map(|link| link.2).collect(),
        })
    }
}

fn prove(ledger: &super::world::Ledger, key: &[u8]) -> ProvenValue {
    prove_at(ledger, ledger.height(), key)
}

fn prove_at(ledger: &super::world::Ledger, height: u64, key: &[u8]) -> ProvenValue {
    let (value, proof) = tree::prove(&At(ledger, height), height, key).unwrap();
    ProvenValue { value: value.map(Into::into), proof: proof.bytes().into() }
}

fn find(world: &World, chain: Chain, id: Digest) -> Option<Finality> {
    let ledger = world.ledger(chain);
    for block in &ledger.blocks {
        let transactions = decode_body(&block.body).unwrap();
        if let Some(index) = transactions.iter().position(|bytes| Digest::of(bytes) == id) {
            let leaves: Vec<Digest> = transactions.iter().map(|bytes| merkle::leaf_hash(bytes)).collect();
            return Some(Finality::Final {
                header: block.bytes.clone().into(),
                certificate: block.certificate.clone().map(Into::into),
                index: index as u32,
                inclusion: merkle::inclusion_proof(&leaves, index),
            });
        }
    }
    None
}
