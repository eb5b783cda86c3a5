//! `wardline verify --node-dir`: a stopped node's files, and what is wrong in them, byte range by byte range.

use super::{NOT_WHOLE, Result, WRONG, output};
use serde_json::{Value, json};
use std::{
    io::{IsTerminal as _, Write as _},
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};
use wardline_ledger::{BranchId, Canonical as _, Genesis};
use wardline_node::{ChainFound, CheckProgress, CheckReport, CheckVerdict, Fault, Scratch, check};

/// What the program ends with when it is told to stop, as shells have it for an interrupt.
const STOPPED: i32 = 130;
/// Faults that the text names one by one; JSON names all.
const NAMED: usize = 20;
/// How often the figure on the terminal changes.
const EVERY: Duration = Duration::from_millis(100);

/// Reads a genesis file.
pub fn genesis(path: &Path) -> Result<Genesis> {
    let bytes = std::fs::read(path)
        .map_err(|error| format!("cannot read the genesis file {}: {error}", path.display()))?;
    Ok(Genesis::decode(&bytes)
        .map_err(|error| format!("{} is not a genesis file: {error}", path.display()))?)
}

pub fn verify(genesis: &Genesis, directory: &Path, branch: Option<&str>, json: bool) -> Result<ExitCode> {
    let branch = branch.map(|name| numbered(genesis, name)).transpose()?;
    let mut figure = Figure::new("checking");
    let scratch = Scratch::make(&std::env::temp_dir())?;
    remove_when_stopped(scratch.path())?;
    let done = check(genesis, directory, branch, scratch.path(), &mut |at| figure.show(at));
    drop(scratch);
    figure.clear();
    let report = done?;
    if json {
        output::json(&document(&report))?;
    } else {
        text(genesis, &report)?;
        output::text(sentence(report.verdict()))?;
    }
    Ok(code(report.verdict()))
}

/// Ends the program when it is told to stop, with what a check builds beside removed: it is a copy of the side chain.
fn remove_when_stopped(scratch: &Path) -> Result<()> {
    let (runtime, scratch) = (super::runtime()?, scratch.to_owned());
    std::thread::spawn(move || {
        if runtime.block_on(super::stopped()).is_ok() {
            // The check still writes: a file that it makes meanwhile is in the way once.
            let _ = (0..10).any(|_| std::fs::remove_dir_all(&scratch).is_ok());
            std::process::exit(STOPPED);
        }
    });
    Ok(())
}

/// A branch by name, as the genesis has it; one that was added later by its number.
fn numbered(genesis: &Genesis, name: &str) -> Result<BranchId> {
    if let Ok(number) = name.parse() {
        return Ok(BranchId(number));
    }
    let found = genesis.participants.iter().find(|one| one.name.eq_ignore_ascii_case(name));
    Ok(found.ok_or_else(|| format!("`{name}` is no branch of {}", genesis.name))?.id)
}

pub fn code(verdict: CheckVerdict) -> ExitCode {
    match verdict {
        CheckVerdict::Whole => ExitCode::SUCCESS,
        CheckVerdict::NotWhole => NOT_WHOLE.into(),
        CheckVerdict::Wrong => WRONG.into(),
    }
}

pub const fn word(verdict: CheckVerdict) -> &'static str {
    match verdict {
        CheckVerdict::Whole => "holds",
        CheckVerdict::NotWhole => "not whole",
        CheckVerdict::Wrong => "wrong",
    }
}

const fn sentence(verdict: CheckVerdict) -> &'static str {
    match verdict {
        CheckVerdict::Whole => "VERDICT: everything that can be checked here was, and all of it holds",
        CheckVerdict::NotWhole => "VERDICT: nothing is wrong; NOT EVERYTHING COULD BE CHECKED, see above",
        CheckVerdict::Wrong => {
            "VERDICT: SOMETHING IS WRONG, see above; `wardline repair` mends it from peers"
        }
    }
}

/// Everything, for programs.
pub fn document(report: &CheckReport) -> Value {
    let chain = |one: &ChainFound| {
        json!({
            "chain": one.chain.name(),
            "height": one.height,
            "proven": one.proven,
            "digest": one.digest.to_string(),
            "replayed": one.replayed,
            "transactions": one.transactions,
        })
    };
    let fault = |one: &Fault| {
        json!({
            "file": one.file,
            "start": one.place.map(|place| place.start),
            "end": one.place.map(|place| place.end),
            "table": one.table,
            "row": one.row,
            "what": one.what,
            "doubt": one.doubt,
        })
    };
    let vault = report.vault;
    json!({
        "verdict": word(report.verdict()),
        "network": report.network.to_string(),
        "branch": report.branch.map(|branch| branch.0),
        "chains": report.chains.iter().map(chain).collect::<Vec<_>>(),
        "vault": {
            "agreed": vault.agreed,
            "earlier": vault.earlier,
            "open": vault.open,
            "wrapped_keys": vault.stanzas,
            "search_tokens": vault.tokens,
            "audit_entries": vault.audit,
        },
        "first_bad": report.faults.iter().find(|one| one.place.is_some()).map(fault),
        "faults": report.faults.iter().map(fault).collect::<Vec<_>>(),
        "more_faults": report.more,
        "not_checked": report.unchecked,
        "beside": report.beside,
    })
}

pub fn text(genesis: &Genesis, report: &CheckReport) -> Result<()> {
    output::text(&format!("network {} ({})", genesis.name, genesis.network().short()))?;
    let name = |branch: BranchId| {
        genesis.participants.iter().find(|one| one.id == branch).map(|one| one.name.as_str())
    };
    match report.branch {
        Some(branch) => {
            output::text(&format!("branch  {} ({branch})", name(branch).unwrap_or("added later")))?
        }
        None => output::text("branch  NOT KNOWN: say whose directory it is with --branch")?,
    }
    for one in &report.chains {
        let title = format!("{}.sqlite", one.chain);
        line(
            &title,
            shout(report, &title),
            &format!("{} blocks, {} transactions", one.height + 1, one.transactions),
        )?;
        note(&format!(
            "proven to height {} ({}), done again to {}",
            one.proven,
            one.digest.short(),
            one.replayed
        ))?;
    }
    let vault = report.vault;
    let held = vault.agreed + vault.earlier + vault.open;
    line(
        "vault.sqlite",
        shout(report, "vault.sqlite"),
        &format!("{held} envelopes, {} audit entries", vault.audit),
    )?;
    note(&format!(
        "{} as agreed, {} earlier versions, {} not agreed",
        vault.agreed, vault.earlier, vault.open
    ))?;
    note("not judged without the branch's key: whether wrapped keys open, and")?;
    note("whose search terms the tokens are")?;
    for one in report.faults.iter().take(NAMED) {
        fault_text(one)?;
    }
    match (report.faults.len() + report.more).saturating_sub(NAMED) {
        0 => {}
        more => note(&format!("and {more} more, in --json"))?,
    }
    report.unchecked.iter().try_for_each(|one| note(&format!("NOT CHECKED {one}")))?;
    report.beside.iter().try_for_each(|one| note(&format!("beside: {one}")))
}

fn shout(report: &CheckReport, file: &str) -> &'static str {
    let of_file = |fault: &&Fault| fault.file.starts_with(file);
    if report.faults.iter().filter(of_file).any(|fault| !fault.doubt) {
        "WRONG"
    } else if report.faults.iter().any(|fault| of_file(&fault))
        || report.unchecked.iter().any(|one| one.starts_with(file))
    {
        "NOT WHOLE"
    } else {
        "HOLDS"
    }
}

fn fault_text(fault: &Fault) -> Result<()> {
    let word = if fault.doubt { "DOUBT" } else { "WRONG" };
    let place =
        fault.place.map(|place| format!(", bytes {}..{}", place.start, place.end)).unwrap_or_default();
    note(&format!("{word} {}{place}", fault.file))?;
    let row = [fault.table.as_deref(), fault.row.as_deref()];
    let row: Vec<&str> = row.into_iter().flatten().collect();
    let row = if row.is_empty() { String::new() } else { format!("{}: ", row.join(", ")) };
    note(&format!("      {row}{}", fault.what))
}

fn line(title: &str, word: &str, text: &str) -> Result<()> {
    output::text(format!("{title:<13}{word:<10} {text}").trim_end())
}

/// More on the line above.
pub fn note(text: &str) -> Result<()> {
    output::text(&format!("    {text}"))
}

/// How far it is, on the terminal; nothing when standard error is not one.
pub struct Figure {
    terminal: bool,
    what: &'static str,
    shown: Option<Instant>,
}

impl Figure {
    pub fn new(what: &'static str) -> Self {
        Self { terminal: std::io::stderr().is_terminal(), what, shown: None }
    }

    pub fn show(&mut self, at: CheckProgress) {
        if !self.terminal || self.shown.is_some_and(|at| at.elapsed() < EVERY) {
            return;
        }
        self.shown = Some(Instant::now());
        let at = match at {
            CheckProgress::Blocks(chain, height) => format!("{chain} chain, block {height}"),
            CheckProgress::Envelopes(number) => format!("envelope {number}"),
            CheckProgress::Audit(number) => format!("audit entry {number}"),
        };
        eprint!("\r\x1b[K{}: {at}", self.what);
        let _ = std::io::stderr().flush();
    }

    pub fn clear(&self) {
        if self.shown.is_some() {
            eprint!("\r\x1b[K");
            let _ = std::io::stderr().flush();
        }
    }
}
