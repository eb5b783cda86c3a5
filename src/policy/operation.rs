//! Everything that a route of the node's API or a transaction does, one name each.

use crate::closed::closed_list;

closed_list! {
    /// One thing that can be asked of a node or of a chain.
    "operation" Operation {
        /// See a node's health, heights and signed tips.
        ReadStatus = 1 "read-status",
        /// Read blocks, certificates, state and proofs of the main chain.
        ReadMainChain = 2 "read-main-chain",
        /// Read the side chain's headers, certificates, finality and proven registry: nothing of any patient.
        ReadSideChain = 3 "read-side-chain",
        /// Send a `storage` transaction for the asker's own branch.
        SubmitStorage = 4 "submit-storage",
        /// Sign or send a `registry` transaction.
        SubmitRegistry = 5 "submit-registry",
        /// Send an `access` transaction: a branch's node does, no person.
        SubmitAccess = 6 "submit-access",
        /// Send an `enrol` transaction: a new patient.
        SubmitEnrol = 7 "submit-enrol",
        /// Send a `link` transaction for the asker's own branch.
        SubmitLink = 8 "submit-link",
        /// Send a `lookup` transaction: say whose history is wanted, for what purpose and why.
        SubmitLookup = 9 "submit-lookup",
        /// Find patients by search tokens.
        SearchPatients = 10 "search-patients",
        /// Leave a patient's sealed identity, its wrapped key and search tokens at a branch.
        KeepIdentity = 11 "keep-identity",
        /// Have the key of a patient's sealed identity released.
        OpenIdentity = 12 "open-identity",
        /// List a patient's records.
        ReadLinks = 13 "read-links",
        /// Leave a record's envelope and wrapped keys at a branch.
        KeepRecord = 14 "keep-record",
        /// Fetch envelopes: ciphertext only.
        FetchEnvelopes = 15 "fetch-envelopes",
        /// Have a record's data key released to a session.
        ReleaseKeys = 16 "release-keys",
        /// Read a branch's audit log.
        ReadAudit = 17 "read-audit",
        /// Read whole blocks of the side chain: who was enrolled, linked and looked up.
        ReadSideBlocks = 18 "read-side-blocks",
        /// Send a `verdict` transaction: what recomputing the sealed records' digests gave.
        SubmitVerdict = 19 "submit-verdict",
        /// Close an alarm of a console, after which it writes again.
        CloseAlarm = 20 "close-alarm",
    }
}

impl Operation {
    /// Whether the request must name a purpose that the role may have.
    pub const fn needs_purpose(self) -> bool {
        matches!(self, Self::SubmitLookup | Self::ReadLinks | Self::ReleaseKeys)
    }

    /// Whether it shows, makes or ties together anything about a patient, even under a pseudonym, or reads the chain on
    /// which that is agreed.
    pub const fn touches_patients(self) -> bool {
        !matches!(
            self,
            Self::ReadStatus
                | Self::ReadMainChain
                | Self::SubmitRegistry
                | Self::SubmitAccess
                | Self::SubmitVerdict
        )
    }
}
