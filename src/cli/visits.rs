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
use wardline_client::{AnswerState, BranchAnswer, History, Row, Wholeness};
use wardline_policy::RecordKind;
use wardline_record::{Body, Identity, Record, RecordRef, Source, When};

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    who: Who,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// With --json: every record's whole content too
    #[arg(long, requires = "json")]
    contents: bool,
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
        output::json(&document(&history, person, options.contents)?)?;
    } else {
        output::text(&lookup::name_line(person))?;
        text(&history)?;
    }
    Ok(if whole(&history) && person.is_some() { ExitCode::SUCCESS } else { NOT_WHOLE.into() })
}

/// Proven whole, every record verified and opened, and every branch answered everything it was asked.
fn whole(history: &History) -> bool {
    matches!(history.whole, Wholeness::Proven { .. })
        && history.rows.iter().all(Row::is_verified)
        && history.branches.iter().all(answered_everything)
}

fn answered_everything(branch: &BranchAnswer) -> bool {
    branch.state == AnswerState::Answered && branch.answered == branch.asked
}

fn document(history: &History, person: Option<&Identity>, contents: bool) -> Result<Value> {
    let records = history.rows.iter().map(|row| match contents {
        true => with_content(row),
        false => Ok(row_document(row)),
    });
    Ok(json!({
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
            "state": answer_words(&branch.state),
            "asked": branch.asked,
            "answered": branch.answered,
            "verified": branch.verified,
            "withheld": branch.withheld,
        })).collect::<Vec<_>>(),
        "visits": visits(history),
        "records": records.collect::<Result<Vec<_>>>()?,
    }))
}

/// Every visit and hospital stay that is open, with the records that belong to it.
fn visits(history: &History) -> Vec<Value> {
    let opened = || history.rows.iter().filter_map(|row| Some((row, row.opened.as_ref()?)));
    opened()
        .filter(|(_, record)| matches!(record.kind(), RecordKind::Visit | RecordKind::HospitalStay))
        .map(|(row, visit)| {
            let belonging = opened().filter(|(other, record)| {
                other.record == row.record || belongs(record, visit) || is_for(record, row)
            });
            visit_document(row, visit, belonging.map(|(other, _)| other.record.to_string()).collect())
        })
        .collect()
}

/// Whether the source says that a record is part of a visit.
fn belongs(record: &Record, visit: &Record) -> bool {
    record.source.as_ref().zip(visit.source.as_ref()).is_some_and(|(record, visit)| {
        record.system == visit.system
            && record.server == visit.server
            && record.subject == visit.subject
            && !record.visit.is_empty()
            && visit.ids.first() == Some(&record.visit)
    })
}

/// Whether a receipt names a visit.
fn is_for(record: &Record, visit: &Row) -> bool {
    match &record.body {
        Body::Receipt(receipt) => receipt.visit == Some(RecordRef::new(*visit.record.bytes())),
        _ => false,
    }
}

/// A visit's own fields. The branch is null when nobody knows where it was; `kept_at` is who keeps the record of it.
fn visit_document(row: &Row, record: &Record, records: Vec<String>) -> Value {
    let (class, class_code, end) = match &record.body {
        Body::Visit(visit) => (visit.class, &visit.class_code, visit.ended.as_ref()),
        Body::HospitalStay(stay) => (stay.class, &stay.class_code, stay.discharged.as_ref()),
        _ => return Value::Null,
    };
    let source = record.source.as_ref();
    let known = record.is_place_known();
    json!({
        "encounter": source.map(Source::leading_id),
        "source": source.map(|source| json!({
            "system": source.system,
            "server": source.server,
            "subject": source.subject,
            "ids": source.ids,
        })),
        "start": record.occurred.as_str(),
        "end": end.map(When::as_str),
        "class": class.map(|class| class.name()),
        "class_code": class_code,
        "status": source.map(|source| &source.status),
        "organization": record.organization,
        "branch": known.then_some(row.branch),
        "branch_name": if known { row.branch_name.as_str() } else { UNKNOWN },
        "kept_at": row.branch_name,
        "doctor": record.practitioner.name,
        "state": row.state.text(),
        "record": row.record.to_string(),
        "records": records,
    })
}

/// Who the patient is proven to be; null when nothing proves it.
pub fn identity_document(person: Option<&Identity>) -> Value {
    person.map_or(Value::Null, |person| {
        json!({
            "family": person.family,
            "given": person.given,
            "birth_date": person.birth_date,
            "died": person.died,
            "mrns": person.mrns.iter().map(|mrn| json!({"system": mrn.system, "value": mrn.value})).collect::<Vec<_>>(),
        })
    })
}

/// Said of a place that nobody knows.
const UNKNOWN: &str = "unknown";

/// Where it was made, as far as anybody knows.
fn branch_word(row: &Row) -> &str {
    let known = row.opened.as_ref().is_none_or(Record::is_place_known);
    if known { &row.branch_name } else { UNKNOWN }
}

/// One row, as `visits` and `record show` print it.
pub fn row_document(row: &Row) -> Value {
    json!({
        "record": row.record.to_string(),
        "branch": row.branch,
        "branch_name": row.branch_name,
        "kind": row.kind.map(|kind| kind.name()),
        "state": row.state.text(),
        "word": row.word(),
        "verdict": verdict_document(row),
        "occurred": row.opened.as_ref().map(|record| record.occurred.as_str()),
        "organization": row.opened.as_ref().map(|record| &record.organization),
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

/// The four checks of a record by name, each with its word and, where it does not hold, why.
fn verdict_document(row: &Row) -> Value {
    let checks = row
        .verdict
        .checks()
        .map(|(name, check)| (name.to_owned(), json!({"state": check.text(), "why": check.why()})));
    Value::Object(checks.into_iter().collect())
}

/// A row with all that its record says, in the canonical form's members.
pub fn with_content(row: &Row) -> Result<Value> {
    let mut document = row_document(row);
    if let (Some(members), Some(record)) = (document.as_object_mut(), &row.opened) {
        members.insert("content".into(), serde_json::from_slice(&record.to_bytes())?);
    }
    Ok(document)
}

/// How a branch answered, with times as people read them.
pub fn answer_words(state: &AnswerState) -> String {
    match state {
        AnswerState::Silent { since_s: Some(at) } => {
            let at = i64::try_from(*at).ok().and_then(|at| jiff::Timestamp::from_second(at).ok());
            let at = at.map_or_else(|| "an unknown time".to_owned(), |at| at.to_string());
            format!("SILENT: does not answer, last answer at {at}")
        }
        other => other.to_string(),
    }
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
                branch_word(row).to_owned(),
                row.kind.map_or("-", |kind| kind.name()).into(),
                doctor,
                row.word().into(),
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
        output::text(&format!("{}: {}{lacks}", branch.name, answer_words(&branch.state)))?;
    }
    Ok(())
}
