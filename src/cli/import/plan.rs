//! What of a patient's records is new, what has changed and what is there already.
//!
//! It must not know how records are kept; it compares.

use super::branches::Branches;
use std::collections::BTreeMap;
use wardline_client::{History, NewRecord, RowState, Wholeness};
use wardline_crypto::ImportKey;
use wardline_fhir::Patient;
use wardline_ledger::{PatientId, RecordId};
use wardline_record::{Record, Source};

/// What the group holds of a patient.
#[derive(Default)]
pub struct Known {
    /// By what they were made from.
    taken: BTreeMap<(String, String), Existing>,
    /// Linked, and not agreed yet: a run was broken off there.
    begun: BTreeMap<RecordId, u16>,
    /// Agreed, and not readable now.
    closed: BTreeMap<RecordId, RowState>,
}

struct Existing {
    id: RecordId,
    version: u32,
    branch: u16,
    record: Record,
}

impl Known {
    /// What a history shows.
    ///
    /// # Errors
    /// When the history is not proven whole: then nobody knows what is missing from it.
    pub fn of(history: &History) -> Result<Self, String> {
        if let Wholeness::NotProven { reason } = &history.whole {
            return Err(format!("the patient's history is not proven whole now ({reason}): try again later"));
        }
        let mut known = Self::default();
        for row in &history.rows {
            match (&row.opened, row.state) {
                (Some(record), _) => {
                    let key = record.source.as_ref().and_then(key);
                    if let (Some(key), Some(version)) = (key, row.version) {
                        let existing =
                            Existing { id: row.record, version, branch: row.branch, record: record.clone() };
                        known.taken.insert(key, existing);
                    }
                }
                (None, RowState::NotAgreed) => drop(known.begun.insert(row.record, row.branch)),
                (None, state) => drop(known.closed.insert(row.record, state)),
            }
        }
        Ok(known)
    }
}

/// A source's name of what a record was made from.
fn key(source: &Source) -> Option<(String, String)> {
    Some((source.subject.to_string(), source.ids.first()?.to_string()))
}

/// What is to be done for one patient.
#[derive(Default)]
pub struct Plan {
    /// Records to be kept, each at its branch.
    pub records: Vec<(u16, NewRecord)>,
    /// Of these, those that replace what is there.
    pub versions: usize,
    /// Records that are there just so.
    pub unchanged: usize,
    /// Records of the same source that the file does not have any more. They stay.
    pub missing: usize,
}

/// Compares a patient of a file with what the group holds.
///
/// # Errors
/// When a record of the file is there and cannot be read now, so that nobody can say whether it has changed.
pub fn plan(
    id: PatientId,
    patient: Patient,
    mut known: Known,
    ids: &ImportKey,
    branches: &mut Branches,
) -> Result<Plan, String> {
    let mut plan = Plan::default();
    let subject = patient.source;
    for taken in patient.records {
        let branch =
            taken.organization.as_ref().map_or(branches.keeper(), |organization| branches.of(organization));
        let record = taken.record;
        let Some(key) = record.source.as_ref().and_then(key) else { continue };
        let drawn = RecordId::from_bytes(ids.id(&[id.bytes(), key.0.as_bytes(), key.1.as_bytes()]));
        match known.taken.remove(&key) {
            Some(existing) if existing.record.to_bytes() == record.to_bytes() => plan.unchanged += 1,
            // Only the branch that made a record may replace it.
            Some(Existing { id: record_id, version, branch, .. }) => {
                let version = version.saturating_add(1);
                plan.versions += 1;
                plan.records.push((branch, NewRecord { patient: id, id: record_id, version, record }));
            }
            None => {
                if let Some(state) = known.closed.get(&drawn) {
                    return Err(format!(
                        "a record of this file is there and cannot be compared now ({}): try again later",
                        state.text()
                    ));
                }
                let branch = known.begun.get(&drawn).copied().unwrap_or(branch);
                plan.records.push((branch, NewRecord { patient: id, id: drawn, version: 1, record }));
            }
        }
    }
    plan.missing = known.taken.keys().filter(|(of, _)| *of == subject).count();
    Ok(plan)
}
