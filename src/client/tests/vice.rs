//! How a branch of the tests can be false: what it does wrong to whoever asks it.

/// What a branch does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vice {
    None,
    /// Takes requests and never answers.
    Silent,
    /// Serves changed envelopes.
    AltersEnvelopes,
    /// Serves changed certificates.
    AltersCertificates,
    /// Leaves the second block that it is asked for out of its headers.
    LeavesOutBlock,
    /// Has no envelopes.
    LosesEnvelopes,
    /// Leaves the first link out.
    OmitsLink,
    /// Swaps the first two links.
    ReordersLinks,
    /// Says that links were made elsewhere.
    MovesLinks,
    /// Keys that it kept do not open any more.
    LosesKeys,
    /// Refuses every key.
    WithholdsKeys,
    /// Releases wrong shares.
    SpoilsShares,
    /// Releases a wrong key as a whole one.
    SpoilsKeys,
    /// Gives the list of the patient's records as it was that many blocks ago, proven there.
    OldList(usize),
    /// Refuses every transaction as against the ledger's rules.
    RefusesTransactions,
    /// Says of every transaction that it was refused.
    SaysRefused,
    /// Signs receipts for another envelope.
    ForgesReceipts,
    /// Signs receipts for a record of another home branch.
    NamesOtherHome,
    /// Refuses to keep anything.
    KeepsNothing,
    /// Shows another head, with the certificate of the true one.
    Forks,
    /// Shows another head with a certificate of too few validators.
    ForksWithTwo,
    /// Shows the head of some blocks ago.
    Lags,
    /// Claims the highest block that a number can name.
    Boasts,
    /// Says that a final transaction stands at another place of its block.
    MisplacesTransactions,
    /// Answers what does not parse.
    Garbles,
    /// Ends a connection instead of answering the second request on it.
    HangsUp,
    /// Redirects every request.
    Redirects,
    /// Never has the finality of what was handed in.
    NeverFinal,
    /// Changes a byte of a block's first transaction.
    AltersBodies,
    /// Leaves the transactions out of a block.
    OmitsTransactions,
    /// Gives the body of the block before.
    SwapsBodies,
    /// Gives a block that nobody agreed on, with a body that fits it.
    ForgesBlocks,
    /// Gives every block the certificate of the block before.
    SwapsCertificates,
    /// Refuses whole blocks.
    RefusesBlocks,
    /// Says of everything that is final that it will tell later.
    PutsOff,
    /// Does not sign its answers.
    Unsigned,
    /// Signs something else than it answers.
    SignsOther,
    /// Names other transactions than those of the block.
    SpoilsLeaves,
    /// Signs tips of blocks that are not there.
    SignsOtherTips,
    /// Signs tips of the greatest height there is.
    SignsFarTips,
    /// Says nothing more on its streams, and answers everything else.
    SilentStreams,
    /// Its streams have a line that does not parse.
    GarblesStreams,
    /// Its streams have a line without end.
    EndlessLines,
    /// Counts the items of its streams wrongly.
    Miscounts,
    /// Its streams leave a block out.
    SkipsBlocks,
    /// Ends every stream after one item.
    EndsStreams,
}
