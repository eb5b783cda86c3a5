//! `wardline repair`: a stopped branch's damaged files made anew, with the help of the other branches.

use super::{
    Result,
    access::{self, Access},
    files::{self, Figure, note},
    node::NodeFile,
    output,
};
use clap::Args;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::runtime::Runtime;
use wardline_client::{ClientError, Group};
use wardline_ledger::{BranchId, Chain, RecordId};
use wardline_node::{PeerHeaders, Peers, RepairReport, repair};

#[derive(Debug, Args)]
pub struct Options {
    /// node.toml of the stopped branch
    #[arg(long, env = "WARDLINE_NODE_CONFIG", value_name = "FILE")]
    node: PathBuf,
    /// Who asks the other branches: an auditor, since blocks of the side chain are not for others
    #[command(flatten)]
    access: Access,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(options: Options) -> Result<ExitCode> {
    let text = access::read(&options.node)?;
    let file: NodeFile = toml::from_str(&text)
        .map_err(|error| format!("{}: {}", options.node.display(), error.to_string().trim_end()))?;
    let base = options.node.parent().unwrap_or(Path::new("."));
    let genesis = files::genesis(&base.join(&file.genesis))?;
    let group = options.access.open()?;
    if group.network() != genesis.network() {
        return Err("node.toml and console.toml are of different networks".into());
    }
    let stamp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let ids =
        group.branches().iter().filter(|branch| branch.id != file.branch).map(|branch| branch.id).collect();
    let mut others = Others { group, ids, runtime: super::runtime()? };
    let mut figure = Figure::new("repairing");
    let (directory, own) = (base.join(&file.directory), BranchId(file.branch));
    let done = repair(&genesis, &directory, own, &mut others, &stamp.to_string(), &mut |at| figure.show(at));
    figure.clear();
    let report = done?;
    let last = report.after.as_ref().unwrap_or(&report.before);
    if options.json {
        output::json(&json!({
            "repaired": report.after.is_some(),
            "verdict": files::word(last.verdict()),
            "before": files::document(&report.before),
            "after": report.after.as_ref().map(files::document),
            "chains": report.chains.iter().map(|one| json!({
                "chain": one.chain.name(), "height": one.height, "blocks_from_peers": one.from_peers,
            })).collect::<Vec<_>>(),
            "envelopes": report.envelopes,
            "lost": report.lost,
            "set_aside": report.set_aside,
        }))?;
    } else {
        told(&report)?;
        files::text(&genesis, last)?;
    }
    Ok(files::code(last.verdict()))
}

fn told(report: &RepairReport) -> Result<()> {
    if report.after.is_none() {
        return output::text("nothing is damaged: the files are left as they are");
    }
    for one in &report.chains {
        output::text(&format!(
            "{} chain made anew to block {}, {} blocks of it with the help of peers",
            one.chain, one.height, one.from_peers
        ))?;
    }
    if report.envelopes > 0 {
        output::text(&format!("{} envelopes fetched again", report.envelopes))?;
    }
    report.set_aside.iter().try_for_each(|name| note(&format!("set aside: {name}")))?;
    report.lost.iter().try_for_each(|line| note(&format!("LOST {line}")))
}

/// The other branches, one request after the other.
struct Others {
    group: Group,
    ids: Vec<u16>,
    runtime: Runtime,
}

impl Others {
    fn id(&self, peer: usize) -> u16 {
        self.ids.get(peer).copied().unwrap_or_default()
    }

    fn ask<T>(
        &self,
        asked: impl Future<Output = std::result::Result<T, ClientError>>,
    ) -> std::result::Result<T, String> {
        self.runtime.block_on(asked).map_err(|error| error.to_string())
    }
}

impl Peers for Others {
    fn names(&self) -> Vec<String> {
        let name =
            |id: &u16| self.group.branches().iter().find(|one| one.id == *id).map(|one| one.name.clone());
        self.ids.iter().map(|id| name(id).unwrap_or_default()).collect()
    }

    fn headers(&mut self, peer: usize, chain: Chain, from: u64) -> std::result::Result<PeerHeaders, String> {
        let given = self.ask(self.group.given_headers(self.id(peer), chain, from))?;
        Ok(PeerHeaders { headers: given.headers, handovers: given.handovers })
    }

    fn body(&mut self, peer: usize, chain: Chain, height: u64) -> std::result::Result<Vec<u8>, String> {
        self.ask(self.group.given_body(self.id(peer), chain, height))
    }

    fn envelope(&mut self, peer: usize, record: RecordId) -> std::result::Result<Option<Vec<u8>>, String> {
        self.ask(self.group.given_envelope(self.id(peer), record))
    }
}
