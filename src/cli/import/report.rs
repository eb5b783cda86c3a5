//! What became of each file, for people and for programs.

use super::{branches::Branches, plan::Plan};
use crate::cli::{Result, output};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};
use wardline_fhir::{Import, Left};

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Everything in it is kept and agreed.
    Imported,
    /// It was read and would be taken over.
    Checked,
    /// Others refer to it; it holds no patient.
    Shared,
    /// Something in it is wrong: nothing of it was stored.
    Refused,
    /// It could not be kept, or not all of it. Starting the import again goes on.
    Failed,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Imported => "imported",
            Self::Checked => "checked",
            Self::Shared => "shared resources",
            Self::Refused => "REFUSED",
            Self::Failed => "FAILED",
        }
    }
}

/// One file.
#[derive(Debug)]
pub struct FileReport {
    pub path: PathBuf,
    pub state: State,
    /// Why not, for people; nothing from the file.
    pub reason: String,
    pub patients: usize,
    pub resources: BTreeMap<String, u64>,
    /// Records that it gives, by kind.
    pub kinds: BTreeMap<&'static str, usize>,
    /// Records that were kept, by branch.
    pub kept: BTreeMap<u16, usize>,
    /// Of these, new versions.
    pub versions: usize,
    pub unchanged: usize,
    pub missing: usize,
    /// Records that are at another branch than they would be assigned to now.
    pub elsewhere: usize,
    /// Records of which nobody says where they were made.
    pub placeless: usize,
    /// The group has the patient under other particulars.
    pub identity_differs: bool,
    pub left: Vec<Left>,
}

impl FileReport {
    fn new(path: PathBuf, state: State) -> Self {
        Self {
            path,
            state,
            reason: String::new(),
            patients: 0,
            resources: BTreeMap::new(),
            kinds: BTreeMap::new(),
            kept: BTreeMap::new(),
            versions: 0,
            unchanged: 0,
            missing: 0,
            elsewhere: 0,
            placeless: 0,
            identity_differs: false,
            left: Vec::new(),
        }
    }

    pub fn refused(path: PathBuf, reason: String) -> Self {
        Self { reason, ..Self::new(path, State::Refused) }
    }

    pub fn shared(path: PathBuf, resources: usize) -> Self {
        let resources = BTreeMap::from([("all".to_owned(), resources as u64)]);
        Self { resources, ..Self::new(path, State::Shared) }
    }

    /// A file that was read and is to be imported.
    pub fn read(path: PathBuf, import: &Import) -> Self {
        let mut report = Self::new(path, State::Imported);
        report.patients = import.patients.len();
        report.resources.clone_from(&import.resources);
        report.left.clone_from(&import.left);
        for taken in import.patients.iter().flat_map(|patient| &patient.records) {
            *report.kinds.entry(taken.record.kind().name()).or_default() += 1;
            report.placeless += usize::from(taken.organization.is_none());
        }
        report
    }

    /// A file that was read and is not to be imported.
    pub fn checked(path: PathBuf, import: &Import, branches: &mut Branches) -> Self {
        for taken in import.patients.iter().flat_map(|patient| &patient.records) {
            if let Some(organization) = &taken.organization {
                branches.of(organization);
            }
        }
        Self { state: State::Checked, ..Self::read(path, import) }
    }

    pub fn planned(&mut self, plan: &Plan) {
        self.versions += plan.versions;
        self.unchanged += plan.unchanged;
        self.missing += plan.missing;
        self.elsewhere += plan.elsewhere;
    }

    pub fn kept(&mut self, branch: u16) {
        *self.kept.entry(branch).or_default() += 1;
    }

    /// The first reason counts: the others mostly follow from it.
    pub fn failed(&mut self, reason: String) {
        if self.state != State::Failed {
            self.state = State::Failed;
            self.reason = reason;
        }
    }

    fn records(&self) -> usize {
        self.kinds.values().sum()
    }

    fn kept_in_all(&self) -> usize {
        self.kept.values().sum()
    }
}

/// Everything, for programs.
pub fn document(reports: &[FileReport], branches: &Branches, took: Duration) -> Value {
    let total = |count: fn(&FileReport) -> usize| reports.iter().map(count).sum::<usize>();
    json!({
        "files": reports.iter().map(|report| file(report, branches)).collect::<Vec<_>>(),
        "organizations": branches.assigned().map(|(organization, branch, how)| json!({
            "key": organization.key,
            "id": organization.id,
            "name": organization.name,
            "branch": branch,
            "branch_name": branches.name(branch),
            "assigned_by": how.name(),
        })).collect::<Vec<_>>(),
        "map_lines_unused": branches.unused(),
        "totals": {
            "patients": total(|report| report.patients),
            "records": total(FileReport::records),
            "kept": total(FileReport::kept_in_all),
            "new_versions": total(|report| report.versions),
            "unchanged": total(|report| report.unchanged),
            "not_in_file_any_more": total(|report| report.missing),
            "without_organization": total(|report| report.placeless),
        },
        "without_organization_kept_at": branches.name(branches.keeper()),
        "took_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    })
}

fn file(report: &FileReport, branches: &Branches) -> Value {
    let kept: BTreeMap<&str, usize> =
        report.kept.iter().map(|(branch, count)| (branches.name(*branch), *count)).collect();
    json!({
        "file": report.path,
        "state": report.state.name(),
        "reason": (!report.reason.is_empty()).then_some(&report.reason),
        "patients": report.patients,
        "resources": report.resources,
        "records": report.kinds,
        "kept": kept,
        "new_versions": report.versions,
        "unchanged": report.unchanged,
        "not_in_file_any_more": report.missing,
        "stay_at_another_branch": report.elsewhere,
        "without_organization": report.placeless,
        "identity_differs": report.identity_differs,
        "not_taken_over": report.left.iter().map(|left| json!({"what": left.path, "count": left.count})).collect::<Vec<_>>(),
    })
}

/// One file for people, as soon as it is known: what became of it, and what was not taken over.
pub fn file_text(report: &FileReport) -> Result<()> {
    output::text(&line(report))?;
    if let Some(left) = left_line(report) {
        output::text(&left)?;
    }
    if report.identity_differs {
        output::text("  the patient's particulars differ from those enrolled, which stay")?;
    }
    if report.missing > 0 {
        let missing = report.missing;
        output::text(&format!(
            "  {missing} records of this patient are not in the file any more; they stay"
        ))?;
    }
    if report.elsewhere > 0 {
        let elsewhere = report.elsewhere;
        output::text(&format!("  {elsewhere} records stay at the branch that they were first imported to"))?;
    }
    Ok(())
}

/// What the files come to together, and where each organization's new records go.
pub fn text(reports: &[FileReport], branches: &Branches, took: Duration) -> Result<()> {
    organizations(branches)?;
    let placeless: usize = reports.iter().map(|report| report.placeless).sum();
    if placeless > 0 {
        output::text(&format!(
            "{placeless} records name no organization: at an unknown branch, kept at {}",
            branches.name(branches.keeper())
        ))?;
    }
    for name in branches.unused() {
        output::text(&format!("the map's line `{name}` names no organization of these files"))?;
    }
    let sum = |count: fn(&FileReport) -> usize| reports.iter().map(count).sum::<usize>();
    let seconds = took.as_millis().max(1);
    output::text(&format!(
        "{} files, {} patients, {} records: {} kept ({} of them new versions), {} unchanged, in {}.{} s",
        reports.len(),
        sum(|report| report.patients),
        sum(FileReport::records),
        sum(FileReport::kept_in_all),
        sum(|report| report.versions),
        sum(|report| report.unchanged),
        seconds / 1000,
        seconds % 1000 / 100,
    ))
}

fn line(report: &FileReport) -> String {
    let name = report.path.display();
    let resources: u64 = report.resources.values().sum();
    match report.state {
        State::Refused => format!("{name}: REFUSED, nothing of it is stored: {}", report.reason),
        State::Failed => format!(
            "{name}: FAILED after {} of {} records: {} (start the import again, it goes on)",
            report.kept_in_all() + report.unchanged,
            report.records(),
            report.reason
        ),
        State::Shared => format!("{name}: {resources} resources that others refer to"),
        State::Checked | State::Imported => {
            let kinds: Vec<String> =
                report.kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
            let done = match report.state {
                State::Checked => String::new(),
                _ => format!("; {} kept, {} unchanged", report.kept_in_all(), report.unchanged),
            };
            format!(
                "{name}: {resources} resources, {} records ({}){done}",
                report.records(),
                kinds.join(", ")
            )
        }
    }
}

/// What is not taken over, the most frequent first; `--json` has all of it.
fn left_line(report: &FileReport) -> Option<String> {
    const SHOWN: usize = 8;
    let mut left: Vec<&Left> = report.left.iter().collect();
    left.sort_by(|a, b| b.count.cmp(&a.count).then(a.path.cmp(&b.path)));
    let all: u64 = left.iter().map(|left| left.count).sum();
    let shown: Vec<String> =
        left.iter().take(SHOWN).map(|left| format!("{} {}", left.path, left.count)).collect();
    let more = left.len().saturating_sub(SHOWN);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more kinds (--json names all)") };
    (all > 0).then(|| format!("  not taken over, {all} in all: {}{rest}", shown.join(", ")))
}

fn organizations(branches: &Branches) -> Result<()> {
    let rows: Vec<Vec<String>> = branches
        .assigned()
        .map(|(organization, branch, how)| {
            vec![
                organization.name.clone(),
                branches.name(branch).to_owned(),
                how.name().to_owned(),
                organization.key.clone(),
            ]
        })
        .collect();
    if rows.is_empty() { Ok(()) } else { output::table(&["ORGANIZATION", "BRANCH", "BY", "KEY"], &rows) }
}
