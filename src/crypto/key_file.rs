//! Key files: secrets of a person or a branch, locked by a passphrase.
//!
//! Argon2id (RFC 9106) stretches the passphrase, XChaCha20-Poly1305 locks the secret, and
//! everything in front of the secret is authenticated with it. The file is text, so that it
//! survives mail and copy-and-paste; this room makes and reads the text and touches no disk.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, aead::AeadInOut as _};
use data_encoding::BASE64;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    entropy::{Entropy, array},
    reader::Reader,
    secret::{Secret, SecretBytes},
};

/// The first line of every key file.
const TITLE: &str = "WARDLINE KEY FILE v1";

/// Base64 characters in a line.
const LINE: usize = 64;

/// Bytes of the Poly1305 tag.
const TAG: usize = 16;

/// The longest public part and the longest secret, in bytes.
const MAX_PART: usize = 4096;

/// The longest passphrase, in bytes.
const MAX_PASSPHRASE: usize = 1024;

/// The longest key file, in bytes: room for both parts in base64.
const MAX_TEXT: usize = 16 << 10;

/// Whose keys a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A staff member's.
    Staff = 1,
    /// A branch's.
    Branch = 2,
    /// A patient's.
    Patient = 3,
}

impl FileKind {
    /// The permanent number of the kind.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The kind of a number, `None` for numbers that have none.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Staff),
            2 => Some(Self::Branch),
            3 => Some(Self::Patient),
            _ => None,
        }
    }
}

/// What one guess at a passphrase costs (Argon2id).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Cost {
    /// The least that is written or read (64 MiB, 3 passes, 1 lane): a file that asks for less was
    /// made to be guessed.
    pub const FLOOR: Self = Self { memory_kib: 64 << 10, passes: 3, lanes: 1 };

    /// The most that is written or read: a hostile file must not stop a terminal.
    pub const CEILING: Self = Self { memory_kib: 1 << 20, passes: 16, lanes: 16 };

    fn check(self) -> Result<Self, KeyFileError> {
        let within = |least: u32, value: u32, most: u32| (least..=most).contains(&value);
        let good = within(Self::FLOOR.memory_kib, self.memory_kib, Self::CEILING.memory_kib)
            && within(Self::FLOOR.passes, self.passes, Self::CEILING.passes)
            && within(Self::FLOOR.lanes, self.lanes, Self::CEILING.lanes);
        if good { Ok(self) } else { Err(KeyFileError::CostOutOfRange) }
    }
}

impl Default for Cost {
    fn default() -> Self {
        Self::FLOOR
    }
}

/// A key file could not be written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyFileError {
    /// The text is not in the form of a key file.
    #[error("not a key file, or a part of it is missing")]
    NotAKeyFile,
    /// The file asks for less work than the floor, or more than the ceiling.
    #[error("key file's passphrase cost is outside the permitted range")]
    CostOutOfRange,
    /// The public part, the secret or the passphrase is too long.
    #[error("key file contents or passphrase are too long")]
    TooLong,
    /// The passphrase is empty.
    #[error("passphrase is empty")]
    EmptyPassphrase,
    /// The passphrase is not the file's, or the file is not as it was written; deliberately one
    /// answer.
    #[error("wrong passphrase, or the file was changed")]
    WrongPassphrase,
}

/// What a key file held.
#[derive(Debug)]
pub struct Unlocked {
    /// Whose keys they are.
    pub kind: FileKind,
    /// The part that is readable without the passphrase, now authenticated.
    pub public: Vec<u8>,
    /// The part that was locked.
    pub secret: SecretBytes,
}

/// Everything in front of the locked secret.
struct Head {
    kind: FileKind,
    cost: Cost,
    salt: [u8; 16],
    nonce: [u8; 24],
    public: Vec<u8>,
}

impl Head {
    fn encode(&self) -> Result<Vec<u8>, KeyFileError> {
        let length = u16::try_from(self.public.len()).map_err(|_| KeyFileError::TooLong)?;
        Ok([
            [self.kind.code()].as_slice(),
            &self.cost.memory_kib.to_be_bytes(),
            &self.cost.passes.to_be_bytes(),
            &self.cost.lanes.to_be_bytes(),
            &self.salt,
            &self.nonce,
            &length.to_be_bytes(),
            &self.public,
        ]
        .concat())
    }

    /// The head, and the locked secret behind it.
    fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut reader = Reader::new(bytes);
        let kind = FileKind::from_code(reader.u8()?)?;
        let cost = Cost { memory_kib: reader.u32()?, passes: reader.u32()?, lanes: reader.u32()? };
        let (salt, nonce) = (reader.array()?, reader.array()?);
        let length = usize::from(reader.u16()?);
        let public = reader.take(length)?.to_vec();
        let locked = reader.rest();
        let fits = length <= MAX_PART && (TAG..=MAX_PART + TAG).contains(&locked.len());
        fits.then_some((Self { kind, cost, salt, nonce, public }, locked))
    }

    /// The cipher of this file under a passphrase. The slow step.
    fn cipher(&self, passphrase: &SecretBytes) -> Result<XChaCha20Poly1305, KeyFileError> {
        if passphrase.expose().len() > MAX_PASSPHRASE {
            return Err(KeyFileError::TooLong);
        }
        let Cost { memory_kib, passes, lanes } = self.cost.check()?;
        let params =
            Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| KeyFileError::CostOutOfRange)?;
        let mut stretched = Ok(());
        let key = Secret::<32>::fill_with(|out| {
            stretched = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
                passphrase.expose(),
                &self.salt,
                out,
            );
        });
        stretched.map_err(|_| KeyFileError::CostOutOfRange)?;
        Ok(XChaCha20Poly1305::new(key.expose().into()))
    }
}

/// What is authenticated with the secret: the title line and the head.
fn aad(head: &[u8]) -> Vec<u8> {
    [TITLE.as_bytes(), b"\n", head].concat()
}

/// Writes a key file: `public` readable by anyone, `secret` by whoever knows the passphrase.
///
/// The passphrase's bytes are used as they are. Takes about a third of a second at the floor.
///
/// # Errors
/// [`KeyFileError::EmptyPassphrase`]; [`KeyFileError::TooLong`] for a part above 4,096 bytes or a
/// passphrase above 1,024; [`KeyFileError::CostOutOfRange`].
pub fn lock(
    kind: FileKind,
    public: &[u8],
    secret: &SecretBytes,
    passphrase: &SecretBytes,
    cost: Cost,
    entropy: &mut dyn Entropy,
) -> Result<String, KeyFileError> {
    if passphrase.expose().is_empty() {
        return Err(KeyFileError::EmptyPassphrase);
    }
    if public.len() > MAX_PART || secret.expose().len() > MAX_PART {
        return Err(KeyFileError::TooLong);
    }
    let head = Head { kind, cost, salt: array(entropy), nonce: array(entropy), public: public.to_vec() };
    let cipher = head.cipher(passphrase)?;
    let head_bytes = head.encode()?;
    // At its full size from the start: growing would leave the secret behind.
    let mut locked = Zeroizing::new(Vec::with_capacity(secret.expose().len() + TAG));
    locked.extend_from_slice(secret.expose());
    cipher
        .encrypt_in_place(&head.nonce.into(), &aad(&head_bytes), &mut *locked)
        .map_err(|_| KeyFileError::TooLong)?;
    Ok(to_text(&[head_bytes.as_slice(), &locked].concat()))
}

/// Reads the kind and the public part, without the passphrase and so NOT authenticated.
///
/// # Errors
/// [`KeyFileError::NotAKeyFile`], [`KeyFileError::CostOutOfRange`].
pub fn read_public(text: &str) -> Result<(FileKind, Vec<u8>), KeyFileError> {
    let bytes = from_text(text)?;
    let (head, _) = Head::parse(&bytes).ok_or(KeyFileError::NotAKeyFile)?;
    head.cost.check()?;
    Ok((head.kind, head.public))
}

/// Opens a key file.
///
/// # Errors
/// [`KeyFileError::WrongPassphrase`] for a wrong passphrase and for a changed file alike;
/// [`KeyFileError::NotAKeyFile`] and [`KeyFileError::CostOutOfRange`] before any work is done.
pub fn unlock(text: &str, passphrase: &SecretBytes) -> Result<Unlocked, KeyFileError> {
    let bytes = from_text(text)?;
    let (head, locked) = Head::parse(&bytes).ok_or(KeyFileError::NotAKeyFile)?;
    let mut secret = Zeroizing::new(locked.to_vec());
    head.cipher(passphrase)?
        .decrypt_in_place(&head.nonce.into(), &aad(&head.encode()?), &mut *secret)
        .map_err(|_| KeyFileError::WrongPassphrase)?;
    let secret = SecretBytes::new(std::mem::take(&mut *secret));
    Ok(Unlocked { kind: head.kind, public: head.public, secret })
}

fn to_text(bytes: &[u8]) -> String {
    let body = BASE64.encode(bytes);
    let mut text = format!("{TITLE}\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at_checked(LINE).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text
}

/// Line ends and blank space at the ends of lines may have been changed on the way; nothing else.
fn from_text(text: &str) -> Result<Vec<u8>, KeyFileError> {
    if text.len() > MAX_TEXT {
        return Err(KeyFileError::NotAKeyFile);
    }
    let mut lines = text.trim().lines().map(str::trim_ascii);
    if lines.next() != Some(TITLE) {
        return Err(KeyFileError::NotAKeyFile);
    }
    let body: String = lines.collect();
    BASE64.decode(body.as_bytes()).map_err(|_| KeyFileError::NotAKeyFile)
}

#[cfg(test)]
mod tests;
