//! One file for each of the twelve kinds: its fields, their checks, how it reads as a line and as a page.
//!
//! A kind must not know what surrounds its body: time, practitioner, note and bytes are the record's.

mod allergy;
mod condition;
mod diagnosis;
mod family_history;
mod finding;
mod hospital_stay;
mod imaging_report;
mod immunization;
mod laboratory_result;
mod medication_given;
mod operation;
mod prescription;
mod receipt;
mod team;
mod visit;

pub use allergy::{Allergy, AllergyCategory, Criticality, Severity};
pub use condition::{Certainty, Condition, ConditionStatus};
pub use diagnosis::{Diagnosis, DiagnosisRank};
pub use family_history::{FamilyHistory, Relative};
pub use finding::Finding;
pub use hospital_stay::{Discharge, HospitalStay};
pub use imaging_report::{ImagingReport, Modality, Series, Side};
pub use immunization::Immunization;
pub use laboratory_result::{Flag, LaboratoryResult, Measurement, ResultStatus};
pub use medication_given::{Given, MedicationGiven};
pub use operation::Operation;
pub use prescription::{Prescription, PrescriptionItem, Route};
pub use receipt::{Benefit, NamedAmount, Receipt, ReceiptLine};
pub use team::TeamMember;
pub use visit::{AdmissionClass, Visit};
