//! One chain made anew, block after block: own rows first, then peers, both through the light client and the rules.

use super::{ChainRepaired, PeerHeaders, Peers, RepairError};
use crate::check::{CheckError, CheckProgress, Gathered, Known, OwnBlocks, Rebuilt};
use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
};
use wardline_crypto::Digest;
use wardline_ledger::{
    BranchId, Canonical, Chain, Checkpoint, Genesis, StateProof, Transaction, body_matches, light,
};
use wardline_store::{ChainStore, StoppedFile, StoreError};

/// How often progress is told, blocks.
const EVERY: u64 = 64;

type Headers = Vec<(Vec<u8>, Option<Vec<u8>>)>;
type Sets = BTreeMap<u64, (Vec<u8>, StateProof)>;

/// The own file's headers ahead of where the chain is.
struct Own<'a> {
    blocks: OwnBlocks<'a>,
    ahead: VecDeque<(u64, Vec<u8>, Option<Vec<u8>>)>,
    sets: Sets,
}

impl<'a> Own<'a> {
    fn of(file: &'a StoppedFile) -> Self {
        let sets = file.rows("handover").filter_map(|row| {
            let proof = StateProof::from_bytes(row.bytes("proof")).ok()?;
            Some((row.number("epoch")?, (row.bytes("value").to_vec(), proof)))
        });
        Self { blocks: OwnBlocks::of(file), ahead: VecDeque::new(), sets: sets.collect() }
    }

    /// The headers from a height to the next one with a certificate, without a gap.
    fn segment(&mut self, from: u64) -> Headers {
        self.ahead.retain(|(height, ..)| *height >= from);
        let mut segment = Headers::new();
        for height in from.. {
            let index = usize::try_from(height - from).unwrap_or(usize::MAX);
            if self.ahead.get(index).is_none() {
                let Some(row) = self.blocks.header(height) else { break };
                let certificate = self.blocks.certificate(height).map(|row| row.bytes("bytes").to_vec());
                self.ahead.push_back((height, row.bytes("bytes").to_vec(), certificate));
            }
            let Some((at, header, certificate)) = self.ahead.get(index) else { break };
            if *at != height {
                break;
            }
            segment.push((header.clone(), certificate.clone()));
            if certificate.is_some() {
                return segment;
            }
        }
        // Nothing proves these.
        Headers::new()
    }
}

/// The newest height that any row of the file names.
fn newest(file: &StoppedFile) -> u64 {
    let of = |table| file.rows(table).filter_map(|row| row.number("height")).max().unwrap_or_default();
    of("header").max(of("body"))
}

/// What a chain is made anew from, and how far it must go where peers have that much.
pub(super) struct From<'a> {
    pub file: Option<&'a StoppedFile>,
    pub at_least: u64,
}

/// Makes a chain anew at `path`, as far as its file went; as far as the peers are when there is no file to tell.
pub(super) fn again(
    genesis: &Genesis,
    chain: Chain,
    branch: BranchId,
    from: &From<'_>,
    path: &Path,
    peers: &mut dyn Peers,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<(Known, ChainRepaired), RepairError> {
    let mut light = Checkpoint::genesis(genesis, chain).map_err(CheckError::from)?;
    let mut rebuilt = Rebuilt::begin(genesis, chain, path)?;
    let From { file, at_least } = *from;
    let mut own = file.map(Own::of);
    let mut gathered = Gathered::default();
    let stored = file.map(newest);
    let wanted = stored.map(|newest| newest.max(at_least));
    let mut from_peers = 0;
    let mut said = Vec::new();
    while wanted.is_none_or(|wanted| rebuilt.height() < wanted) {
        let from = rebuilt.height() + 1;
        let mut sets = own.as_ref().map(|own| own.sets.clone()).unwrap_or_default();
        let segment = own.as_mut().map(|own| own.segment(from)).unwrap_or_default();
        let mut proven =
            light::advance(&light, &segment, &sets).ok().filter(|(_, verified)| !verified.is_empty());
        let mut headers = segment;
        let of_peer = proven.is_none();
        if of_peer {
            said.clear();
            for peer in 0..peers.names().len() {
                match peers.headers(peer, chain, from) {
                    Ok(PeerHeaders { headers: page, handovers }) => {
                        let page = certified(page, wanted, from);
                        match light::advance(&light, &page, &handovers) {
                            Ok((checkpoint, verified)) if !verified.is_empty() => {
                                (headers, sets) = (page, handovers);
                                proven = Some((checkpoint, verified));
                                break;
                            }
                            Ok(_) => tell(&mut said, peers, peer, "it has no more blocks that are proven"),
                            Err(error) => tell(&mut said, peers, peer, &error.to_string()),
                        }
                    }
                    Err(error) => tell(&mut said, peers, peer, &error),
                }
            }
        }
        let Some((checkpoint, verified)) = proven else { break };
        drop(sets);
        for (block, (header, certificate)) in verified.iter().zip(&headers) {
            let height = block.header.height;
            let own_body =
                own.as_mut().and_then(|own| own.blocks.body(height)).map(|row| row.bytes("bytes").to_vec());
            let own_body = own_body.filter(|body| body_matches(header, body).is_some());
            from_peers += u64::from(of_peer || own_body.is_none());
            let body = match own_body {
                Some(body) => body,
                None => fetch_body(peers, chain, height, header).map_err(|why| RepairError::Short {
                    chain,
                    height: height - 1,
                    wanted: wanted.unwrap_or(height),
                    why,
                })?,
            };
            let done = rebuilt.apply(header, &body);
            let transactions = done.map_err(|problem| RepairError::Short {
                chain,
                height: height - 1,
                wanted: wanted.unwrap_or(height),
                why: format!("block {height} is certified and breaks a rule: {problem}"),
            })?;
            transactions.iter().for_each(|one| gathered.note(one, branch));
            if let Some(certificate) = certificate {
                rebuilt.store.put_certificate(height, certificate)?;
            }
            if height.is_multiple_of(EVERY) {
                progress(CheckProgress::Blocks(chain, height));
            }
        }
        light = checkpoint;
    }
    let height = rebuilt.height();
    if let Some(wanted) = stored.filter(|stored| height < *stored && !only_unproven(file, height)) {
        return Err(RepairError::Short { chain, height, wanted, why: said.join("; ") });
    }
    progress(CheckProgress::Blocks(chain, height));
    gathered.sort();
    let known = Known { store: rebuilt.store, whole: true, gathered };
    Ok((known, ChainRepaired { chain, height, from_peers }))
}

/// Whether what the file has above a height is what nobody proved yet: it comes again by itself.
fn only_unproven(file: Option<&StoppedFile>, height: u64) -> bool {
    let Some(file) = file else { return true };
    !file.rows("certificate").any(|row| row.number("height").is_some_and(|at| at > height))
}

/// A page up to its last certificate at or below the wanted height, or the first one above it.
fn certified(mut page: Headers, wanted: Option<u64>, from: u64) -> Headers {
    if let Some(wanted) = wanted {
        let needed = usize::try_from(wanted.saturating_sub(from).saturating_add(1)).unwrap_or(usize::MAX);
        let above =
            page.iter().skip(needed.saturating_sub(1)).position(|(_, certificate)| certificate.is_some());
        if let Some(above) = above {
            page.truncate(needed.saturating_sub(1) + above + 1);
        }
    }
    while page.last().is_some_and(|(_, certificate)| certificate.is_none()) {
        page.pop();
    }
    page
}

fn tell(said: &mut Vec<String>, peers: &dyn Peers, peer: usize, what: &str) {
    said.push(format!("{}: {what}", peers.names().get(peer).map_or("a peer", String::as_str)));
}

fn fetch_body(peers: &mut dyn Peers, chain: Chain, height: u64, header: &[u8]) -> Result<Vec<u8>, String> {
    let mut said = Vec::new();
    for peer in 0..peers.names().len() {
        match peers.body(peer, chain, height) {
            Ok(body) if body_matches(header, &body).is_some() => return Ok(body),
            Ok(_) => tell(&mut said, peers, peer, "its body is not the one that the header commits to"),
            Err(error) => tell(&mut said, peers, peer, &error),
        }
    }
    Err(format!("no peer gives the body of block {height}: {}", said.join("; ")))
}

/// Carries the durable queue over: what decodes under its own id and is in no block.
pub(super) fn waiting(
    file: Option<&StoppedFile>,
    store: &ChainStore,
    lost: &mut Vec<String>,
) -> Result<(), StoreError> {
    let Some(file) = file else { return Ok(()) };
    for row in file.rows("waiting") {
        let bytes = row.bytes("bytes");
        let id = Digest::of(bytes);
        if id.bytes() == row.bytes("id") && Transaction::decode(bytes).is_ok() {
            store.admit_waiting(id, bytes)?;
        } else {
            let what = "a transaction that waited is altered: whoever handed it in must hand it in again";
            lost.push(format!("{}: {what} ({})", file.name(), row.label()));
        }
    }
    Ok(())
}
