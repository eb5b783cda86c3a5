//! `wardline evidence`: proofs for strangers, made from verified blocks, and checked offline with the network's public
//! keys alone.

use super::{
    Result, WRONG,
    access::{Access, settings},
    output,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::ExitCode,
};
use wardline_client::{MadeEvidence, ToProve, check_evidence, headline, write_evidence};
use wardline_crypto::Digest;
use wardline_ledger::{
    BranchId, Canonical, Chain, Genesis, LookupId, NetworkId, RecordId, Transaction, TxId,
    evidence::{Claim, MAX_EVIDENCE, Proven, Verdict},
};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check an evidence file, offline: no key file, no session, nothing is asked of anybody
    Check(CheckOptions),
    /// Prove that one record, lookup or transaction is on a chain, for whoever has the genesis alone
    Make(MakeOptions),
}

#[derive(Debug, Args)]
pub struct CheckOptions {
    /// The evidence file
    file: PathBuf,
    /// The network: its genesis document, or SHA-256 of that (64 hex digits); else the one that console.toml pins
    #[arg(long, value_name = "GENESIS|DIGEST")]
    network: Option<String>,
    /// console.toml of the group, where --network is not given
    #[arg(long, env = "WARDLINE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct MakeOptions {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    what: What,
    /// The chain of the transaction: main, or side (auditors only)
    #[arg(long, value_parser = chain, value_name = "CHAIN", requires = "transaction")]
    chain: Option<Chain>,
    /// The block of the lookup, as `wardline lookup` told it
    #[arg(long, value_name = "HEIGHT", requires = "lookup")]
    height: Option<u64>,
    /// The new file, its owner's alone; an existing one is never overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What to prove.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// A transaction's id (64 hex digits)
    #[arg(long, value_name = "ID")]
    transaction: Option<TxId>,
    /// A record's temporary ID (32 hex digits): the newest version's storage transaction
    #[arg(long, value_name = "ID")]
    record: Option<RecordId>,
    /// A lookup's id (32 hex digits), with --height: auditors only; whoever looks up uses `wardline lookup --evidence`
    #[arg(long, value_name = "ID", requires = "height")]
    lookup: Option<LookupId>,
}

fn chain(text: &str) -> std::result::Result<Chain, String> {
    let named = |chain: &Chain| chain.name() == text;
    Chain::ALL.into_iter().find(named).ok_or_else(|| "there are two chains: main and side".to_owned())
}

pub fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Check(options) => check(&options),
        Command::Make(options) => make(&options),
    }
}

fn check(options: &CheckOptions) -> Result<ExitCode> {
    let network = network(options)?;
    let bytes = read(&options.file)?;
    let verdict = check_evidence(&bytes, &network);
    if options.json {
        output::json(&document(&verdict, &network))?;
    } else {
        text(&verdict)?;
    }
    Ok(if matches!(verdict, Verdict::Holds(_)) { ExitCode::SUCCESS } else { WRONG.into() })
}

/// The network that the reader names: the evidence is never asked which one it is of.
fn network(options: &CheckOptions) -> Result<NetworkId> {
    let Some(named) = &options.network else { return Ok(settings(options.config.as_deref())?.network) };
    if let Ok(digest) = named.parse::<Digest>() {
        return Ok(digest);
    }
    let bytes = fs::read(named).map_err(|error| {
        format!("--network {named} is neither 64 hex digits nor a genesis document that can be read: {error}")
    })?;
    let genesis =
        Genesis::decode(&bytes).map_err(|error| format!("{named} is no genesis document: {error}"))?;
    Ok(genesis.network())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let named = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mut bytes = Vec::new();
    // One byte more, so that a larger file is seen to be larger.
    let limit = u64::try_from(MAX_EVIDENCE)? + 1;
    fs::File::open(path).map_err(named)?.take(limit).read_to_end(&mut bytes).map_err(named)?;
    Ok(bytes)
}

fn make(options: &MakeOptions) -> Result<ExitCode> {
    let what = match (&options.what, options.height) {
        (What { transaction: Some(id), .. }, _) => {
            ToProve::Transaction { chain: options.chain.unwrap_or(Chain::Main), id: *id }
        }
        (What { lookup: Some(id), .. }, Some(height)) => ToProve::Lookup { id: *id, height },
        (What { record: Some(record), .. }, _) => ToProve::Record(*record),
        _ => return Err("say what to prove: --transaction, --record or --lookup".into()),
    };
    let free = options.out.symlink_metadata().is_err();
    if !free {
        return Err(format!("{} exists already; choose another name", options.out.display()).into());
    }
    let group = options.access.open()?;
    let made = super::runtime()?.block_on(group.evidence(what))?;
    keep(&options.out, &made)?;
    if options.json {
        let mut document = document(&Verdict::Holds(Box::new(made.proven.clone())), &group.network());
        if let Value::Object(fields) = &mut document {
            fields.insert("file".into(), json!(options.out));
        }
        output::json(&document)?;
    } else {
        proven_text(&made.proven)?;
        told(&options.out, &group.network())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes what was made.
pub fn keep(path: &Path, made: &MadeEvidence) -> Result<()> {
    Ok(write_evidence(path, &made.file)
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?)
}

/// Where it is, and how a stranger checks it.
pub fn told(path: &Path, network: &NetworkId) -> Result<()> {
    output::text(&format!("written: {}", path.display()))?;
    output::text(&format!(
        "anybody checks it offline: wardline evidence check {} --network {network}",
        path.display()
    ))
}

fn text(verdict: &Verdict) -> Result<()> {
    match verdict {
        Verdict::Holds(proven) => {
            proven_text(proven)?;
            output::text("VERDICT: it shows what it claims")
        }
        Verdict::Refuted(why) => {
            output::text(&format!("REFUTED: {why}"))?;
            output::text("VERDICT: what is in the file is authentic, and does not show what it claims")
        }
        Verdict::NotEvidence(why) => {
            output::text(&format!("NOT EVIDENCE: {why}"))?;
            output::text("VERDICT: the file proves nothing: it is damaged, changed, or of another network")
        }
    }
}

fn proven_text(proven: &Proven) -> Result<()> {
    output::text(&format!("HOLDS: {}", headline(proven)))?;
    for block in &proven.blocks {
        let signers: Vec<String> = block.signers.iter().map(|branch| name(proven, *branch)).collect();
        output::text(&format!(
            "    block {} of the {} chain, made {}, {}",
            block.height,
            proven.chain,
            time(block.time_s),
            block.digest
        ))?;
        output::text(&format!("    final by the signatures of {}", signers.join(", ")))?;
    }
    for line in said(proven) {
        output::text(&format!("    {line}"))?;
    }
    if let Some(seen) = &proven.seen {
        output::text(&format!(
            "    seen {} by staff {} of {}: that person's word, everything else is proven without it",
            time(seen.at_s),
            seen.staff,
            name(proven, seen.branch)
        ))?;
    }
    output::text(&format!("    it does not show {}", not_shown(&proven.claim)))
}

/// What the branch or the transaction itself says.
fn said(proven: &Proven) -> Vec<String> {
    let by_its_clock =
        |time_s: u64| format!("answered {} by the branch's own clock, and signed by it", time(time_s));
    match &proven.claim {
        Claim::Inclusion { transaction, says, .. } => {
            let mut lines = vec![format!("transaction {transaction}")];
            lines.extend(says.as_deref().map(says_text));
            lines
        }
        Claim::Fork { .. } => {
            vec!["each of them signed two blocks of which one alone can be true".to_owned()]
        }
        Claim::Contradiction { time_s, signed, .. } => {
            vec![format!("signed {} by the branch's own clock: {signed}", time(*time_s))]
        }
        Claim::Rollback { earlier, later, .. } => vec![
            format!("signed block {} {} by the branch's own clock", earlier.0, time(earlier.1)),
            format!("signed block {} {} by the branch's own clock", later.0, time(later.1)),
        ],
        Claim::Altered { record, agreed, given, time_s, .. } => {
            vec![format!("record {record}: agreed {agreed}"), format!("given {given}"), by_its_clock(*time_s)]
        }
        Claim::Missing { record, time_s, .. } => vec![format!("record {record}"), by_its_clock(*time_s)],
        Claim::Omission { patient, time_s, .. } => vec![format!("patient {patient}"), by_its_clock(*time_s)],
        Claim::Forged { time_s, .. } => vec![by_its_clock(*time_s)],
    }
}

fn says_text(transaction: &Transaction) -> String {
    use wardline_ledger::{Author, Body};
    let by = match &transaction.author {
        Author::Session { grant, .. } => format!("by staff {}", grant.staff),
        Author::Branch { branch, .. } => format!("by the node of branch {branch}"),
        Author::Staff { approvals } => {
            let persons: Vec<String> = approvals.iter().map(|one| one.staff.to_string()).collect();
            format!("approved by staff {}", persons.join(", "))
        }
    };
    let says = match &transaction.body {
        Body::Storage(storage) => {
            let holders: Vec<String> =
                storage.receipts.iter().map(|receipt| receipt.branch.to_string()).collect();
            format!(
                "storage of record {} version {} ({}), made at branch {}, {} bytes, envelope {}, held by branches {}",
                storage.record,
                storage.version,
                storage.kind,
                storage.branch,
                storage.size,
                storage.pointer,
                holders.join(", ")
            )
        }
        Body::Lookup(lookup) => format!(
            "lookup {} of patient {} for {}, reason: {}",
            lookup.lookup, lookup.patient, lookup.purpose, lookup.reason
        ),
        Body::Link(link) => format!("link of record {} to patient {}", link.record, link.patient),
        Body::Enrol(enrol) => format!("enrolment of patient {}", enrol.patient),
        Body::Access(access) => {
            format!("root of the audit log of branch {}: {} entries", access.branch, access.size)
        }
        Body::Registry(registry) => format!("registry change {}", registry.version),
        Body::Verdict(verdict) => format!(
            "auditor's verdict up to block {}: {} records checked, {} copies missing or altered, {} unheard",
            verdict.height, verdict.records, verdict.bad, verdict.unheard
        ),
    };
    format!("{says}; {by}")
}

const fn not_shown(claim: &Claim) -> &'static str {
    match claim {
        Claim::Inclusion { .. } => "whether there is a newer version, nor what a sealed record says",
        Claim::Fork { .. } => "which of the two is the true one, nor why they signed both",
        Claim::Contradiction { .. } => "why the branch has another block, nor who had its key",
        Claim::Rollback { .. } => "why: a restored backup or a set-back clock looks the same",
        Claim::Forged { .. } => "who at the branch did it, nor who had its key",
        Claim::Altered { .. } => "why: a failing disk and a changed file look the same",
        Claim::Missing { .. } => "why, nor whether other branches still have it",
        Claim::Omission { .. } => "why, nor which records are left out",
    }
}

fn name(proven: &Proven, branch: BranchId) -> String {
    proven.names.get(&branch).cloned().unwrap_or_else(|| format!("branch {branch}"))
}

/// As people read it: UTC, to the second.
fn time(seconds: u64) -> String {
    let at = i64::try_from(seconds).ok().and_then(|at| jiff::Timestamp::from_second(at).ok());
    at.map_or_else(|| format!("second {seconds}"), |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

fn document(verdict: &Verdict, network: &NetworkId) -> Value {
    let proven = match verdict {
        Verdict::Holds(proven) => proven,
        Verdict::Refuted(why) => {
            return json!({"verdict": "refuted", "network": network.to_string(), "why": why.to_string()});
        }
        Verdict::NotEvidence(why) => {
            return json!({"verdict": "not evidence", "network": network.to_string(), "why": why.to_string()});
        }
    };
    json!({
        "verdict": "holds",
        "network": network.to_string(),
        "chain": proven.chain.name(),
        "kind": proven.claim.kind().name(),
        "what": headline(proven),
        "details": said(proven),
        "not_shown": not_shown(&proven.claim),
        "branches": proven.claim.branches().iter().map(|branch| branch.0).collect::<Vec<_>>(),
        "blocks": proven.blocks.iter().map(|block| json!({
            "height": block.height,
            "digest": block.digest.to_string(),
            "time_s": block.time_s,
            "signers": block.signers.iter().map(|branch| branch.0).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "seen": proven.seen.map(|seen| json!({
            "at_s": seen.at_s,
            "staff": seen.staff.to_string(),
            "branch": seen.branch.0,
        })),
    })
}
