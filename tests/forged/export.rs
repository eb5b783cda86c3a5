//! An export of a chain (`docs/format/export.md`) as values that a forger edits, and its bytes.

use super::{
    honest::{Block, History},
    network::Network,
    vote::Vote,
};
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use wardline_crypto::Digest;
use wardline_ledger::{Canonical, Chain, Header, ValidatorSet, decode_body, encode_body};

/// The first line.
#[derive(Clone, Serialize)]
pub struct Head {
    pub wardline: String,
    pub version: u32,
    pub network: String,
    pub chain: String,
    pub genesis: String,
    pub from: u64,
    pub to: u64,
}

/// A block's line.
#[derive(Clone)]
pub struct BlockLine {
    pub height: u64,
    pub header: Vec<u8>,
    pub body: Option<Vec<u8>>,
    pub certificate: Option<Vec<u8>>,
}

/// A handover's line.
#[derive(Clone)]
pub struct HandoverLine {
    pub epoch: u64,
    pub set: Vec<u8>,
    pub proof: Vec<u8>,
}

#[derive(Clone)]
pub enum Line {
    Block(BlockLine),
    Handover(HandoverLine),
    /// Something else, without its newline.
    Other(String),
}

/// A whole file.
#[derive(Clone)]
pub struct Export {
    pub chain: Chain,
    pub head: Head,
    pub lines: Vec<Line>,
    /// What the last line says, if not the truth.
    pub count: Option<u64>,
    pub sum: Option<Digest>,
}

pub fn base64(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

impl Export {
    /// A history as it is.
    pub fn of(network: &Network, history: &History) -> Self {
        let mut lines = Vec::new();
        for block in &history.blocks {
            lines.push(Line::Block(BlockLine {
                height: block.header.height,
                header: block.header.encode(),
                body: Some(block.body()),
                certificate: block.certificate.clone(),
            }));
            lines.extend(block.handover.as_ref().map(|handover| {
                Line::Handover(HandoverLine {
                    epoch: handover.epoch,
                    set: handover.set.clone(),
                    proof: handover.proof.bytes().to_vec(),
                })
            }));
        }
        let head = Head {
            wardline: "chain export".to_owned(),
            version: 1,
            network: network.id.to_string(),
            chain: history.chain.name().to_owned(),
            genesis: base64(&network.genesis.encode()),
            from: 0,
            to: history.blocks.len() as u64 - 1,
        };
        Self { chain: history.chain, head, lines, count: None, sum: None }
    }

    /// Where the line of a block is.
    pub fn at(&self, height: u64) -> usize {
        let blocks = self.lines.iter().enumerate().filter(|(_, line)| matches!(line, Line::Block(_)));
        blocks.map(|(at, _)| at).nth(usize::try_from(height).unwrap()).unwrap()
    }

    pub fn block(&mut self, height: u64) -> &mut BlockLine {
        let at = self.at(height);
        match &mut self.lines[at] {
            Line::Block(block) => block,
            _ => unreachable!(),
        }
    }

    /// Where the line of a handover is.
    pub fn handover_at(&self, epoch: u64) -> usize {
        let is = |line: &Line| matches!(line, Line::Handover(handover) if handover.epoch == epoch);
        self.lines.iter().position(is).unwrap()
    }

    pub fn handover(&mut self, epoch: u64) -> &mut HandoverLine {
        let at = self.handover_at(epoch);
        match &mut self.lines[at] {
            Line::Handover(handover) => handover,
            _ => unreachable!(),
        }
    }

    /// Changes fields of a header.
    pub fn header(&mut self, height: u64, edit: impl FnOnce(&mut Header)) {
        let line = self.block(height);
        let mut header = Header::decode(&line.header).unwrap();
        edit(&mut header);
        line.header = header.encode();
    }

    /// Changes the transactions of a body.
    pub fn body(&mut self, height: u64, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
        let line = self.block(height);
        let mut transactions = decode_body(line.body.as_ref().unwrap()).unwrap();
        edit(&mut transactions);
        line.body = Some(encode_body(&transactions));
    }

    /// Changes fields of a certificate.
    pub fn vote(&mut self, height: u64, edit: impl FnOnce(&mut Vote)) {
        let line = self.block(height);
        let mut vote = Vote::read(line.certificate.as_ref().unwrap());
        edit(&mut vote);
        line.certificate = Some(vote.encode());
    }

    /// Changes the members of a handover's set.
    pub fn set(&mut self, epoch: u64, edit: impl FnOnce(&mut ValidatorSet)) {
        let line = self.handover(epoch);
        let mut set = ValidatorSet::decode(&line.set).unwrap();
        edit(&mut set);
        line.set = set.encode();
    }

    /// Certifies a block anew, by these members of the set that the honest history has for its height.
    pub fn certify(&mut self, network: &Network, honest: &History, height: u64, signers: &[usize]) {
        let (chain, set) = (self.chain, honest.set(height));
        let line = self.block(height);
        let epoch = Header::decode(&line.header).map_or(0, |header| header.epoch);
        let vote = network.vote(chain, &set, signers, epoch, Digest::of(&line.header));
        line.certificate = Some(vote.encode());
    }

    /// Links every block from `height` on to the one before, as it is now, and certifies them by these members.
    pub fn relink(&mut self, network: &Network, honest: &History, height: u64, signers: &[usize]) {
        for height in height..=self.head.to {
            let parent = Digest::of(&self.block(height - 1).header);
            self.header(height, |header| header.parent = parent);
            if self.block(height).certificate.is_some() {
                self.certify(network, honest, height, signers);
            }
        }
    }

    /// Ends with this block, and with the handover after it.
    pub fn cut(&mut self, height: u64) {
        let end = self.at(height) + 1;
        let handed = matches!(self.lines.get(end), Some(Line::Handover(_)));
        self.lines.truncate(end + usize::from(handed));
        self.head.to = height;
    }

    /// Puts a block of another history in the place of this one's.
    pub fn replace(&mut self, height: u64, block: &Block) {
        let line = self.block(height);
        line.header = block.header.encode();
        line.body = Some(block.body());
        line.certificate = block.certificate.clone();
    }

    /// Every line but the last, with its newline.
    pub fn text(&self) -> Vec<String> {
        let option = |bytes: &Option<Vec<u8>>| match bytes {
            Some(bytes) => format!("\"{}\"", base64(bytes)),
            None => "null".to_owned(),
        };
        let line = |line: &Line| match line {
            Line::Block(block) => format!(
                "{{\"height\":{},\"header\":\"{}\",\"body\":{},\"certificate\":{}}}\n",
                block.height,
                base64(&block.header),
                option(&block.body),
                option(&block.certificate)
            ),
            Line::Handover(handover) => format!(
                "{{\"epoch\":{},\"set\":\"{}\",\"proof\":\"{}\"}}\n",
                handover.epoch,
                base64(&handover.set),
                base64(&handover.proof)
            ),
            Line::Other(text) => format!("{text}\n"),
        };
        let head = serde_json::to_string(&self.head).unwrap() + "\n";
        std::iter::once(head).chain(self.lines.iter().map(line)).collect()
    }

    pub fn bytes(&self) -> Vec<u8> {
        let text = self.text().concat();
        let blocks = self.lines.iter().filter(|line| matches!(line, Line::Block(_))).count() as u64;
        let sum = self.sum.unwrap_or_else(|| Digest::of(text.as_bytes()));
        format!("{text}{{\"blocks\":{},\"sha256\":\"{sum}\"}}\n", self.count.unwrap_or(blocks)).into_bytes()
    }
}
