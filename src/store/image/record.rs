//! A row's bytes: a header of types, then the values.

/// A stored value. None of our tables holds a real number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

/// A value and where in the payload its bytes begin and end; a value that is told by its type alone has the bytes of
/// its type.
pub(crate) type Placed = (Value, usize, usize);

/// A number of 1 to 9 bytes, most significant first, and how many bytes it took.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        if index == 8 {
            return Some(((number << 8) | u64::from(*byte), 9));
        }
        number = (number << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, index + 1));
        }
    }
    None
}

/// Takes a payload apart; strict about every byte of it. What is wrong comes with its place in the payload.
pub(super) fn values(payload: &[u8]) -> Result<Vec<Placed>, (usize, usize, &'static str)> {
    let whole = (0, payload.len(), "a row is cut off");
    let (header, mut at) = varint(payload).ok_or(whole)?;
    let header = usize::try_from(header).ok().filter(|header| *header <= payload.len());
    let header = header.ok_or((0, at, "a row's header is longer than the row"))?;
    let mut from = header;
    let mut found = Vec::new();
    while at < header {
        let (kind, length) =
            payload.get(at..header).and_then(varint).ok_or((at, header, "a type is cut off"))?;
        let size = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 => 8,
            7 | 10 | 11 => return Err((at, at + length, "a value is of no type that is used here")),
            text_or_blob => (text_or_blob - 12) / 2,
        };
        let end = usize::try_from(size).ok().and_then(|size| from.checked_add(size));
        let bytes = end.and_then(|end| payload.get(from..end));
        let bytes = bytes.ok_or((at, at + length, "a value is longer than its row"))?;
        let integer = |bytes: &[u8]| {
            let first = bytes.first().map_or(0, |byte| i64::from(byte.cast_signed()));
            bytes.iter().skip(1).fold(first, |number, byte| (number << 8) | i64::from(*byte))
        };
        let value = match kind {
            0 => Value::Null,
            8 | 9 => Value::Integer(if kind == 9 { 1 } else { 0 }),
            1..=6 => Value::Integer(integer(bytes)),
            _ if kind % 2 == 0 => Value::Blob(bytes.to_vec()),
            _ => Value::Text(bytes.to_vec()),
        };
        let place = if bytes.is_empty() { (at, at + length) } else { (from, from + bytes.len()) };
        found.push((value, place.0, place.1));
        from += bytes.len();
        at += length;
    }
    if at != header || from != payload.len() {
        return Err((from.min(payload.len()), payload.len(), "a row has bytes that belong to no value"));
    }
    Ok(found)
}
