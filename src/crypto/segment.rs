//! One segment of an envelope: its subkeys, what is authenticated with it, the three suites.

use aes_gcm_siv::{Aes256GcmSiv, KeyInit as _, aead::AeadInOut as _};
use hmac::Mac as _;
use zeroize::Zeroizing;

use crate::{
    data_key::DataKey,
    envelope::{HEADER_LEN, Header},
    error::{OpenError, SealError},
    kdf::{derive, mac_of_pair},
    label::Label,
    secret::Secret,
    suite::Suite,
    triple_des::{BLOCK, TripleDesKey},
};

/// Bytes of an HMAC-SHA-256 tag.
const MAC_TAG: usize = 32;
/// Bytes of an AES-256-GCM-SIV tag.
const SIV_TAG: usize = 16;
/// Bytes in front of a segment's ciphertext: number, last flag.
pub(crate) const SEGMENT_HEAD: usize = 5;

impl Suite {
    /// Bytes that sealing adds to a segment's ciphertext.
    pub(crate) const fn overhead(self) -> usize {
        match self {
            Self::TripleDes => MAC_TAG,
            Self::AesGcmSiv => SIV_TAG,
            Self::Cascade => MAC_TAG + SIV_TAG,
        }
    }
}

/// The header fields that a derivation names, with the place of the segment:
/// `suite ‖ content ‖ object ‖ version ‖ number ‖ last ‖ counter`.
fn context(header: &Header, number: u32, last: bool, counter: u8) -> Vec<u8> {
    let mut context = Vec::with_capacity(28);
    context.push(header.suite.code());
    context.push(header.content.code());
    context.extend_from_slice(&header.object);
    context.extend_from_slice(&header.version.to_be_bytes());
    context.extend_from_slice(&number.to_be_bytes());
    context.push(u8::from(last));
    context.push(counter);
    context
}

/// What the header carries to say which data key it belongs to. AES-256-GCM-SIV alone would let
/// one ciphertext be made that opens under two keys, to two different records.
pub(crate) fn commitment(key: &DataKey, salt: &[u8; 32], header: &Header) -> Secret<32> {
    derive(salt, key.secret(), Label::Commitment, &context(header, 0, false, 0))
}

/// A segment's place and everything its keys are derived from.
pub(crate) struct Segment<'a> {
    pub(crate) key: &'a DataKey,
    pub(crate) salt: &'a [u8; 32],
    pub(crate) header: &'a Header,
    /// The envelope's whole header as it is written, authenticated with every segment.
    pub(crate) header_bytes: &'a [u8; HEADER_LEN],
    pub(crate) number: u32,
    pub(crate) last: bool,
}

impl Segment<'_> {
    /// The segment's own head: `number ‖ last`.
    pub(crate) fn head(&self) -> [u8; SEGMENT_HEAD] {
        let [a, b, c, d] = self.number.to_be_bytes();
        [a, b, c, d, u8::from(self.last)]
    }

    /// Seals `plain`, which is whole blocks.
    pub(crate) fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let suite = self.header.suite;
        // At its full size from the start: growing would leave plaintext behind.
        let mut data = Zeroizing::new(Vec::with_capacity(plain.len() + suite.overhead()));
        data.extend_from_slice(plain);
        if matches!(suite, Suite::TripleDes | Suite::Cascade) {
            self.triple_des_key()?.encrypt(self.iv().expose(), &mut data)?;
            let tag = mac_of_pair(&self.derive(Label::MacKey), &self.aad(), &data).finalize().into_bytes();
            data.extend_from_slice(&tag);
        }
        if matches!(suite, Suite::AesGcmSiv | Suite::Cascade) {
            let too_long = SealError::TooLong { length: plain.len(), limit: crate::MAX_PLAIN };
            self.siv()
                .encrypt_in_place(self.siv_nonce().expose().into(), &self.aad(), &mut *data)
                .map_err(|_| too_long)?;
        }
        Ok(std::mem::take(&mut *data))
    }

    /// Opens what [`Segment::seal`] made. Every tag is checked, in constant time, before 3DES
    /// decrypts anything; nothing is returned that was not authenticated.
    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let suite = self.header.suite;
        let mut data = Zeroizing::new(sealed.to_vec());
        if matches!(suite, Suite::AesGcmSiv | Suite::Cascade) {
            self.siv()
                .decrypt_in_place(self.siv_nonce().expose().into(), &self.aad(), &mut *data)
                .map_err(|_| OpenError)?;
        }
        if matches!(suite, Suite::TripleDes | Suite::Cascade) {
            let (ciphertext, tag) = data.split_last_chunk::<MAC_TAG>().ok_or(OpenError)?;
            mac_of_pair(&self.derive(Label::MacKey), &self.aad(), ciphertext)
                .verify_slice(tag)
                .map_err(|_| OpenError)?;
            let length = ciphertext.len();
            data.truncate(length);
            let key = self.triple_des_key().map_err(|_| OpenError)?;
            key.decrypt(self.iv().expose(), &mut data)?;
        }
        Ok(data)
    }

    fn aad(&self) -> Vec<u8> {
        [self.header_bytes.as_slice(), &self.head()].concat()
    }

    fn derive<const N: usize>(&self, label: Label) -> Secret<N> {
        self.derive_nth(label, 0)
    }

    fn derive_nth<const N: usize>(&self, label: Label, counter: u8) -> Secret<N> {
        derive(self.salt, self.key.secret(), label, &context(self.header, self.number, self.last, counter))
    }

    fn triple_des_key(&self) -> Result<TripleDesKey, SealError> {
        TripleDesKey::derive(|counter| self.derive_nth(Label::TripleDesKey, counter))
    }

    /// Unpredictable, as CBC needs, because the data key is; and its key encrypts once only.
    fn iv(&self) -> Secret<BLOCK> {
        self.derive(Label::TripleDesIv)
    }

    fn siv(&self) -> Aes256GcmSiv {
        Aes256GcmSiv::new(self.derive::<32>(Label::SivKey).expose().into())
    }

    fn siv_nonce(&self) -> Secret<12> {
        self.derive(Label::SivNonce)
    }
}
