//! Small helpers that keep the statements of this room short. Knows no table.

use rusqlite::{Connection, OptionalExtension, Params, Row};
use wardline_crypto::Digest;

use crate::error::{Result, StoreError};

/// Runs a cached statement; the number of rows changed.
pub(crate) fn execute(connection: &Connection, sql: &str, params: impl Params) -> Result<usize> {
    Ok(connection.prepare_cached(sql)?.execute(params)?)
}

/// The one row of a cached query, or nothing.
pub(crate) fn one<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>> {
    Ok(connection.prepare_cached(sql)?.query_row(params, read).optional()?)
}

/// All rows of a cached query.
pub(crate) fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    Ok(connection.prepare_cached(sql)?.query_map(params, read)?.collect::<rusqlite::Result<_>>()?)
}

/// A number as SQLite holds it: 63 bits and a sign.
pub(crate) fn integer(number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|_| StoreError::Damaged("a number beyond 2^63"))
}

/// A stored number, which is never negative.
pub(crate) fn natural(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(|_| StoreError::Damaged("a negative number"))
}

/// A stored digest.
pub(crate) fn digest(bytes: [u8; 32]) -> Digest {
    Digest::from_bytes(bytes)
}
