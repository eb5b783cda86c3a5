//! The table of mappers: which resource types become which records, and in which order.

use crate::{
    Refusal, Taken, allergy,
    bundle::{Context, Resource},
    claim, condition, document, encounter, family_history, immunization, medication, procedure, report,
};

/// Makes a record of one resource; `None` when it is none of ours, and then it is counted as left.
pub(crate) type Map = fn(&Context<'_>, &Resource<'_>) -> Result<Option<Taken>, Refusal>;

/// Makes records of several resources of one patient together.
pub(crate) type MapAll = fn(&Context<'_>, &Resource<'_>) -> Result<Vec<Taken>, Refusal>;

/// Types of which each resource becomes one record.
const EACH: &[(&str, Map)] = &[
    ("Encounter", encounter::map),
    ("Condition", condition::map),
    ("AllergyIntolerance", allergy::map),
    ("FamilyMemberHistory", family_history::map),
    ("Immunization", immunization::map),
    ("Procedure", procedure::map),
    ("MedicationRequest", medication::map_request),
    ("MedicationStatement", medication::map_statement),
    ("MedicationAdministration", medication::map_administration),
];

/// Records that several resources make together.
const TOGETHER: &[MapAll] = &[report::map_all, claim::map_all];

/// Types that only [`TOGETHER`] and the documents make records of.
const TOGETHER_TYPES: &[&str] = &[
    "Claim",
    "ClinicalImpression",
    "Composition",
    "DiagnosticReport",
    "DocumentReference",
    "ExplanationOfBenefit",
    "ImagingStudy",
    "Media",
    "Observation",
];

/// Whether resources of a type become records, so that one that does not is left as a whole.
pub(crate) fn is_mapped(kind: &str) -> bool {
    EACH.iter().any(|(each, _)| *each == kind) || TOGETHER_TYPES.contains(&kind)
}

/// All records about one patient.
pub(crate) fn records(cx: &Context<'_>, patient: &Resource<'_>) -> Result<Vec<Taken>, Refusal> {
    let mut records = Vec::new();
    for (kind, map) in EACH {
        for resource in cx.of_kind(kind) {
            records.extend(map(cx, resource)?);
        }
    }
    for map_all in TOGETHER {
        records.extend(map_all(cx, patient)?);
    }
    condition::file(cx, &mut records);
    document::attach(cx, &mut records)?;
    Ok(records)
}
