//! Why a transaction is refused: one name, one permanent code and one sentence for every rule.

use crate::codec::DecodeError;
use crate::grant::GrantError;
use crate::registry::EntryError;
use crate::state::StateUnavailable;

/// Declares the rules in one table.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident $(($field:ty))? = $code:literal, $message:literal;)+) => {
        /// Why a transaction is refused. No variant carries anything about a patient.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        pub enum Refusal { $($(#[$doc])* #[error($message)] $name $(($field))?,)+ }

        impl Refusal {
            /// Every rule's code.
            pub const CODES: &'static [&'static str] = &[$($code),+];

            /// The broken rule's permanent code.
            pub const fn code(&self) -> &'static str {
                match self { $(Self::$name { .. } => $code,)+ }
            }
        }
    };
}

refusals! {
    /// The state could not be read.
    StateUnavailable(StateUnavailable) = "state.unavailable", "{0}; try again";
    /// The bytes are no transaction.
    Malformed(DecodeError) = "transaction.malformed", "the transaction is malformed: {0}";
    /// Over 64 KiB.
    TooLarge = "transaction.too-large", "the transaction is larger than 64 KiB";
    /// It is for another network.
    OtherNetwork = "transaction.network", "the transaction is for another network";
    /// Its scope is not its kind's.
    WrongScope = "transaction.scope", "the transaction's scope is not that of its kind";
    /// It belongs to the other chain.
    WrongChain = "transaction.chain", "the transaction belongs to the other chain";
    /// This kind is signed by somebody else.
    WrongAuthor(&'static str) = "author.kind", "this kind of transaction is signed by {0}";
    /// The author is not in the registry.
    UnknownStaff = "author.staff-unknown", "the author is not registered";
    /// The author is not active.
    InactiveStaff = "author.staff-inactive", "the author is not active any more";
    /// The author's branch is not in the registry or not active.
    InactiveBranch = "author.branch-inactive", "the author's branch is not an active participant";
    /// The session grant does not hold.
    Grant(GrantError) = "author.grant", "{0}";
    /// A signature does not hold.
    BadSignature = "author.signature", "the author's signature does not hold";
    /// The author's roles do not allow it.
    NotAllowed(String) = "author.not-allowed", "{0}";
    /// It is for a branch that the author does not belong to.
    OtherBranch = "author.other-branch", "the transaction is for another branch than the author's";
    /// A record's version must be one more than the one before.
    RecordVersion = "storage.version", "the record's version must be one more than the last one";
    /// A later version must be of the same branch and kind.
    OtherRecord = "storage.other-record", "the record's branch and kind cannot change";
    /// A later version by somebody else than the one before.
    OtherAuthor = "storage.other-author", "only the author of a record seals it again";
    /// An envelope's size is outside of what an envelope can have.
    EnvelopeSize = "storage.size", "no envelope has this size";
    /// A reason code that the closed list does not have.
    AssentReason = "storage.assent-reason", "the reason code is not in the list";
    /// A policy version that there never was.
    PolicyUnknown = "storage.policy-unknown", "the network has no policy of this version";
    /// No policy on this chain has this commitment.
    CommitmentUnknown = "storage.commitment-unknown", "no policy on this chain has this commitment";
    /// Fewer branches hold the envelope than the policy asks for.
    ReceiptsTooFew(u8) = "storage.receipts-too-few", "at least {0} branches must have signed that they hold the record";
    /// The record's own branch has not signed that it holds it.
    HomeReceipt = "storage.home-receipt-missing", "the record's own branch must have signed that it holds it";
    /// A receipt is of a participant that may hold no records.
    ReceiptBranch = "storage.receipt-branch", "a receipt is not of an active trusted branch";
    /// A receipt's signature does not hold for this record, version, home and envelope.
    ReceiptSignature = "storage.receipt-signature", "a receipt's signature does not hold for this record";
    /// The log did not grow.
    LogNotGrown = "access.not-grown", "the audit log has not grown since its last root";
    /// The new root does not contain the old one.
    LogInconsistent = "access.inconsistent", "the audit log's root does not continue the last one";
    /// The patient is enrolled already.
    PatientExists = "enrol.patient-exists", "the patient is enrolled already";
    /// The sealed identity is not the envelope of this patient's identity.
    IdentityEnvelope(&'static str) = "enrol.identity", "the sealed identity {0}";
    /// The identity is sealed by a suite that may not be written.
    IdentitySuite = "enrol.suite", "the identity is sealed by a suite that may not be written any more";
    /// The record has a patient already.
    LinkExists = "link.exists", "the record is linked already";
    /// There is no such patient.
    LinkPatient = "link.patient-unknown", "the patient is not enrolled";
    /// The lookup's ID was used.
    LookupExists = "lookup.exists", "the lookup is there already";
    /// There is no such patient.
    LookupPatient = "lookup.patient-unknown", "the patient is not enrolled";
    /// No reason is given.
    LookupReason = "lookup.reason", "a lookup needs a reason";
    /// It is about blocks that are not there.
    VerdictHeight = "verdict.height", "a verdict is about blocks before its own";
    /// It does not go beyond the auditor's last one.
    VerdictNotNewer = "verdict.not-newer", "the auditor's last verdict goes as far";
    /// Its counts and its list do not fit.
    VerdictCounts = "verdict.counts", "the verdict's counts are not those of its list";
    /// It names a record that is not on the chain.
    VerdictRecord = "verdict.record-unknown", "the verdict names a record that is not on this chain";
    /// It names a participant that keeps no records.
    VerdictBranch = "verdict.branch", "the verdict names a participant that keeps no records";
    /// The registry has this version already.
    EntryOld = "registry.version-old", "the registry was changed before; look at it again and have it signed anew";
    /// The version is further than the registry's next.
    EntryAhead = "registry.version-ahead", "changes of the registry before this one are missing";
    /// The entry cannot stand by itself.
    Entry(EntryError) = "registry.entry", "{0}";
    /// Too few approvals.
    ApprovalsTooFew(usize) = "registry.approvals-too-few", "{0} different persons must approve this";
    /// The member of staff's branch is not there.
    StaffBranch = "registry.branch-unknown", "the branch is not an active participant";
    /// A key is or was registered.
    KeyTaken = "registry.key-taken", "a key is or was registered already: make a new one";
    /// The key epoch does not say whether the keys changed.
    KeyEpoch = "registry.key-epoch", "the key epoch must go up by one exactly when keys change";
    /// The policy's own version does not go up by one.
    PolicyVersion = "registry.policy-version", "the policy's version must be one more than the last one";
    /// A branch that may not validate.
    NoValidator = "registry.validator", "a branch of the set may not validate this chain";
    /// The chain would be without validators.
    NoValidatorsLeft = "registry.no-validators", "the chain would have no validators";
    /// The network would be without administrators.
    NoAdministratorsLeft = "registry.administrators", "at least two active administrators must remain";
    /// A list has no room.
    ListFull = "registry.full", "the network takes no more entries of this kind";
}

impl From<StateUnavailable> for Refusal {
    fn from(error: StateUnavailable) -> Self {
        Self::StateUnavailable(error)
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

impl Refusal {
    /// Whether the same bytes may hold later, as the chain goes on: worth keeping for a while. Everything else is
    /// final for these bytes, as far as this state knows.
    pub const fn may_hold_later(&self) -> bool {
        matches!(
            self,
            Self::StateUnavailable(_)
                | Self::Grant(GrantError::NotYet)
                | Self::EntryAhead
                | Self::LinkPatient
                | Self::LookupPatient
                | Self::VerdictHeight
        )
    }
}
