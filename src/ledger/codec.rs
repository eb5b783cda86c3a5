//! Canonical bytes: one value, one spelling, so that a digest or a signature means one thing.
//!
//! Integers are big-endian and fixed-width, byte strings and lists carry a u32 length, an option is one byte 0 or 1,
//! sets are strictly ascending, nothing may follow the value. It must not know what is encoded.

use wardline_crypto::{AgreementPublic, Digest, PublicKey, Signature};

/// Why bytes are not the canonical form of a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end inside a value.
    #[error("the bytes end inside `{0}`")]
    Truncated(&'static str),
    /// Bytes follow the value.
    #[error("`{0}` bytes follow the value")]
    Trailing(usize),
    /// A number that no item of a closed list has.
    #[error("`{code}` is no {what}")]
    UnknownCode {
        /// The closed list.
        what: &'static str,
        /// The number found.
        code: u32,
    },
    /// A kind that has its number and shape but is not in force yet.
    #[error("the transaction kind `{0}` is reserved and not in force")]
    Reserved(&'static str),
    /// A byte string, text or list over its limit.
    #[error("the {what} is longer than `{limit}`")]
    TooLong {
        /// Which one.
        what: &'static str,
        /// The limit: bytes for strings, items for lists.
        limit: usize,
    },
    /// A set that is not strictly ascending, so it has another spelling or a duplicate.
    #[error("the {0} are not strictly ascending")]
    Unsorted(&'static str),
    /// Text that is not UTF-8 or has control characters.
    #[error("the {0} is not plain UTF-8 text")]
    NotText(&'static str),
    /// A value outside of its range.
    #[error("the {0} is out of range")]
    OutOfRange(&'static str),
}

/// A value with exactly one byte form.
pub trait Canonical: Sized {
    /// Appends the value's bytes.
    fn write(&self, w: &mut Writer);

    /// Reads the value and leaves what follows it.
    ///
    /// # Errors
    /// When the next bytes are not this value's canonical form.
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// The value's canonical bytes. A value that breaks a limit gives bytes that [`Canonical::decode`] refuses.
    fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        self.write(&mut w);
        w.into_bytes()
    }

    /// Reads the value from the whole of `bytes`.
    ///
    /// # Errors
    /// When they are not exactly the canonical bytes of one value.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let value = Self::read(&mut r)?;
        r.finish()?;
        Ok(value)
    }
}

/// Appends canonical bytes.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Bytes as they are, of a length that the reader knows.
    pub fn fixed(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// One byte.
    pub fn u8(&mut self, n: u8) {
        self.0.push(n);
    }

    /// Two bytes, big-endian.
    pub fn u16(&mut self, n: u16) {
        self.fixed(&n.to_be_bytes());
    }

    /// Four bytes, big-endian.
    pub fn u32(&mut self, n: u32) {
        self.fixed(&n.to_be_bytes());
    }

    /// Eight bytes, big-endian.
    pub fn u64(&mut self, n: u64) {
        self.fixed(&n.to_be_bytes());
    }

    /// One byte, 0 or 1.
    pub fn bool(&mut self, b: bool) {
        self.u8(u8::from(b));
    }

    /// A u32 length. Lengths past u32 cannot be read back; every limit is far below.
    pub fn len(&mut self, n: usize) {
        self.u32(u32::try_from(n).unwrap_or(u32::MAX));
    }

    /// A byte string: u32 length, bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.len(bytes.len());
        self.fixed(bytes);
    }

    /// Text: the byte string of its UTF-8.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// An option: 0, or 1 and the value.
    pub fn option<T>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        self.bool(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// A list: u32 count, items.
    pub fn list<T: Canonical>(&mut self, items: &[T]) {
        self.len(items.len());
        for item in items {
            item.write(self);
        }
    }
}

/// Reads canonical bytes and refuses every other spelling.
#[derive(Debug, Clone)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Refuses bytes that follow the value.
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.0.len() {
            0 => Ok(()),
            n => Err(DecodeError::Trailing(n)),
        }
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self.0.split_at_checked(n).ok_or(DecodeError::Truncated(what))?;
        self.0 = tail;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(DecodeError::Truncated(what))?;
        self.0 = tail;
        Ok(*head)
    }

    /// One byte.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        Ok(u8::from_be_bytes(self.array(what)?))
    }

    /// Two bytes, big-endian.
    pub fn u16(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array(what)?))
    }

    /// Four bytes, big-endian.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array(what)?))
    }

    /// Eight bytes, big-endian.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array(what)?))
    }

    /// One byte, 0 or 1 and nothing else.
    pub fn bool(&mut self, what: &'static str) -> Result<bool, DecodeError> {
        match self.u8(what)? {
            0 => Ok(false),
            1 => Ok(true),
            code => Err(DecodeError::UnknownCode { what, code: code.into() }),
        }
    }

    /// A u32 length of at most `limit`.
    pub fn len(&mut self, limit: usize, what: &'static str) -> Result<usize, DecodeError> {
        let n = usize::try_from(self.u32(what)?).unwrap_or(usize::MAX);
        if n > limit { Err(DecodeError::TooLong { what, limit }) } else { Ok(n) }
    }

    /// A byte string of at most `limit` bytes.
    pub fn bytes(&mut self, limit: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let n = self.len(limit, what)?;
        self.take(n, what)
    }

    /// Text of at most `limit` bytes without control characters.
    pub fn text(&mut self, limit: usize, what: &'static str) -> Result<String, DecodeError> {
        let text = str::from_utf8(self.bytes(limit, what)?).map_err(|_| DecodeError::NotText(what))?;
        if text.chars().any(char::is_control) {
            return Err(DecodeError::NotText(what));
        }
        Ok(text.to_owned())
    }

    /// An option.
    pub fn option<T>(
        &mut self,
        what: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        if self.bool(what)? { read(self).map(Some) } else { Ok(None) }
    }

    /// A list of at most `limit` items.
    pub fn list<T: Canonical>(&mut self, limit: usize, what: &'static str) -> Result<Vec<T>, DecodeError> {
        let n = self.len(limit, what)?;
        let mut items = Vec::new(); // grows as items are really there: a length alone reserves nothing
        for _ in 0..n {
            items.push(T::read(self)?);
        }
        Ok(items)
    }

    /// A list whose keys are strictly ascending: no duplicate, no other order.
    pub fn sorted<T: Canonical, K: Ord>(
        &mut self,
        limit: usize,
        what: &'static str,
        key: impl Fn(&T) -> K,
    ) -> Result<Vec<T>, DecodeError> {
        let items: Vec<T> = self.list(limit, what)?;
        if items.is_sorted_by(|a, b| key(a) < key(b)) { Ok(items) } else { Err(DecodeError::Unsorted(what)) }
    }
}

macro_rules! canonical_bytes {
    ($($type:ty, $what:literal;)+) => {$(
        impl Canonical for $type {
            fn write(&self, w: &mut Writer) {
                w.fixed(self.bytes());
            }
            fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self::from_bytes(r.array($what)?))
            }
        }
    )+};
}
pub(crate) use canonical_bytes;

canonical_bytes! {
    Digest, "digest";
    PublicKey, "public key";
    AgreementPublic, "agreement key";
    Signature, "signature";
}

/// Encodes a closed list by its code byte.
macro_rules! canonical_code {
    ($($type:ty, $what:literal;)+) => {$(
        impl $crate::codec::Canonical for $type {
            fn write(&self, w: &mut $crate::codec::Writer) {
                w.u8(self.code());
            }
            fn read(r: &mut $crate::codec::Reader<'_>) -> Result<Self, $crate::codec::DecodeError> {
                let code = r.u8($what)?;
                Self::from_code(code).ok_or($crate::codec::DecodeError::UnknownCode { what: $what, code: code.into() })
            }
        }
    )+};
}
pub(crate) use canonical_code;

canonical_code! {
    wardline_policy::RecordKind, "record kind";
    wardline_policy::Purpose, "purpose";
}
