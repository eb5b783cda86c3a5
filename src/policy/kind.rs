//! The twelve kinds of record: the closed list, not their fields (those are in the room `record`).

use crate::closed::closed_list;

closed_list! {
    /// What a record is about. The number is public on the main chain.
    "record kind" RecordKind {
        /// A patient's visit to a branch.
        Visit = 1 "visit",
        /// An admission with its discharge.
        HospitalStay = 2 "hospital-stay",
        /// Medicines ordered.
        Prescription = 3 "prescription",
        /// A dose that was given, or refused.
        MedicationGiven = 4 "medication-given",
        /// Values measured by a laboratory.
        LaboratoryResult = 5 "laboratory-result",
        /// A radiologist's findings.
        ImagingReport = 6 "imaging-report",
        /// An allergy or intolerance, or the statement that none is known.
        Allergy = 7 "allergy",
        /// A condition on the patient's problem list, or the statement that none is known.
        Condition = 8 "condition",
        /// Conditions of relatives.
        FamilyHistory = 9 "family-history",
        /// A vaccine dose.
        Immunization = 10 "immunization",
        /// A surgical operation.
        Operation = 11 "operation",
        /// What was charged and paid.
        Receipt = 12 "receipt",
    }
}

impl RecordKind {
    /// Whether data keys of this kind are wrapped whole for every trusted branch, so that each can release them when all
    /// others are cut off: allergies and conditions. Not all visits and medicines, though a crew may open them: every
    /// branch's administrator could read most of what the others hold.
    pub const fn is_wrapped_whole(self) -> bool {
        matches!(self, Self::Allergy | Self::Condition)
    }

    /// Whether an emergency crew may open records of this kind: allergies, conditions, medication, visits.
    pub const fn is_emergency_subset(self) -> bool {
        matches!(
            self,
            Self::Allergy | Self::Condition | Self::Prescription | Self::MedicationGiven | Self::Visit
        )
    }
}
