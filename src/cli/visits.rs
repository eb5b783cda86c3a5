//! `wardline visits`: the history screen's twin.

use super::{NOT_WHOLE, Result, access::Access, lookup::Who, output};
use clap::Args;
use serde_json::{Value, json};
use std::process::ExitCode;
use wardline_client::{AnswerState, History, Row, RowState, Wholeness};

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    who: Who,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(options: Options) -> Result<ExitCode> {
    let group = options.access.open()?;
    let history = super::runtime()?.block_on(async {
        let who = options.who.look_up(&group).await?;
        Ok::<_, super::Failure>(group.history(who.patient, &who.lookup).await?)
    })?;
    if options.json {
        output::json(&document(&history))?;
    } else {
        text(&history)?;
    }
    Ok(if whole(&history) { ExitCode::SUCCESS } else { NOT_WHOLE.into() })
}

/// Proven whole, and every record verified and opened.
fn whole(history: &History) -> bool {
    matches!(history.whole, Wholeness::Proven { .. })
        && history.rows.iter().all(|row| row.state == RowState::Verified)
}

fn document(history: &History) -> Value {
    json!({
        "patient": history.patient.to_string(),
        "lookup": history.lookup.id.to_string(),
        "links": history.total_links,
        "whole": matches!(history.whole, Wholeness::Proven { .. }),
        "wholeness": wholeness(&history.whole),
        "main_height": history.main_height,
        "side_height": history.side_height,
        "took_ms": history.took_ms,
        "branches": history.branches.iter().map(|branch| json!({
            "branch": branch.branch,
            "name": branch.name,
            "state": branch.state.to_string(),
            "asked": branch.asked,
            "answered": branch.answered,
            "verified": branch.verified,
            "withheld": branch.withheld,
        })).collect::<Vec<_>>(),
        "visits": history.rows.iter().map(row_document).collect::<Vec<_>>(),
    })
}

/// One row, as `visits` and `record show` print it.
pub fn row_document(row: &Row) -> Value {
    json!({
        "record": row.record.to_string(),
        "branch": row.branch,
        "branch_name": row.branch_name,
        "kind": row.kind.map(|kind| kind.name()),
        "state": row.state.text(),
        "occurred": row.opened.as_ref().map(|record| record.occurred.as_str()),
        "doctor": row.opened.as_ref().map(|record| &record.practitioner.name),
        "summary": row.opened.as_ref().map(|record| record.summary()),
        "pointer": row.pointer.map(|pointer| pointer.to_string()),
        "main_height": row.main_height,
        "opened_from": row.opened_from,
        "notes": row.notes,
    })
}

fn wholeness(whole: &Wholeness) -> String {
    match whole {
        Wholeness::Proven { side_height } => format!("proven whole at side-chain height {side_height}"),
        Wholeness::NotProven { reason } => format!("NOT PROVEN WHOLE: {reason}"),
    }
}

fn text(history: &History) -> Result<()> {
    let rows: Vec<Vec<String>> = history
        .rows
        .iter()
        .map(|row| {
            let (date, doctor, summary) = row.opened.as_ref().map_or_else(
                || ("-".into(), "-".into(), row.notes.join("; ")),
                |record| {
                    let date: String = record.occurred.as_str().chars().take(10).collect();
                    (date, record.practitioner.name.to_string(), record.summary())
                },
            );
            vec![
                date,
                row.branch_name.clone(),
                row.kind.map_or("-", |kind| kind.name()).into(),
                doctor,
                row.state.text().into(),
                row.record.to_string(),
                summary,
            ]
        })
        .collect();
    output::table(&["DATE", "BRANCH", "KIND", "DOCTOR", "STATE", "RECORD", "SUMMARY"], &rows)?;
    output::text(&format!("{} records linked, list {}", history.total_links, wholeness(&history.whole)))?;
    for branch in history.branches.iter().filter(|branch| !matches!(branch.state, AnswerState::Answered)) {
        output::text(&format!("{}: {}", branch.name, branch.state))?;
    }
    Ok(())
}
