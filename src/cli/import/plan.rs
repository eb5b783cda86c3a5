//! What of a patient's records is new, what has changed and what is there already.
//!
//! It must not know how records are kept; it compares.

use super::branches::Branches;
use std::collections::{BTreeMap, BTreeSet};
use wardline_client::{History, NewRecord, RowState, Wholeness};
use wardline_crypto::ImportKey;
use wardline_fhir::Patient;
use wardline_ledger::{PatientId, RecordId, StaffId};
use wardline_policy::RecordKind;
use wardline_record::{Record, RecordRef, Source};

/// What the group holds of a patient.
#[derive(Default)]
pub struct Known {
    records: BTreeMap<RecordId, Existing>,
    /// By everything that they were made from, and their kind.
    by_source: BTreeMap<(Origin, RecordKind), RecordId>,
    /// Linked, and not agreed yet: a run was broken off there.
    begun: BTreeMap<RecordId, u16>,
    /// Agreed, and not readable now.
    closed: Option<RowState>,
}

/// A resource as its source names it: the server, the patient there, and its id.
type Origin = (String, String, String);

struct Existing {
    version: u32,
    branch: u16,
    author: Option<StaffId>,
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
        // What another record corrects does not stand for its source any more.
        let corrected: BTreeSet<RecordId> =
            history.rows.iter().filter_map(|row| corrected_by(row.opened.as_ref()?)).collect();
        for row in &history.rows {
            match (&row.opened, row.state, row.version) {
                (Some(record), _, Some(version)) => {
                    let stands = record.source.as_ref().filter(|_| !corrected.contains(&row.record));
                    for origin in stands.into_iter().flat_map(origins) {
                        known.by_source.insert((origin, record.kind()), row.record);
                    }
                    let existing =
                        Existing { version, branch: row.branch, author: row.author, record: record.clone() };
                    known.records.insert(row.record, existing);
                }
                (_, RowState::NotAgreed, _) => drop(known.begun.insert(row.record, row.branch)),
                (_, state, _) => known.closed = Some(state),
            }
        }
        Ok(known)
    }

    /// The record that was made from the same: by its leading resource, else by any that it shares, since what several
    /// resources make together can get another leading one.
    fn same(&self, source: &Source, kind: RecordKind) -> Option<RecordId> {
        origins(source).find_map(|origin| self.by_source.get(&(origin, kind)).copied())
    }

    /// The record of another kind that the same leading resource made before.
    fn of_other_kind(&self, source: &Source, than: RecordKind) -> Option<RecordId> {
        let leading = origins(source).next()?;
        let others = RecordKind::ALL.iter().filter(|kind| **kind != than);
        others.filter_map(|kind| self.by_source.get(&(leading.clone(), *kind))).copied().next()
    }
}

fn corrected_by(record: &Record) -> Option<RecordId> {
    record.corrects.map(|corrected| RecordId::from_bytes(*corrected.bytes()))
}

/// What a record was made from, the leading resource first.
fn origins(source: &Source) -> impl Iterator<Item = Origin> {
    let (server, subject) = (source.server.to_string(), source.subject.to_string());
    source.ids.iter().map(move |id| (server.clone(), subject.clone(), id.to_string()))
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
    /// Records that are at another branch than the map or the rule says now. They stay there too.
    pub elsewhere: usize,
}

/// Compares a patient of a file with what the group holds.
///
/// # Errors
/// When a record is there that cannot be read now, so that nobody can say whether the file has it.
pub fn plan(
    id: PatientId,
    patient: Patient,
    known: &Known,
    ids: &ImportKey,
    importers: &BTreeMap<u16, StaffId>,
    branches: &mut Branches,
) -> Result<Plan, String> {
    let mut plan = Plan::default();
    let mut met: BTreeSet<RecordId> = BTreeSet::new();
    for taken in patient.records {
        let branch =
            taken.organization.as_ref().map_or(branches.keeper(), |organization| branches.of(organization));
        let mut record = taken.record;
        let Some(source) = record.source.clone() else { continue };
        let same = known.same(&source, record.kind()).filter(|same| met.insert(*same));
        let same = same.and_then(|same| Some((same, known.records.get(&same)?)));
        if let Some((same, existing)) = same {
            record.corrects = existing.record.corrects;
            met.extend(corrected_by(&record));
            plan.elsewhere += usize::from(existing.branch != branch);
            if existing.record.to_bytes() == record.to_bytes() {
                plan.unchanged += 1;
                continue;
            }
            // Only who made a record may replace it.
            if existing.author.as_ref() == importers.get(&existing.branch) {
                let version = existing.version.saturating_add(1);
                plan.versions += 1;
                plan.records.push((existing.branch, NewRecord { patient: id, id: same, version, record }));
                continue;
            }
        }
        let same = same.map(|(same, _)| same);
        if let (None, Some(state)) = (same, known.closed) {
            return Err(format!(
                "a record of this patient is there that cannot be compared now ({}): try again later",
                state.text()
            ));
        }
        // A record keeps its author and its kind: what came from somebody else, or has become another kind, is
        // corrected by a new record.
        let corrected = same.or_else(|| known.of_other_kind(&source, record.kind()));
        record.corrects = corrected.map(|corrected| RecordRef::new(*corrected.bytes()));
        met.extend(corrected);
        let drawn = RecordId::from_bytes(ids.id(&[
            id.bytes(),
            source.server.as_bytes(),
            source.subject.as_bytes(),
            source.ids.first().map_or(&[][..], |leading| leading.as_bytes()),
            corrected.as_ref().map_or(&[][..], |corrected| corrected.bytes()),
        ]));
        plan.versions += usize::from(corrected.is_some());
        let branch = known.begun.get(&drawn).copied().unwrap_or(branch);
        plan.records.push((branch, NewRecord { patient: id, id: drawn, version: 1, record }));
    }
    let of_this_source = |existing: &Existing| {
        let source = existing.record.source.as_ref();
        source.is_some_and(|source| {
            source.server.as_str() == patient.server && source.subject.as_str() == patient.source
        })
    };
    plan.missing =
        known.records.iter().filter(|(id, existing)| !met.contains(id) && of_this_source(existing)).count();
    Ok(plan)
}
