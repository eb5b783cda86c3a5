//! Sealing a record and wrapping its key: whole for the home branch, shares for the others. No network in here.

use crate::error::ClientError;
use std::{collections::BTreeMap, sync::Arc};
use wardline_crypto::{
    AgreementPublic, Content, DataKey, Digest, Entropy, Header, SealError, SecretBytes, Suite, WrapContext,
    seal, wrap_shares, wrap_whole,
};
use wardline_ledger::{NetworkId, RecordId};
use wardline_policy::RecordKind;
use wardline_record::Record;

/// The version of a record that is sealed for the first time.
pub(crate) const FIRST_VERSION: u32 = 1;

/// A sealed record with each holder's stanza. The data key is gone.
pub(crate) struct Sealed {
    pub(crate) kind: RecordKind,
    pub(crate) version: u32,
    pub(crate) envelope: Arc<Vec<u8>>,
    /// SHA-256 of the record's canonical bytes, to tell whether a kept one is the same.
    pub(crate) content: Digest,
    pub(crate) pointer: Digest,
    pub(crate) size: u32,
    pub(crate) stanzas: BTreeMap<u16, Vec<u8>>,
}

/// Seals a record under a fresh key and wraps the key for every holder.
///
/// The home branch gets the key whole, the others shares of which two are needed. Kinds of the emergency subset are
/// wrapped whole for all; so is everything where there is only one other branch, whose share alone would open
/// nothing.
pub(crate) fn seal_record(
    network: NetworkId,
    suite: Suite,
    (id, version): (RecordId, u32),
    record: &Record,
    home: u16,
    holders: &[(u16, AgreementPublic)],
    entropy: &mut dyn Entropy,
) -> Result<Sealed, ClientError> {
    let failed = |error: SealError| ClientError::Seal(error.to_string());
    let kind = record.kind();
    let plain = SecretBytes::new(record.to_bytes());
    let content = Digest::of(plain.expose());
    let key = DataKey::generate(entropy);
    let header = Header { suite, content: Content::Record, object: *id.bytes(), version };
    let envelope = seal(&key, &header, plain.expose(), entropy).map_err(failed)?;
    let size =
        u32::try_from(envelope.len()).map_err(|_| ClientError::Seal("the record is too long".to_owned()))?;
    let pointer = Digest::of(&envelope);
    let context = WrapContext { network, object: *id.bytes(), version, pointer, branch: home };

    let (whole, others): (Vec<_>, Vec<_>) = holders.iter().copied().partition(|(branch, _)| *branch == home);
    let to_all = kind.is_wrapped_whole() || others.len() < 2;
    let mut stanzas = BTreeMap::new();
    for (branch, to) in whole.iter().chain(others.iter().filter(|_| to_all)) {
        let stanza =
            wrap_whole(&key, to, &WrapContext { branch: *branch, ..context }, entropy).map_err(failed)?;
        stanzas.insert(*branch, stanza.encode());
    }
    if !to_all {
        let shares = wrap_shares(&key, &others, &context, entropy).map_err(failed)?;
        stanzas.extend(shares.into_iter().map(|(branch, stanza)| (branch, stanza.encode())));
    }
    Ok(Sealed { kind, version, envelope: Arc::new(envelope), content, pointer, size, stanzas })
}
