//! Request bodies: read within limits of size, time and memory, and decoded strictly.

use super::error::ApiError;
use crate::{branch::Branch, settings::Limits};
use axum::{
    body::Body,
    http::{HeaderMap, Uri, header::CONTENT_LENGTH},
};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};

/// Bytes of one permit of a [`BodyRoom`].
const UNIT: usize = 1024;
/// Longer bodies are large: sealed records, and lists of them.
const LARGE: usize = 1024 * 1024;

/// Room in memory for request bodies. Large ones wait for each other, so that many at once need no more memory than
/// one after the other; everything else has room of its own, so that no upload, however slow, holds up a search.
pub(crate) struct BodyRoom {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    patience: Duration,
}

impl BodyRoom {
    /// Room as the limits say.
    pub fn new(limits: &Limits) -> Self {
        let room = |bytes: usize| Arc::new(Semaphore::new(bytes.div_ceil(UNIT)));
        Self {
            small: room(limits.small_body_bytes),
            large: room(limits.large_body_bytes),
            patience: limits.body_room,
        }
    }

    /// Room for a body of at most `bytes`, in turn.
    async fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
        let room = if bytes > LARGE { &self.large } else { &self.small };
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        match timeout(self.patience, Arc::clone(room).acquire_many_owned(units)).await {
            Ok(Ok(room)) => Ok(room),
            _ => Err(ApiError::Busy),
        }
    }
}

/// A body, with its room in memory reserved until it is dropped.
pub(crate) struct Received {
    pub bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

/// Refuses a body by its announced length, before anything is read.
pub(crate) fn check_length(headers: &HeaderMap, limit: usize) -> Result<(), ApiError> {
    match headers
        .get(CONTENT_LENGTH)
        .map(|value| value.to_str().ok().and_then(|text| text.parse::<usize>().ok()))
    {
        None => Ok(()),
        Some(Some(length)) if length <= limit => Ok(()),
        Some(_) => Err(ApiError::TooLarge { limit }),
    }
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn receive(
    branch: &Branch,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<Received, ApiError> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let room = branch.bodies.take(announced.unwrap_or(limit).min(limit)).await?;

    let deadline = Instant::now() + branch.limits.body;
    let mut body = Limited::new(body, limit);
    let mut bytes = Vec::with_capacity(announced.unwrap_or(0).min(limit));
    loop {
        let part = timeout(branch.limits.body_part, body.frame());
        let Ok(Ok(part)) = timeout_at(deadline, part).await else { return Err(ApiError::BodyTimeout) };
        let Some(part) = part else { break };
        let part = part.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                ApiError::TooLarge { limit }
            } else {
                ApiError::BodyBroken
            }
        })?;
        if let Ok(data) = part.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    Ok(Received { bytes: bytes.into(), _room: room })
}

/// Decodes a JSON body. The refusal names the place, never a value.
pub(crate) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| ApiError::BadJson {
        path: place(&error.path().to_string()),
        what: match error.inner().classify() {
            serde_json::error::Category::Eof => "it ends too early",
            serde_json::error::Category::Syntax => "it is not JSON",
            serde_json::error::Category::Data => "a field is missing or of the wrong type",
            serde_json::error::Category::Io => "it could not be read",
        },
    })?;
    json.end().map_err(|_| ApiError::BadJson { path: ".".to_owned(), what: "something follows it" })?;
    Ok(value)
}

/// Field names come from the sender too: only plain ones are repeated.
fn place(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._[]".contains(c);
    path.chars().take(100).map(|c| if plain(c) { c } else { '?' }).collect()
}

/// Decodes the query part of the address.
pub(crate) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, ApiError> {
    axum::extract::Query::try_from_uri(uri)
        .map(|axum::extract::Query(query)| query)
        .map_err(|_| ApiError::BadQuery)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Outer {
        #[expect(dead_code, reason = "only decoding is tested")]
        list: Vec<Inner>,
    }
    #[derive(Debug, serde::Deserialize)]
    struct Inner {
        #[expect(dead_code, reason = "only decoding is tested")]
        number: u32,
    }

    #[test]
    fn a_refusal_names_the_place_and_never_the_value() {
        let refused = |text: &str| json::<Outer>(text.as_bytes()).unwrap_err().to_string();
        let wrong_type = refused(r#"{"list":[{"number":1},{"number":"Mei Chen"}]}"#);
        assert!(wrong_type.contains("`list[1].number`"), "{wrong_type}");
        assert!(!wrong_type.contains("Mei"), "{wrong_type}");
        assert!(refused(r#"{"list":[{}]}"#).contains("`list[0]"));
        assert!(refused(r#"{"list":"#).contains("too early"));
        assert!(refused(r#"{"list":[]} {}"#).contains("follows"));
        assert!(!refused(r#"{"list":[]} Mei"#).contains("Mei"));
        assert!(json::<Outer>(br#"{"list":[]}"#).is_ok());
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        json::<serde_json::Value>(deep.as_bytes()).unwrap_err();
    }

    #[test]
    fn names_from_the_sender_are_not_repeated_raw() {
        assert_eq!(place("a[0].b_c"), "a[0].b_c");
        assert_eq!(place("x\u{1b}[2Jy z"), "x?[2Jy?z");
    }
}
