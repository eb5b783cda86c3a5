//! A branch's own keys, and the file that holds them (`docs/format/node.md`).
//!
//! It must not know what the keys are used for.

use rcgen::PublicKeyData;
use rustls::pki_types::PrivatePkcs8KeyDer;
use wardline_crypto::{
    AgreementKey, Cost, Digest, Entropy, FileKind, KeyFileError, PublicKey, SearchKey, Secret, SecretBytes,
    SigningKey, lock, unlock,
};
use wardline_ledger::{BranchId, Participant};

/// Version of the secret part of the file.
const VERSION: u8 = 1;
/// Bytes of a TLS key at most; a P-256 key in PKCS#8 has about 140.
const TLS_MAX: usize = 4096;

/// Why a branch's keys cannot be made, kept or read.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The key file is damaged, of another kind, or the passphrase is wrong.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The file opens but is not a branch's.
    #[error("the key file is not a branch's key file")]
    OtherKind,
    /// What the file holds is not what this release writes.
    #[error("the key file holds something else than a branch's keys: was it written by a newer release?")]
    Layout,
    /// The TLS key cannot be used.
    #[error("the branch's TLS key cannot be used")]
    Tls,
}

/// Everything secret that a branch's node needs. Wiped when dropped.
pub struct BranchSecrets {
    /// Signs custody receipts, tips and the branch's own transactions.
    pub signing: SigningKey,
    /// Votes and connects on the main chain.
    pub main_validator: SigningKey,
    /// Votes and connects on the side chain; absent at participants that are not on it.
    pub side_validator: Option<SigningKey>,
    /// Opens the data keys that are wrapped for this branch.
    pub wrap: AgreementKey,
    /// The API's TLS key, PKCS#8 DER.
    pub tls: SecretBytes,
    /// Keys the search tokens of this branch.
    pub search: SearchKey,
}

/// Where a participant is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchAddresses {
    /// Base URL of the API: `https://host:port`.
    pub api: String,
    /// `host:port` of the main chain's peer network.
    pub main: String,
    /// The same for the side chain, at trusted branches.
    pub side: Option<String>,
}

impl BranchSecrets {
    /// Draws new keys; `trusted` branches get a validator key for the side chain too.
    ///
    /// # Errors
    /// [`SecretsError::Tls`] when the TLS library cannot make a key.
    pub fn generate(trusted: bool, entropy: &mut dyn Entropy) -> Result<Self, SecretsError> {
        // P-256 and not Ed25519, so that every common HTTPS tool can talk to the API.
        let tls =
            rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(|_| SecretsError::Tls)?;
        Ok(Self {
            signing: SigningKey::generate(entropy),
            main_validator: SigningKey::generate(entropy),
            side_validator: trusted.then(|| SigningKey::generate(entropy)),
            wrap: AgreementKey::generate(entropy),
            tls: SecretBytes::new(tls.serialize_der()),
            search: SearchKey::generate(entropy),
        })
    }

    /// The text of a key file that holds these keys under a passphrase.
    ///
    /// # Errors
    /// When the key file cannot be made.
    pub fn seal(&self, passphrase: &SecretBytes, entropy: &mut dyn Entropy) -> Result<String, SecretsError> {
        self.seal_at(passphrase, Cost::FLOOR, entropy)
    }

    /// The same at a chosen cost of guessing, not below [`Cost::FLOOR`].
    ///
    /// # Errors
    /// When the key file cannot be made.
    pub fn seal_at(
        &self,
        passphrase: &SecretBytes,
        cost: Cost,
        entropy: &mut dyn Entropy,
    ) -> Result<String, SecretsError> {
        let public = self.signing.public();
        Ok(lock(FileKind::Branch, public.bytes(), &self.encode(), passphrase, cost, entropy)?)
    }

    /// Reads a key file's text.
    ///
    /// # Errors
    /// When the passphrase is wrong, or the file is damaged or not a branch's.
    pub fn open(file: &str, passphrase: &SecretBytes) -> Result<Self, SecretsError> {
        let unlocked = unlock(file, passphrase)?;
        if unlocked.kind != FileKind::Branch {
            return Err(SecretsError::OtherKind);
        }
        let secrets = decode(unlocked.secret.expose()).ok_or(SecretsError::Layout)?;
        if unlocked.public != secrets.signing.public().bytes() {
            return Err(SecretsError::Layout);
        }
        Ok(secrets)
    }

    /// SHA-256 of the API key's SubjectPublicKeyInfo: what consoles pin.
    ///
    /// # Errors
    /// [`SecretsError::Tls`] when the key cannot be used.
    pub fn tls_pin(&self) -> Result<Digest, SecretsError> {
        Ok(Digest::of(&self.tls_key_pair()?.subject_public_key_info()))
    }

    /// The registry entry of a participant that has these keys.
    ///
    /// # Errors
    /// [`SecretsError::Tls`] when the TLS key cannot be used.
    pub fn participant(
        &self,
        id: BranchId,
        name: &str,
        votes: bool,
        addresses: &BranchAddresses,
    ) -> Result<Participant, SecretsError> {
        Ok(Participant {
            id,
            name: name.to_owned(),
            trusted: self.side_validator.is_some(),
            votes,
            signing: self.signing.public(),
            main_validator: self.main_validator.public(),
            side_validator: self.side_validator.as_ref().map(SigningKey::public),
            wrap: self.wrap.public(),
            tls: self.tls_pin()?,
            api: addresses.api.clone(),
            main_address: addresses.main.clone(),
            side_address: addresses.side.clone(),
            active: true,
        })
    }

    /// The first key in which these secrets and a registry entry differ, by its name.
    pub(crate) fn differs_from(
        &self,
        participant: &Participant,
    ) -> Result<Option<&'static str>, SecretsError> {
        let side: Option<PublicKey> = self.side_validator.as_ref().map(SigningKey::public);
        let pairs = [
            (self.signing.public() == participant.signing, "signing key"),
            (self.main_validator.public() == participant.main_validator, "main chain key"),
            (side == participant.side_validator, "side chain key"),
            (self.wrap.public() == participant.wrap, "wrapping key"),
            (self.tls_pin()? == participant.tls, "TLS key"),
        ];
        Ok(pairs.into_iter().find(|(same, _)| !same).map(|(_, name)| name))
    }

    pub(crate) fn tls_key_pair(&self) -> Result<rcgen::KeyPair, SecretsError> {
        rcgen::KeyPair::try_from(&PrivatePkcs8KeyDer::from(self.tls.expose())).map_err(|_| SecretsError::Tls)
    }

    pub(crate) fn encode(&self) -> SecretBytes {
        // Reserved at once: a growing vector would leave unwiped copies behind.
        let mut out = Vec::with_capacity(2 + 5 * 32 + 4 + self.tls.expose().len());
        out.push(VERSION);
        out.extend_from_slice(self.signing.seed());
        out.extend_from_slice(self.main_validator.seed());
        match &self.side_validator {
            None => out.push(0),
            Some(key) => {
                out.push(1);
                out.extend_from_slice(key.seed());
            }
        }
        out.extend_from_slice(self.wrap.bytes());
        out.extend_from_slice(self.search.bytes());
        out.extend_from_slice(&u32::try_from(self.tls.expose().len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(self.tls.expose());
        SecretBytes::new(out)
    }
}

pub(crate) fn decode(bytes: &[u8]) -> Option<BranchSecrets> {
    let mut rest = bytes;
    if byte(&mut rest)? != VERSION {
        return None;
    }
    let signing = SigningKey::from_seed(secret(&mut rest)?);
    let main_validator = SigningKey::from_seed(secret(&mut rest)?);
    let side_validator = match byte(&mut rest)? {
        0 => None,
        1 => Some(SigningKey::from_seed(secret(&mut rest)?)),
        _ => return None,
    };
    let wrap = AgreementKey::from_bytes(secret(&mut rest)?);
    let search = SearchKey::from_bytes(secret(&mut rest)?);
    let (length, tls) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    if length > TLS_MAX || tls.len() != length {
        return None;
    }
    Some(BranchSecrets {
        signing,
        main_validator,
        side_validator,
        wrap,
        tls: SecretBytes::new(tls.to_vec()),
        search,
    })
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, tail) = rest.split_first()?;
    *rest = tail;
    Some(*first)
}

fn secret(rest: &mut &[u8]) -> Option<Secret<32>> {
    let (head, tail) = rest.split_first_chunk::<32>()?;
    *rest = tail;
    Secret::from_slice(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardline_crypto::SeededEntropy;

    fn same(a: &BranchSecrets, b: &BranchSecrets) {
        assert_eq!(a.encode().expose(), b.encode().expose());
    }

    #[test]
    fn a_file_gives_back_what_was_sealed() {
        let mut entropy = SeededEntropy::new(1);
        for trusted in [true, false] {
            let secrets = BranchSecrets::generate(trusted, &mut entropy).unwrap();
            let passphrase = SecretBytes::new(b"four words of one person".to_vec());
            let file = secrets.seal(&passphrase, &mut entropy).unwrap();
            same(&secrets, &BranchSecrets::open(&file, &passphrase).unwrap());
            let wrong = SecretBytes::new(b"five words of one person".to_vec());
            assert!(BranchSecrets::open(&file, &wrong).is_err());
        }
    }

    #[test]
    fn every_other_length_is_refused() {
        let secrets = BranchSecrets::generate(true, &mut SeededEntropy::new(2)).unwrap();
        let bytes = secrets.encode();
        let bytes = bytes.expose();
        assert!(decode(bytes).is_some());
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_none(), "{cut} bytes");
        }
        assert!(decode(&[bytes, &[0]].concat()).is_none());
    }

    #[test]
    fn a_registry_entry_with_another_key_is_noticed() {
        let mut entropy = SeededEntropy::new(3);
        let secrets = BranchSecrets::generate(true, &mut entropy).unwrap();
        let addresses = BranchAddresses {
            api: "https://127.0.0.1:7000".into(),
            main: "127.0.0.1:7001".into(),
            side: Some("127.0.0.1:7002".into()),
        };
        let entry = secrets.participant(BranchId(1), "Eastgate", true, &addresses).unwrap();
        assert_eq!(secrets.differs_from(&entry).unwrap(), None);
        let other = Participant { wrap: AgreementKey::generate(&mut entropy).public(), ..entry };
        assert_eq!(secrets.differs_from(&other).unwrap(), Some("wrapping key"));
    }
}
