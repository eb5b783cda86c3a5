//! Why a file is no evidence, or shows something else than it claims.

use crate::certificate::CertificateError;
use crate::codec::DecodeError;
use crate::grant::GrantError;
use crate::id::{BranchId, Chain, NetworkId, StaffId};
use crate::light::Invalid;
use crate::tree::ProofError;

/// How a file breaks its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is larger than any evidence.
    #[error("the file is larger than 64 MiB")]
    TooLarge,
    /// The last byte is not the end of a line.
    #[error("the file ends within a line: it was cut")]
    Cut,
    /// There is no last line.
    #[error("the file has no last line: it was cut")]
    NoEnd,
    /// Something follows the last line.
    #[error("line `{0}` follows the last one")]
    AfterEnd(usize),
    /// A line cannot be read.
    #[error(
        "line `{line}` is not {expected}: a name is unknown, missing or there twice, or a value has another form"
    )]
    Line {
        /// Counted from one.
        line: usize,
        /// What it should be.
        expected: &'static str,
    },
    /// It is of another kind of file or of a version that this program does not know.
    #[error("the first line does not begin evidence of version 1")]
    Version,
    /// No such kind.
    #[error("the kind of evidence is unknown")]
    Kind,
    /// Lines are there in another order than the kind's, too many or too few.
    #[error("line `{0}` stands where no such line belongs")]
    Place(usize),
    /// The last line's sum is not the file's.
    #[error("the sum in the last line is not the file's: it was damaged or changed")]
    Sum,
    /// Who saw it must be told, or must not be.
    #[error("the last line does not say who saw it, or says it where nobody needs to be believed")]
    Witness,
}

/// Why a file proves nothing: it is damaged, or of another network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotEvidence {
    /// It cannot be read.
    #[error(transparent)]
    Form(#[from] Fault),
    /// It says that it is of another network.
    #[error("it is of network `{}`, not of `{}`", .found.short(), .told.short())]
    OtherNetwork {
        /// The file's.
        found: NetworkId,
        /// The reader's.
        told: NetworkId,
    },
    /// The genesis document's digest is not the network.
    #[error("the genesis document in it is not the network's")]
    Genesis,
    /// The genesis document cannot be one.
    #[error("the genesis document in it is malformed: {0}")]
    GenesisMalformed(DecodeError),
    /// A change of validators does not hold.
    #[error("the change of validators to epoch `{epoch}` does not hold: {error}")]
    Step {
        /// The first epoch of the new validators.
        epoch: u64,
        /// What is wrong.
        error: Invalid,
    },
    /// A change of validators is to another epoch than its line says.
    #[error("the change of validators is to epoch `{found}`, not to `{said}`")]
    StepEpoch {
        /// As the line says.
        said: u64,
        /// As the header says.
        found: u64,
    },
    /// A registry entry is malformed.
    #[error("a registry entry is malformed: {0}")]
    MemberMalformed(DecodeError),
    /// A registry entry's block is not final.
    #[error("the block of a registry entry is not final: {0}")]
    MemberBlock(Invalid),
    /// A registry entry is not in the state.
    #[error("a registry entry is not proven: {0}")]
    MemberUnproven(ProofError),
    /// Two entries of the same subject.
    #[error("a participant or a member of staff has two entries")]
    MemberTwice,
    /// The parts are not those of the kind.
    #[error("the parts are not those of evidence of this kind")]
    Parts,
    /// A block is not final.
    #[error("a block is not final: {0}")]
    Block(Invalid),
    /// The transaction is not in its block.
    #[error("the transaction is not in its block")]
    NotIncluded,
    /// A tip is malformed.
    #[error("a tip is malformed: {0}")]
    TipMalformed(DecodeError),
    /// A tip is of another network or chain.
    #[error("a tip is of another network or chain")]
    TipElsewhere,
    /// A tip's signature does not hold.
    #[error("a tip is not signed by branch `{0}`")]
    TipSignature(BranchId),
    /// An answer or its request line is malformed.
    #[error("the {what} is malformed: {error}")]
    AnswerMalformed {
        /// Which of them.
        what: &'static str,
        /// What is wrong.
        error: DecodeError,
    },
    /// The answer is of another network.
    #[error("the {0} is of another network")]
    AnswerElsewhere(&'static str),
    /// The answer's signature does not hold.
    #[error("the answer is not signed by branch `{0}`")]
    AnswerSignature(BranchId),
    /// The answer is to another request, or the request asked something else, or the body is another.
    #[error("the {0} is not the one that was signed")]
    AnswerOther(&'static str),
    /// The branch refused.
    #[error("the branch refused with status `{0}`, which is no lie")]
    AnswerStatus(u16),
    /// The request was to another branch.
    #[error("the request was to branch `{asked}`, the answer is by branch `{answered}`")]
    AnswerBranch {
        /// Who was asked.
        asked: BranchId,
        /// Who answered.
        answered: BranchId,
    },
    /// A branch that the genesis and the file do not know.
    #[error("branch `{0}` is neither in the genesis document nor proven in the file")]
    UnknownBranch(BranchId),
    /// The grant is malformed.
    #[error("the grant of who saw it is malformed: {0}")]
    GrantMalformed(DecodeError),
    /// Somebody that the genesis and the file do not know.
    #[error("staff `{0}`, who saw it, is neither in the genesis document nor proven in the file")]
    UnknownStaff(StaffId),
    /// The grant does not hold.
    #[error("the grant of who saw it does not hold: {0}")]
    Grant(GrantError),
    /// The session key did not sign.
    #[error("the signature of who saw it does not hold")]
    WitnessSignature,
}

/// Why authentic parts do not show what the file claims.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refuted {
    /// Two blocks of different heights.
    #[error("the two blocks are of heights `{0}` and `{1}`, which is no fork")]
    ForkHeights(u64, u64),
    /// One block twice.
    #[error("the two blocks are the same one")]
    ForkSame,
    /// The tip is of another height.
    #[error("the tip is of height `{tip}`, the block of height `{block}`")]
    ContradictionHeights {
        /// The tip's.
        tip: u64,
        /// The block's.
        block: u64,
    },
    /// The tip is the block's.
    #[error("the branch signed this very block")]
    ContradictionSame,
    /// The tips are of two branches.
    #[error("the two tips are of branches `{0}` and `{1}`")]
    RollbackBranches(BranchId, BranchId),
    /// The second tip is not later.
    #[error("the second tip is not later than the first")]
    RollbackTime,
    /// The second tip is not lower.
    #[error("the second tip is not lower than the first")]
    RollbackHeight,
    /// The answer is to a question of another sort.
    #[error("the answer is to a question that says nothing about this")]
    OtherQuestion,
    /// A stream's item to a question that is answered whole, or a whole answer to one for a stream.
    #[error("a part of an answer is given for a whole one, or a whole one for a part")]
    OtherPart,
    /// The answer or the question cannot be read as what it should be.
    #[error("the {0} cannot be read")]
    Unreadable(&'static str),
    /// Nothing in the answer is wrong, as far as the file can tell.
    #[error("every header and certificate in the answer may be as it must be")]
    ForgedNothing,
    /// A header of a version that this program cannot judge, and nothing else is wrong.
    #[error("a header in the answer is of version `{0}`, which this program cannot judge: a later one may")]
    LaterVersion(u16),
    /// Evidence of this kind is about the other chain.
    #[error("evidence of this kind is about the {0} chain")]
    OtherChain(Chain),
    /// The transaction keeps no record.
    #[error("the transaction is no storage transaction")]
    NotStorage,
    /// The branch was not asked to know the block.
    #[error("the branch may not have known block `{block}`: the request demands height `{demanded}`")]
    MayNotKnow {
        /// The block's height.
        block: u64,
        /// The request's minimum.
        demanded: u64,
    },
    /// The record was not asked for.
    #[error("the record was not asked for")]
    NotAsked,
    /// As many answers as questions.
    #[error("the answer has another number of envelopes than were asked for")]
    Uneven,
    /// The branch gave nothing, or what is agreed, or another version.
    #[error("the branch gave nothing, the agreed envelope, or another version")]
    NotAltered,
    /// The branch gave an envelope.
    #[error("the branch gave an envelope")]
    NotMissing,
    /// Another branch may have had an earlier version only.
    #[error("the record was not made at branch `{0}`, which need not have its newest version")]
    NotHome(BranchId),
    /// The branch never signed for it.
    #[error("branch `{0}` has not signed for this envelope")]
    NoReceipt(BranchId),
    /// The list is under another header than the block's.
    #[error("the answer's header is not the block's")]
    OtherHeader,
    /// The proof holds for an entry that is none.
    #[error("the patient's entry is malformed: {0}")]
    EntryMalformed(DecodeError),
    /// The list is the whole one.
    #[error("the list is the whole one")]
    NothingOmitted,
}

/// Whether a certificate is wrong whoever the validators are.
pub(super) const fn is_wrong_for_all(error: &CertificateError) -> bool {
    matches!(error, CertificateError::OtherEpoch { .. } | CertificateError::OtherBlock)
}
