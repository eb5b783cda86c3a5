//! Why somebody wants to see a patient's data. Recorded with every lookup.

use crate::closed::closed_list;

closed_list! {
    /// The purpose of a lookup, on the side chain for good.
    "purpose" Purpose {
        /// Care of this patient.
        Treatment = 1 "treatment",
        /// Charging and paying for that care.
        Payment = 2 "payment",
        /// Research on agreed data.
        Research = 3 "research",
        /// Counts and reports.
        Statistics = 4 "statistics",
        /// Care that cannot wait.
        Emergency = 5 "emergency",
        /// Running the hospital: complaints, corrections, reviews.
        Administration = 6 "administration",
    }
}

impl Purpose {
    /// The purpose with this permanent name.
    pub fn parse(name: &str) -> Result<Self, crate::UnknownName> {
        name.parse()
    }
}
