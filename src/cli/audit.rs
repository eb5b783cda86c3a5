//! `wardline audit`: every sealed record's digest recomputed at two branches, by an auditor without any record key, and
//! a signed verdict on the main chain.

use super::{
    NOT_WHOLE, Result, WRONG,
    access::Access,
    output,
    verify::{Figure, day, fault_text, not_heard, note, word},
};
use clap::Args;
use serde_json::{Value, json};
use std::{process::ExitCode, time::Duration};
use tokio::sync::mpsc::unbounded_channel;
use wardline_client::{Audit, Auditor, AuditorVerdict, ClientError, Group, Verdict};
use wardline_ledger::{Lack, Named};

/// Copies that the text names one by one; JSON names all.
const NAMED: usize = 20;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    access: Access,
    /// Fetch the copies of all records again, not only of those after your last verdict
    #[arg(long)]
    all: bool,
    /// Go on until SIGTERM: a new verdict when new records came or something changed, and no word otherwise
    #[arg(long)]
    watch: bool,
    /// Seconds between two rounds of --watch
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
    /// Print JSON, one document for each round, news or not
    #[arg(long)]
    json: bool,
}

pub fn run(options: Options) -> Result<ExitCode> {
    let genesis = options.access.genesis()?;
    let group = options.access.open()?;
    let runtime = super::runtime()?;
    let verdict = runtime.block_on(async {
        let mut auditor = group.auditor(&genesis).await?;
        if !options.watch {
            let done = round(&mut auditor, options.all, false).await?;
            tell(&group, &options, &done, false)?;
            return Ok(done.verdict());
        }
        let mut worst = Verdict::Holds;
        let mut all = options.all;
        let stopped = super::stopped();
        tokio::pin!(stopped);
        loop {
            // A round that is under way when it is told to stop is given up: what it would have said is not said.
            tokio::select! {
                done = round(&mut auditor, all, true) => match done {
                    Ok(done) => {
                        tell(&group, &options, &done, true)?;
                        worst = worst.max(done.verdict());
                        all = false;
                    }
                    Err(error) if passes(&error) => {
                        eprintln!("this round came to nothing: {error}; the next one is in {} s", options.every);
                        worst = worst.max(Verdict::NotWhole);
                    }
                    Err(error) => return Err(error.into()),
                },
                ended = &mut stopped => return ended.map(|()| worst),
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(options.every)) => {}
                ended = &mut stopped => return ended.map(|()| worst),
            }
        }
    })?;
    Ok(match verdict {
        Verdict::Holds => ExitCode::SUCCESS,
        Verdict::NotWhole => NOT_WHOLE.into(),
        Verdict::Wrong => WRONG.into(),
    })
}

/// Whether the branches may be better off at the next round. What is wrong here, or with whom this is, stays so.
const fn passes(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::AllSilent(_)
            | ClientError::NoneUsable(_)
            | ClientError::EveryBranch(_)
            | ClientError::Branch { .. }
            | ClientError::Unverified { .. }
            | ClientError::NoBlock { .. }
            | ClientError::NotFinal { .. }
    )
}

async fn round(auditor: &mut Auditor, all: bool, quiet: bool) -> std::result::Result<Audit, ClientError> {
    let (progress, heard) = unbounded_channel();
    let work = async {
        let done = auditor.round(all, quiet, &progress).await;
        drop(progress);
        done
    };
    tokio::join!(work, Figure::new().follow(heard)).0
}

fn tell(group: &Group, options: &Options, done: &Audit, quiet: bool) -> Result<()> {
    if options.json {
        output::json(&document(group, done))?;
    } else if !quiet || done.settled.is_some() {
        text(group, done)?;
    }
    Ok(())
}

fn name(group: &Group, id: u16) -> String {
    let known = group.branches().iter().find(|branch| branch.id == id);
    known.map_or_else(|| format!("branch {id}"), |branch| branch.name.clone())
}

fn document(group: &Group, done: &Audit) -> Value {
    let one = |named: &Named| {
        json!({
            "record": named.record.to_string(),
            "branch": name(group, named.branch.0),
            "what": named.lack.name(),
        })
    };
    json!({
        "verdict": word(done.verdict()),
        "height": done.verdict.height,
        "digest": done.verdict.digest.to_string(),
        "since": done.verdict.since,
        "records": done.verdict.records,
        "fetched": done.fetched,
        "bad": done.verdict.bad,
        "unanswered": done.verdict.unheard,
        "copies": done.named.iter().map(one).collect::<Vec<_>>(),
        "said_at": done.settled.map(|settled| settled.height),
        "faults": done.main.faults.iter().map(super::verify::fault_document).collect::<Vec<_>>(),
        "not_heard": done.main.unheard.iter().map(|one| json!({"branch": one.branch, "why": one.why})).collect::<Vec<_>>(),
    })
}

fn text(group: &Group, done: &Audit) -> Result<()> {
    let verdict = &done.verdict;
    let up_to = format!("main block {} ({})", verdict.height, verdict.digest.short());
    output::text(&format!(
        "{} records up to {up_to}, two copies of each: {} bad, {} not heard of",
        verdict.records, verdict.bad, verdict.unheard
    ))?;
    note(&format!(
        "copies of {} records fetched now; of all of them since block {}",
        done.fetched, verdict.since
    ))?;
    for one in done.named.iter().take(NAMED) {
        let what = match one.lack {
            Lack::Missing => "MISSING",
            Lack::Altered => "ALTERED",
            Lack::Unanswered => "NOT HEARD OF",
        };
        note(&format!("{what} at {}: record {}", name(group, one.branch.0), one.record))?;
    }
    if let Some(more) = done.named.len().checked_sub(NAMED).filter(|more| *more > 0) {
        note(&format!("and {more} more, all in --json"))?;
    }
    for fault in &done.main.faults {
        note(&format!("WRONG main chain, {}", fault_text(fault)))?;
    }
    done.main.unheard.iter().try_for_each(not_heard)?;
    match done.settled {
        Some(settled) => output::text(&format!("VERDICT on the main chain in block {}", settled.height)),
        None => output::text("nothing new to say: the verdict before stands"),
    }
}

/// An auditor's newest verdict in one line.
pub fn said(one: &AuditorVerdict) -> String {
    let verdict = &one.verdict;
    let chain = match one.same_chain {
        Some(true) => "",
        Some(false) => "; ITS BLOCK IS NOT THE VERIFIED ONE",
        None => "; its block was not compared",
    };
    let found = match (verdict.bad, verdict.unheard) {
        (0, 0) => "all of those whole".to_owned(),
        (1, unheard) => format!("1 BAD COPY, {unheard} not heard of"),
        (bad, unheard) => format!("{bad} BAD COPIES, {unheard} not heard of"),
    };
    format!(
        "auditor {} of {} on {}: {} records up to block {}, two copies of each: {found}{chain}",
        one.auditor.short(),
        one.branch,
        day(one.time_s),
        verdict.records,
        verdict.height
    )
}

/// The same for programs.
pub fn said_document(one: &AuditorVerdict) -> Value {
    let verdict = &one.verdict;
    let copy = |named: &Named| json!({"record": named.record.to_string(), "branch": named.branch.0, "what": named.lack.name()});
    json!({
        "auditor": one.auditor.to_string(),
        "branch": one.branch,
        "time_s": one.time_s,
        "height": verdict.height,
        "digest": verdict.digest.to_string(),
        "since": verdict.since,
        "records": verdict.records,
        "bad": verdict.bad,
        "unanswered": verdict.unheard,
        "copies": verdict.named.iter().map(copy).collect::<Vec<_>>(),
        "same_chain": one.same_chain,
    })
}
