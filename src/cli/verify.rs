//! `wardline verify`: both chains from the genesis and every record, by this terminal alone, going on from its last
//! verification; every branch's own blocks; or an exported file, offline.

mod each;

use super::{NOT_WHOLE, Result, WRONG, access::Access, output};
use clap::Args;
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{BufReader, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use wardline_client::{
    BadCopy, ChainReport, Copies, Depth, Fault, RecordsReport, Unheard, Verdict, VerifyProgress,
    VerifyRequest, verify_archive,
};

/// Faults that the text names one by one; JSON names all.
const NAMED: usize = 20;
/// How often the figure on the terminal changes.
const EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    access: Access,
    /// Take blocks from this branch only (else from whoever has them, your own branch first)
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    /// Compare every trusted branch's copy of each record, not its home branch's alone
    #[arg(long)]
    all_copies: bool,
    /// Compare every branch's own headers, certificates and bodies too, from the genesis
    #[arg(long, conflicts_with = "branch")]
    each: bool,
    /// Verify all blocks again, not only those after the last verification's
    #[arg(long)]
    from_genesis: bool,
    /// Verify this exported file instead, offline: no key file, no network
    #[arg(long, value_name = "FILE", conflicts_with_all = ["branch", "all_copies", "each", "from_genesis"])]
    export: Option<PathBuf>,
    /// Check a stopped node's data directory instead, offline and without changing a byte of it; --branch says whose it
    /// is, where its audit log does not
    #[arg(long, value_name = "DIR", conflicts_with_all = ["export", "all_copies", "each", "from_genesis"])]
    node_dir: Option<PathBuf>,
    /// The network's genesis file, with --node-dir (else the one that console.toml names)
    #[arg(long, value_name = "FILE", requires = "node_dir")]
    genesis: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(options: Options) -> Result<ExitCode> {
    if let Some(file) = &options.export {
        return offline(&options, file);
    }
    if let Some(directory) = &options.node_dir {
        return stopped(&options, directory);
    }
    let genesis = options.access.genesis()?;
    let group = options.access.open()?;
    let request = VerifyRequest {
        branch: options.branch,
        all_copies: options.all_copies,
        each: options.each,
        from_genesis: options.from_genesis,
    };
    let (progress, heard) = unbounded_channel();
    let done = super::runtime()?.block_on(async {
        tokio::join!(group.verify(&genesis, &request, progress), Figure::new().follow(heard)).0
    })?;
    let verdict = done.verdict();
    if options.json {
        output::json(&json!({
            "verdict": word(verdict),
            "network": genesis.network().to_string(),
            "main": chain_document(&done.main),
            "side": chain_document(&done.side),
            "records": records_document(&done.records),
            "branches": request.each.then(|| done.each.iter().map(each::document).collect::<Vec<_>>()),
        }))?;
    } else {
        output::text(&format!("network {} ({})", genesis.name, genesis.network().short()))?;
        chain_text(&done.main)?;
        chain_text(&done.side)?;
        each::text(&done.each)?;
        records_text(&done.records)?;
        output::text(sentence(verdict))?;
    }
    Ok(code(verdict))
}

#[cfg(feature = "node")]
fn stopped(options: &Options, directory: &Path) -> Result<ExitCode> {
    let genesis = match &options.genesis {
        Some(path) => super::files::genesis(path)?,
        None => options.access.genesis()?,
    };
    super::files::verify(&genesis, directory, options.branch.as_deref(), options.json)
}

#[cfg(not(feature = "node"))]
fn stopped(options: &Options, directory: &Path) -> Result<ExitCode> {
    let of = options.genesis.as_deref().unwrap_or(directory).display();
    Err(format!(
        "this wardline was made for terminals and reads no node's files: check {of} on the branch's machine"
    )
    .into())
}

fn offline(options: &Options, path: &Path) -> Result<ExitCode> {
    let genesis = options.access.genesis()?;
    let file = File::open(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let mut figure = Figure::new();
    let done = verify_archive(&genesis, &mut BufReader::new(file), &mut |progress| figure.show(progress));
    figure.clear();
    let report = done?;
    let verdict = report.verdict();
    if options.json {
        output::json(&json!({
            "verdict": word(verdict),
            "network": genesis.network().to_string(),
            "chain": report.chain.name(),
            report.chain.name(): chain_document(&report),
        }))?;
    } else {
        output::text(&format!("network {} ({})", genesis.name, genesis.network().short()))?;
        chain_text(&report)?;
        output::text(sentence(verdict))?;
    }
    Ok(code(verdict))
}

fn code(verdict: Verdict) -> ExitCode {
    match verdict {
        Verdict::Holds => ExitCode::SUCCESS,
        Verdict::NotWhole => NOT_WHOLE.into(),
        Verdict::Wrong => WRONG.into(),
    }
}

/// For programs.
pub const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "holds",
        Verdict::NotWhole => "not whole",
        Verdict::Wrong => "wrong",
    }
}

const fn sentence(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "VERDICT: everything was checked, and all of it holds",
        Verdict::NotWhole => "VERDICT: what was checked holds; NOT EVERYTHING WAS CHECKED, see above",
        Verdict::Wrong => "VERDICT: SOMETHING IS WRONG, see above",
    }
}

/// What a depth means, check by check.
fn checks(depth: Option<Depth>) -> Vec<&'static str> {
    let all = [
        (Depth::Headers, "headers"),
        (Depth::Headers, "links"),
        (Depth::Headers, "certificates"),
        (Depth::Bodies, "bodies"),
        (Depth::Replay, "transactions"),
        (Depth::Replay, "state roots"),
    ];
    all.into_iter().filter(|(needs, _)| depth >= Some(*needs)).map(|(_, name)| name).collect()
}

fn chain_document(report: &ChainReport) -> Value {
    let checked = report.depth.is_some();
    json!({
        "verdict": word(report.verdict()),
        "checked": checks(report.depth),
        "not_checked": report.skipped,
        "height": checked.then_some(report.height),
        "digest": checked.then(|| report.digest.to_string()),
        "blocks": if checked { report.height + 1 } else { 0 },
        "verified_before": report.earlier.iter().map(|part| json!({"to": part.to, "at_s": part.at_s})).collect::<Vec<_>>(),
        "not_resumed": report.restarted,
        "transactions": report.transactions,
        "sources": report.sources,
        "same_chain_at": report.agreeing,
        "faults": report.faults.iter().map(fault_document).collect::<Vec<_>>(),
        "not_heard": report.unheard.iter().map(|one| json!({"branch": one.branch, "why": one.why})).collect::<Vec<_>>(),
        "took_ms": report.took_ms,
    })
}

pub fn fault_document(fault: &Fault) -> Value {
    json!({"branch": fault.branch, "height": fault.height, "what": fault.what})
}

fn records_document(report: &RecordsReport) -> Value {
    let sum = |count: fn(&Copies) -> u64| report.branches.iter().map(count).sum::<u64>();
    let bad = |of: fn(&Copies) -> &[BadCopy]| -> Vec<Value> {
        let one = |copies: &Copies, bad: &BadCopy| json!({"branch": copies.branch, "record": bad.record.to_string(), "version": bad.version, "what": bad.what});
        report.branches.iter().flat_map(|copies| of(copies).iter().map(move |bad| one(copies, bad))).collect()
    };
    json!({
        "verdict": word(report.verdict()),
        "not_checked": report.skipped,
        "all_copies": report.all_copies,
        "records": report.records,
        "copies": sum(|copies| copies.asked),
        "good": sum(|copies| copies.good),
        "bytes": sum(|copies| copies.bytes),
        "altered": bad(|copies| &copies.altered),
        "lost": bad(|copies| &copies.lost),
        "absent": sum(|copies| copies.absent),
        "not_heard": sum(|copies| copies.unchecked),
        "branches": report.branches.iter().map(|copies| json!({
            "branch": copies.branch,
            "copies": copies.asked,
            "good": copies.good,
            "altered": copies.altered.len(),
            "lost": copies.lost.len(),
            "absent": copies.absent,
            "not_heard": copies.unchecked,
            "why": copies.why,
        })).collect::<Vec<_>>(),
        "took_ms": report.took_ms,
    })
}

/// The word in capitals that an eye finds first.
const fn shout(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "HOLDS",
        Verdict::NotWhole => "NOT WHOLE",
        Verdict::Wrong => "WRONG",
    }
}

fn chain_text(report: &ChainReport) -> Result<()> {
    let title = format!("{} chain", report.chain);
    let Some(depth) = report.depth else {
        return line(&title, "NOT CHECKED", report.skipped.as_deref().unwrap_or_default());
    };
    let (height, digest) = (report.height, report.digest.short());
    let summary = format!("{} blocks, genesis to height {height} ({digest})", height + 1);
    line(&title, shout(report.verdict()), &summary)?;
    note(&format!("checked: {}", checks(Some(depth)).join(", ")))?;
    earlier_text(report)?;
    if let Some(skipped) = &report.skipped {
        note(&format!("NOT CHECKED {skipped}"))?;
    }
    if !report.transactions.is_empty() {
        let kinds: Vec<String> =
            report.transactions.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        note(&format!("transactions: {}", kinds.join(", ")))?;
    }
    if !report.sources.is_empty() {
        note(&format!("blocks from: {}", report.sources.join(", ")))?;
    }
    if !report.agreeing.is_empty() {
        note(&format!("the same chain at: {}", report.agreeing.join(", ")))?;
    }
    for fault in report.faults.iter().take(NAMED) {
        note(&format!("WRONG {}", fault_text(fault)))?;
    }
    more(report.faults.len())?;
    report.unheard.iter().try_for_each(not_heard)
}

/// Which blocks were verified when.
fn earlier_text(report: &ChainReport) -> Result<()> {
    if let Some(why) = &report.restarted {
        note(&format!("what the last verification kept is not used ({why}): begun at the genesis"))?;
    }
    let mut from = 1;
    let mut parts = Vec::new();
    for part in &report.earlier {
        parts.push(format!("{} on {}", span(from, part.to), day(part.at_s)));
        from = part.to + 1;
    }
    match parts.as_slice() {
        [] => Ok(()),
        parts => {
            let now =
                if report.height >= from { span(from, report.height) } else { "nothing new".to_owned() };
            note(&format!("verified by this terminal: {}; now: {now}", parts.join(", ")))?;
            note(
                "blocks of before were not fetched again: --from-genesis does, --each compares every branch's",
            )
        }
    }
}

fn span(from: u64, to: u64) -> String {
    if from >= to { format!("block {to}") } else { format!("blocks {from} to {to}") }
}

/// A day in the terminal's own time zone.
pub fn day(at_s: u64) -> String {
    let at = i64::try_from(at_s).ok().and_then(|at| jiff::Timestamp::from_second(at).ok());
    at.map_or_else(
        || "an unknown day".to_owned(),
        |at| at.to_zoned(jiff::tz::TimeZone::system()).strftime("%-d %b %Y").to_string(),
    )
}

pub fn fault_text(fault: &Fault) -> String {
    let who = fault.branch.as_deref().unwrap_or("the chain itself");
    format!("{who}, block {}: {}", fault.height, fault.what)
}

pub fn not_heard(one: &Unheard) -> Result<()> {
    note(&format!("NOT HEARD {}: {}", one.branch, one.why))
}

fn records_text(report: &RecordsReport) -> Result<()> {
    if let (Some(skipped), []) = (&report.skipped, report.branches.as_slice()) {
        return line("records", "NOT CHECKED", skipped);
    }
    let (asked, good, bytes) = report
        .branches
        .iter()
        .fold((0, 0, 0), |(a, g, b), copies| (a + copies.asked, g + copies.good, b + copies.bytes));
    let whose = if report.all_copies { "copies at all branches" } else { "copies at home" };
    let summary = format!("{} records: {good} of {asked} {whose} match their pointers", report.records);
    line("records", shout(report.verdict()), &summary)?;
    note(&format!("checked: size and SHA-256 of {} kB", bytes / 1000))?;
    if let Some(skipped) = &report.skipped {
        note(&format!("NOT CHECKED {skipped}"))?;
    }
    let bad = report.branches.iter().flat_map(|copies| {
        let named = |bad| (copies.branch.as_str(), bad);
        let altered = copies.altered.iter().map(|bad| ("ALTERED", bad));
        let lost = copies.lost.iter().map(|bad| ("LOST", bad));
        altered.chain(lost).map(named)
    });
    for (branch, (word, bad)) in bad.take(NAMED) {
        note(&format!("{word} at {branch}: record {} version {}: {}", bad.record, bad.version, bad.what))?;
    }
    more(report.bad())?;
    for copies in report.branches.iter().filter(|copies| copies.unchecked > 0) {
        let why = copies.why.as_deref().unwrap_or("no answer");
        note(&format!("NOT HEARD {}: {} copies not checked: {why}", copies.branch, copies.unchecked))?;
    }
    for copies in report.branches.iter().filter(|copies| copies.absent > 0) {
        note(&format!("{} has {} of them not, and never signed for them", copies.branch, copies.absent))?;
    }
    Ok(())
}

fn more(count: usize) -> Result<()> {
    match count.saturating_sub(NAMED) {
        0 => Ok(()),
        more => note(&format!("and {more} more, all in --json")),
    }
}

fn line(title: &str, word: &str, text: &str) -> Result<()> {
    output::text(format!("{title:<11} {word:<11} {text}").trim_end())
}

/// More on the line above.
pub fn note(text: &str) -> Result<()> {
    output::text(&format!("    {text}"))
}

/// A figure on the terminal; nothing when standard error is not one.
pub struct Figure {
    terminal: bool,
    shown: Option<Instant>,
    main: Option<(u64, u64)>,
    side: Option<(u64, u64)>,
    compared: Option<(u64, u64)>,
    records: Option<(u64, u64)>,
}

impl Figure {
    pub fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { terminal, shown: None, main: None, side: None, compared: None, records: None }
    }

    /// Shows what is heard until nobody tells more.
    pub async fn follow(mut self, mut heard: UnboundedReceiver<VerifyProgress>) {
        while let Some(progress) = heard.recv().await {
            self.show(progress);
        }
        self.clear();
    }

    fn show(&mut self, progress: VerifyProgress) {
        use wardline_ledger::Chain;
        match progress {
            VerifyProgress::Chain { chain: Chain::Main, height, of } => self.main = Some((height, of)),
            VerifyProgress::Chain { chain: Chain::Side, height, of } => self.side = Some((height, of)),
            VerifyProgress::Compared { done, of } => self.compared = Some((done, of)),
            VerifyProgress::Records { done, of } => self.records = Some((done, of)),
        }
        if !self.terminal || self.shown.is_some_and(|at| at.elapsed() < EVERY) {
            return;
        }
        self.shown = Some(Instant::now());
        let parts = [
            ("main chain", self.main),
            ("side chain", self.side),
            ("branches' blocks", self.compared),
            ("records", self.records),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter_map(|(name, at)| at.map(|(done, of)| format!("{name} {done}/{of}")))
            .collect();
        eprint!("\r\x1b[Kverifying: {}", parts.join(", "));
        let _ = std::io::stderr().flush();
    }

    fn clear(&self) {
        if self.shown.is_some() {
            eprint!("\r\x1b[K");
            let _ = std::io::stderr().flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn what_a_stopped_node_cannot_be_asked_is_refused() {
        let parsed = |more: &str| {
            let words = ["verify", "--node-dir", "data"].into_iter().chain(more.split_whitespace());
            Line::try_parse_from(words).map(|line| line.options.node_dir)
        };
        assert!(parsed("--branch North --json").unwrap().is_some());
        for option in ["--each", "--from-genesis", "--all-copies", "--export file"] {
            let refused = parsed(option).unwrap_err();
            assert_eq!(refused.kind(), clap::error::ErrorKind::ArgumentConflict, "{option}");
        }
    }
}
