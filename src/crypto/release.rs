//! Release: a node that holds a key or a share of one re-wraps it to the key of a session.
//!
//! What was checked (record, heights of both chains) and what was written down (the audit
//! entry) is bound in, so that a release answers one request and no other.

use crate::{
    agreement::{AgreementKey, AgreementPublic},
    digest::Digest,
    entropy::Entropy,
    error::{OpenError, SealError},
    hpke::{open_from, seal_to},
    label::Label,
    stanza::Held,
};

/// What a release is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseContext {
    /// The network.
    pub network: Digest,
    /// The branch that releases.
    pub branch: u16,
    /// The record's temporary ID, or the patient ID.
    pub object: [u8; 16],
    /// SHA-256 of the whole envelope.
    pub pointer: Digest,
    /// The session's key, to which it is released.
    pub session: AgreementPublic,
    /// Height of the main chain at which the node decided.
    pub main_height: u64,
    /// Height of the side chain at which the node decided.
    pub side_height: u64,
    /// Leaf hash of the audit entry that was made durable first.
    pub audit: Digest,
}

impl ReleaseContext {
    fn bytes(&self) -> Vec<u8> {
        [
            self.network.as_ref(),
            &self.branch.to_be_bytes(),
            &self.object,
            self.pointer.as_ref(),
            self.session.bytes(),
            &self.main_height.to_be_bytes(),
            &self.side_height.to_be_bytes(),
            self.audit.as_ref(),
        ]
        .concat()
    }
}

/// Seals what a node holds to the session named in the context.
///
/// # Errors
/// [`SealError::BadRecipient`] for a session key of low order.
pub fn release(
    held: &Held,
    context: &ReleaseContext,
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, SealError> {
    seal_to(&context.session, Label::Release.bytes(), &context.bytes(), held.encode().expose(), entropy)
}

/// Opens a release made for this session in this context.
///
/// # Errors
/// [`OpenError`] for whatever reason.
pub fn accept(released: &[u8], key: &AgreementKey, context: &ReleaseContext) -> Result<Held, OpenError> {
    if context.session != key.public() {
        return Err(OpenError);
    }
    let opened = open_from(key, Label::Release.bytes(), &context.bytes(), released)?;
    Held::decode(opened.expose())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataKey, SeededEntropy};

    #[test]
    fn every_field_of_the_context_is_bound() {
        let mut entropy = SeededEntropy::new(3);
        let session = AgreementKey::generate(&mut entropy);
        let key = DataKey::generate(&mut entropy);
        let expected = *key.secret().expose();
        let context = ReleaseContext {
            network: Digest::of(b"network"),
            branch: 2,
            object: [5; 16],
            pointer: Digest::of(b"envelope"),
            session: session.public(),
            main_height: 10,
            side_height: 20,
            audit: Digest::of(b"audit"),
        };
        let released = release(&Held::Whole(key), &context, &mut entropy).unwrap();
        assert!(
            matches!(accept(&released, &session, &context), Ok(Held::Whole(key)) if *key.secret().expose() == expected)
        );

        let other = AgreementKey::generate(&mut entropy);
        let changed = [
            ReleaseContext { network: Digest::ZERO, ..context },
            ReleaseContext { branch: 3, ..context },
            ReleaseContext { object: [6; 16], ..context },
            ReleaseContext { pointer: Digest::ZERO, ..context },
            ReleaseContext { session: other.public(), ..context },
            ReleaseContext { main_height: 11, ..context },
            ReleaseContext { side_height: 21, ..context },
            ReleaseContext { audit: Digest::ZERO, ..context },
        ];
        for context in changed {
            assert!(accept(&released, &session, &context).is_err(), "{context:?}");
            assert!(accept(&released, &other, &context).is_err(), "{context:?}");
        }
        assert!(accept(&released, &other, &context).is_err());

        // Sealed to one session in the name of another.
        let misnamed = ReleaseContext { session: other.public(), ..context };
        let label = Label::Release.bytes();
        let plain = [[1].as_slice(), &expected].concat();
        let sealed = seal_to(&session.public(), label, &misnamed.bytes(), &plain, &mut entropy).unwrap();
        assert!(open_from(&session, label, &misnamed.bytes(), &sealed).is_ok());
        assert!(accept(&sealed, &session, &misnamed).is_err());
    }
}
