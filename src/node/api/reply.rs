//! Answers as they go out: each one to a signed request carries the branch's signature over it.
//!
//! It must not know what an answer says.

use super::{blocking, error::ApiError};
use crate::branch::Branch;
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Serialize;
use wardline_crypto::Digest;
use wardline_ledger::{Answer, Canonical, SignedAnswer};
use wardline_wire::{Base64, header_name};

/// What a handler gives.
pub(crate) enum Reply {
    /// JSON, and its digest.
    Whole { bytes: Bytes, digest: Digest },
    /// Lines that sign themselves.
    Lines(Body),
}

impl Reply {
    /// An answer as JSON; some have many megabytes, so none is written or hashed on a thread that serves connections.
    pub async fn json(answer: impl Serialize + Send + 'static) -> Result<Self, ApiError> {
        blocking(move || {
            let bytes = serde_json::to_vec(&answer).map_err(ApiError::internal)?;
            Ok(Self::Whole { digest: Digest::of(&bytes), bytes: bytes.into() })
        })
        .await
    }
}

/// The response to a request whose signed line has this digest; nothing signs the answers of public routes.
pub(crate) fn respond(branch: &Branch, request: Option<Digest>, reply: Result<Reply, ApiError>) -> Response {
    let (status, bytes, digest) = match reply {
        Ok(Reply::Lines(lines)) => {
            return ([(header::CONTENT_TYPE, "application/jsonl")], lines).into_response();
        }
        Ok(Reply::Whole { bytes, digest }) => (StatusCode::OK, bytes, digest),
        Err(refused) => {
            let (status, bytes) = refused.into_parts();
            let digest = Digest::of(&bytes);
            (status, bytes, digest)
        }
    };
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], bytes).into_response();
    if let Some(request) = request
        && let Ok(signed) = HeaderValue::try_from(sign(branch, request, 0, status, digest))
    {
        response.headers_mut().insert(header_name::ANSWER, signed);
    }
    response
}

/// The branch's signature under an answer, or under an item of one, as text.
pub(crate) fn sign(branch: &Branch, request: Digest, part: u32, status: StatusCode, body: Digest) -> String {
    let answer = Answer {
        network: branch.network,
        branch: branch.id,
        request,
        part,
        status: status.as_u16(),
        body,
        time_s: branch.clock.now_s(),
    };
    Base64::from(SignedAnswer::sign(&branch.signing, answer).encode()).to_string()
}
