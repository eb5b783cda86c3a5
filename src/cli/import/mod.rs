//! `wardline import`: histories that other systems wrote, into the group like any other record.
//!
//! A file is taken whole or not at all. What is in the group already is read back and compared, so that the same file adds
//! nothing, a changed one adds versions, and a run that was broken off is simply started again.

mod branches;
mod files;
mod keys;
mod plan;
mod report;
mod run;

use super::{NOT_WHOLE, Result, access, output};
use branches::{Branches, Place};
use clap::Args;
use report::{FileReport, State};
use std::{collections::BTreeSet, path::PathBuf, process::ExitCode, time::Instant};
use wardline_fhir::Shared;

#[derive(Debug, Args)]
pub struct Options {
    /// console.toml of the group
    #[arg(long, env = "WARDLINE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder with every branch's import key, import-<branch>.key (else `staff` beside console.toml)
    #[arg(long, env = "WARDLINE_IMPORT_KEYS", value_name = "DIR")]
    keys: Option<PathBuf>,
    /// File whose first line is the keys' passphrase (else import-<branch>.passphrase beside each key, else
    /// WARDLINE_PASSPHRASE, else a prompt)
    #[arg(long, env = "WARDLINE_PASSPHRASE_FILE", value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// import.toml: which branch an organization belongs to (else by a rule that is printed)
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// Read and check the files, say what would be taken over and where it would go; ask nobody, write nothing
    #[arg(long)]
    check: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// FHIR R4 bundles (.json, .json.gz), or folders of them with all below
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

pub fn run(options: Options) -> Result<ExitCode> {
    let started = Instant::now();
    let settings = access::settings(options.config.as_deref())?;
    let genesis = settings.read_genesis()?;
    let list = files::list(&options.paths)?;
    let places = genesis
        .participants
        .iter()
        .filter(|branch| branch.active && branch.trusted)
        .map(|branch| Place { id: branch.id.0, name: branch.name.clone() })
        .collect();
    let mut branches = Branches::new(places, options.map.as_deref())?;
    let (bundles, shared, mut reports) = sort(list);

    let tell = |report: &FileReport| if options.json { Ok(()) } else { report::file_text(report) };
    reports.iter().try_for_each(&tell)?;
    if options.check {
        for path in bundles {
            let report = match load(&path, &shared) {
                Ok((import, _)) => FileReport::checked(path, &import, &mut branches),
                Err(reason) => FileReport::refused(path, reason),
            };
            tell(&report)?;
            reports.push(report);
        }
    } else {
        let folder = match &options.keys {
            Some(folder) => folder.clone(),
            None => keys::beside(options.config.as_deref())?,
        };
        let groups = keys::open(&settings, &genesis, &folder, options.passphrase_file.as_deref())?;
        let _alone = keys::alone(&settings.state)?;
        let ids = keys::import_key(&settings.state)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let work = run::Work { groups, ids, branches: &mut branches };
        reports.extend(runtime.block_on(work.all(bundles, shared, tell))?);
    }

    reports.sort_by(|a, b| a.path.cmp(&b.path));
    let whole = reports.iter().all(|report| report.state != State::Refused && report.state != State::Failed);
    if options.json {
        output::json(&report::document(&reports, &branches, started.elapsed()))?;
    } else {
        report::text(&reports, &branches, started.elapsed())?;
    }
    Ok(if whole { ExitCode::SUCCESS } else { NOT_WHOLE.into() })
}

/// Tells the files apart: bundles of patients, read later one by one; bundles that others refer to, read now; and those
/// that are refused.
fn sort(list: Vec<PathBuf>) -> (Vec<PathBuf>, Shared, Vec<FileReport>) {
    let (mut bundles, mut shared, mut reports) = (Vec::new(), Shared::new(), Vec::new());
    for path in list {
        let sorted = files::read(&path).and_then(|json| {
            if wardline_fhir::holds_patients(&json) {
                return Ok(None);
            }
            shared.add(&json).map(Some).map_err(|refusal| refusal.to_string())
        });
        match sorted {
            Ok(None) => bundles.push(path),
            Ok(Some(resources)) => reports.push(FileReport::shared(path, resources)),
            Err(reason) => reports.push(FileReport::refused(path, reason)),
        }
    }
    (bundles, shared, reports)
}

/// Reads one bundle of patients; says how long it is too.
fn load(
    path: &std::path::Path,
    shared: &Shared,
) -> std::result::Result<(wardline_fhir::Import, usize), String> {
    let json = files::read(path)?;
    let import = wardline_fhir::read(&json, shared).map_err(|refusal| refusal.to_string())?;
    one_person_once(&import)?;
    Ok((import, json.len()))
}

/// Two patients of one bundle with the same number could each be taken for the other.
fn one_person_once(import: &wardline_fhir::Import) -> std::result::Result<(), String> {
    let mut numbers = BTreeSet::new();
    for patient in &import.patients {
        let own: BTreeSet<_> =
            patient.identity.mrns.iter().map(|mrn| (mrn.system.as_str(), mrn.value.as_str())).collect();
        if own.into_iter().any(|number| !numbers.insert(number)) {
            return Err("two patients of this bundle have the same number".to_owned());
        }
    }
    Ok(())
}
