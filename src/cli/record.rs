//! `wardline record add` and `wardline record show`.

use super::{
    NOT_WHOLE, Result,
    access::Access,
    lookup::{self, Who},
    output, visits,
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::{
    io::{Read as _, Write as _},
    path::PathBuf,
    process::ExitCode,
};
use wardline_client::{CustodyReceipts, Group, History, Progress, Row};
use wardline_crypto::Digest;
use wardline_ledger::RecordId;
use wardline_record::Record;

/// Largest record file that is read, bytes.
const FILE_MAX: u64 = 16 * 1024 * 1024;
/// Columns of a record's page: as wide as every terminal, and the same in every file.
const COLUMNS: usize = 80;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Seal a record, keep it at the branches and have it agreed
    Add(Add),
    /// Open one record of a patient
    Show(Show),
}

#[derive(Debug, Args)]
pub struct Add {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    who: Who,
    /// The record as JSON (docs/format/record.md), or - for standard input
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    who: Who,
    /// The record's temporary ID (32 hex digits)
    #[arg(long, value_name = "ID")]
    record: RecordId,
    /// Write this document of the record to a file, counted from 1
    #[arg(long, value_name = "N", requires = "out")]
    attachment: Option<usize>,
    /// The file for the document; it must not exist yet
    #[arg(long, value_name = "FILE", requires = "attachment")]
    out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Add(options) => add(options),
        Command::Show(options) => show(options),
    }
}

fn add(options: Add) -> Result<ExitCode> {
    let record = read(&options.file)?;
    let group = options.access.open()?;
    let quiet = options.json;
    let added = super::runtime()?.block_on(async {
        let who = options.who.look_up(&group).await?;
        let proven = group.proven_identity(who.patient, &who.lookup).await?;
        if who.proven(proven.as_ref()).is_none() {
            let told = lookup::NOT_PROVEN;
            return Err(format!("{told}; search by number or name, nothing was written").into());
        }
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let print = async {
            while let Some(step) = receiver.recv().await {
                if !quiet {
                    output::text(&step_text(&step))?;
                }
            }
            Ok::<_, super::Failure>(())
        };
        let (added, printed) = tokio::join!(group.add_record(who.patient, record, sender), print);
        printed?;
        Ok::<_, super::Failure>(added?)
    })?;
    if options.json {
        output::json(&json!({
            "record": added.record.to_string(),
            "receipts": added.receipts,
            "side_height": added.side_height,
            "main_height": added.main_height,
        }))?;
    } else {
        output::text(&format!("record {}", added.record))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads and checks a record before anything is asked of anybody.
fn read(path: &std::path::Path) -> Result<Record> {
    let mut bytes = Vec::new();
    let name = path.display();
    if path.as_os_str() == "-" {
        std::io::stdin().take(FILE_MAX + 1).read_to_end(&mut bytes)?;
    } else {
        let file = std::fs::File::open(path).map_err(|error| format!("cannot read {name}: {error}"))?;
        file.take(FILE_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| format!("cannot read {name}: {error}"))?;
    }
    if bytes.len() as u64 > FILE_MAX {
        return Err(format!("{name} is larger than {} MiB", FILE_MAX >> 20).into());
    }
    let record = Record::from_json(&bytes).map_err(|error| format!("{name} is not a record: {error}"))?;
    let faults: Vec<String> =
        record.check().iter().map(|fault| format!("{}: {}", fault.field, fault.message)).collect();
    if !faults.is_empty() {
        return Err(format!("{name}: {}", faults.join("; ")).into());
    }
    Ok(record)
}

fn step_text(step: &Progress) -> String {
    match step {
        Progress::Sealed => "sealed".into(),
        Progress::Kept { branch } => format!("kept: durable at branch {branch}"),
        Progress::Copied { receipts, wanted } => format!("copied: {receipts} of {wanted} custody receipts"),
        Progress::Linked { height } => format!("linked: final on the side chain at height {height}"),
        Progress::Agreed { height } => {
            format!("agreed: certificate verified, main chain height {height}")
        }
    }
}

fn show(options: Show) -> Result<ExitCode> {
    let group = options.access.open()?;
    let (who, history, custody) = super::runtime()?.block_on(async {
        let who = options.who.look_up(&group).await?;
        let history = group.history(who.patient, &who.lookup).await?;
        let custody = custody(&group, &history, options.record).await;
        Ok::<_, super::Failure>((who, history, custody))
    })?;
    let person = who.proven(history.identity.as_ref());
    let row = history
        .rows
        .iter()
        .find(|row| row.record == options.record)
        .ok_or("this patient's list has no record of that ID")?;
    if let (Some(number), Some(path)) = (options.attachment, &options.out) {
        let bytes = document(row, number)?;
        write_new(path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        let told = json!({
            "record": row.record.to_string(),
            "state": row.state.text(),
            "attachment": number,
            "bytes": bytes.len(),
            "sha256": Digest::of(bytes).to_string(),
            "file": path.display().to_string(),
        });
        if options.json {
            output::json(&told)?;
        } else {
            output::text(&lookup::name_line(person))?;
            let file = path.display();
            let (state, size) = (row.state.text(), bytes.len());
            output::text(&format!("{state} document {number}, {size} bytes: written to {file}"))?;
        }
    } else if options.json {
        let mut document = visits::with_content(row)?;
        if let Some(object) = document.as_object_mut() {
            object.insert("identity".into(), visits::identity_document(person));
            object.insert("identity_proven".into(), person.is_some().into());
            object.insert("custody".into(), custody_document(&custody));
        }
        output::json(&document)?;
    } else {
        output::text(&lookup::name_line(person))?;
        output::text(&format!(
            "{} {} {} {}",
            row.word(),
            row.kind.map_or("record", |kind| kind.name()),
            if row.opened.as_ref().is_none_or(Record::is_place_known) { "at" } else { "kept at" },
            row.branch_name
        ))?;
        for note in &row.notes {
            output::text(&format!("note: {note}"))?;
        }
        if let Some(record) = &row.opened {
            let page = record.page(|document| Digest::of(document).to_string());
            output::text("")?;
            page.lines(COLUMNS).iter().try_for_each(|line| output::text(&line.text()))?;
            output::text("")?;
        }
        for (what, told) in row.account(&history) {
            output::text(&format!("{}: {told}", what.to_lowercase()))?;
        }
        let receipts = custody.as_ref().map_or_else(|why| vec![why.clone()], CustodyReceipts::account);
        receipts.iter().try_for_each(|told| output::text(&format!("custody: {told}")))?;
        if let Some(author) = row.author {
            output::text(&format!("stored by: staff {author}"))?;
        }
        if let Some(version) = row.version.filter(|version| *version > 1) {
            output::text(&format!("version: {version}, what was kept first was replaced"))?;
        }
    }
    Ok(if row.is_verified() && person.is_some() { ExitCode::SUCCESS } else { NOT_WHOLE.into() })
}

/// Who signed that they hold the record, or why that is not known: no reason not to show the record.
async fn custody(
    group: &Group,
    history: &History,
    record: RecordId,
) -> std::result::Result<CustodyReceipts, String> {
    let row = history.rows.iter().find(|row| row.record == record);
    let Some((pointer, height)) = row.and_then(|row| row.pointer.zip(row.main_height)) else {
        return Err("not checked: the main chain does not have the record yet".into());
    };
    group.custody(record, pointer, height).await.map_err(|error| format!("not checked: {error}"))
}

/// The receipts for programs; null where they are not known.
fn custody_document(custody: &std::result::Result<CustodyReceipts, String>) -> serde_json::Value {
    let Ok(custody) = custody else { return serde_json::Value::Null };
    let receipts = custody.receipts.iter().map(|one| {
        json!({
            "branch": one.branch,
            "name": one.name,
            "state": one.signature.text(),
            "why": one.signature.why(),
        })
    });
    json!({
        "height": custody.height,
        "transaction": custody.transaction.to_string(),
        "receipts": receipts.collect::<Vec<_>>(),
    })
}

/// The bytes of a record's document, counted from 1.
fn document(row: &Row, number: usize) -> Result<&[u8]> {
    let record = row.opened.as_ref().ok_or("the record is not open, so its documents are not either")?;
    let found = number.checked_sub(1).and_then(|at| record.attachments.get(at));
    let count = record.attachments.len();
    let found = found.ok_or_else(|| format!("the record has no document {number}, it has {count}"))?;
    Ok(found.data.as_slice())
}

/// A new file that nobody else on the machine may read: it is a patient's.
fn write_new(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
