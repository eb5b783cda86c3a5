//! `wardline visits`: the history screen's twin.

use super::{
    NOT_WHOLE, Result,
    access::Access,
    lookup::{self, Who},
    output,
};
use clap::Args;
use serde_json::{Value, json};
use std::process::ExitCode;
use wardline_client::{AnswerState, BranchAnswer, History, Row, RowState, Wholeness};
use wardline_record::{Identity, Record};

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
    let (who, history) = super::runtime()?.block_on(async {
        let who = options.who.look_up(&group).await?;
        let history = group.history(who.patient, &who.lookup).await?;
        Ok::<_, super::Failure>((who, history))
    })?;
    let person = who.proven(history.identity.as_ref());
    if options.json {
        output::json(&document(&history, person))?;
    } else {
        output::text(&lookup::name_line(person))?;
        text(&history)?;
    }
    Ok(if whole(&history) && person.is_some() { ExitCode::SUCCESS } else { NOT_WHOLE.into() })
}

/// Proven whole, every record verified and opened, and every branch answered everything it was asked.
fn whole(history: &History) -> bool {
    matches!(history.whole, Wholeness::Proven { .. })
        && history.rows.iter().all(|row| row.state == RowState::Verified)
        && history.branches.iter().all(answered_everything)
}

fn answered_everything(branch: &BranchAnswer) -> bool {
    branch.state == AnswerState::Answered && branch.answered == branch.asked
}

fn document(history: &History, person: Option<&Identity>) -> Value {
    json!({
        "patient": history.patient.to_string(),
        "identity": identity_document(person),
        "identity_proven": person.is_some(),
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

/// Who the patient is proven to be; null when nothing proves it.
pub fn identity_document(person: Option<&Identity>) -> Value {
    person.map_or(Value::Null, |person| {
        json!({
            "family": person.family,
            "given": person.given,
            "birth_date": person.birth_date,
            "mrns": person.mrns.iter().map(|mrn| json!({"system": mrn.system, "value": mrn.value})).collect::<Vec<_>>(),
        })
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
        "version": row.version,
        "author": row.author.map(|author| author.to_string()),
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
            let known = row.opened.as_ref().is_none_or(Record::is_place_known);
            vec![
                date,
                if known { row.branch_name.clone() } else { "unknown".into() },
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
    for branch in history.branches.iter().filter(|branch| !answered_everything(branch)) {
        let lacks = match branch.asked.saturating_sub(branch.answered) {
            0 => String::new(),
            lacking => format!(", {lacking} of {} requests without an answer", branch.asked),
        };
        output::text(&format!("{}: {}{lacks}", branch.name, branch.state))?;
    }
    Ok(())
}
