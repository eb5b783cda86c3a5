//! One mapping of every refusal to its HTTP status and problem. A message never holds patient data, search terms, key
//! material or the values that were sent.

use axum::{
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use std::borrow::Cow;
use wardline_crypto::{Entropy, OsEntropy};
use wardline_ledger::{Chain, GrantError};
use wardline_policy::Decision;
use wardline_store::StoreError;
use wardline_wire::Problem;

/// Why a request is not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("there is no such route here")]
    NoRoute,
    #[error("the route does not take this method")]
    Method,
    #[error("the body is larger than `{limit}` bytes")]
    TooLarge { limit: usize },
    #[error("the body did not arrive in time")]
    BodyTimeout,
    #[error("the body broke off")]
    BodyBroken,
    #[error("the body is not the expected JSON at `{path}`: {what}")]
    BadJson { path: String, what: &'static str },
    #[error("the `{0}` in the path is not valid")]
    BadPath(&'static str),
    #[error("the query is not valid: see the API description for its names and units")]
    BadQuery,
    #[error("`{field}` is not valid: {reason}")]
    BadField { field: &'static str, reason: Cow<'static, str> },
    #[error("the request needs the header `{0}`: unlock a session first")]
    Unsigned(&'static str),
    #[error("the header `{0}` is not valid")]
    BadHeader(&'static str),
    #[error("{0}")]
    Session(#[from] GrantError),
    #[error("this member of staff is not registered at this branch's height")]
    UnknownStaff,
    #[error("the request is not signed by the session key for this branch and this start of it")]
    BadSignature,
    #[error("a request with this number was answered already, or is too old: send it with a new number")]
    Replayed,
    #[error(
        "you have too many running sessions at this branch: go on with one of them, or wait until some are over"
    )]
    TooManySessions,
    #[error("{0}")]
    Forbidden(Decision),
    #[error("{message}")]
    Denied { code: &'static str, message: &'static str },
    #[error("this branch is behind: its {chain} chain is at height `{height}`, ask another branch or wait")]
    Behind { chain: Chain, height: u64 },
    #[error(
        "this branch has not heard lately from enough branches that it is up to date, so it releases nothing"
    )]
    NotFresh,
    #[error("{0}")]
    NotFound(&'static str),
    #[error("something else is kept under this identifier")]
    Conflict,
    #[error("{message}")]
    Ledger { code: String, message: String },
    #[error("this branch is busy: try again in some seconds")]
    Busy,
    #[error("this branch cannot write to its disk and has stopped: call the branch's operator")]
    Stopped,
    #[error("something went wrong at this branch: its log has more under this number")]
    Internal { detail: String },
}

impl ApiError {
    /// An unexpected failure; the detail goes to the log alone.
    pub fn internal(detail: impl ToString) -> Self {
        Self::Internal { detail: detail.to_string() }
    }

    /// What the log may say of it.
    pub fn detail(&self) -> String {
        match self {
            Self::Internal { detail } => detail.clone(),
            other => other.to_string(),
        }
    }

    fn status_and_code(&self) -> (StatusCode, &str) {
        match self {
            Self::NoRoute => (StatusCode::NOT_FOUND, "no_route"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, "timeout"),
            Self::BodyBroken => (StatusCode::BAD_REQUEST, "body"),
            Self::BadJson { .. } => (StatusCode::BAD_REQUEST, "json"),
            Self::BadPath(_) => (StatusCode::BAD_REQUEST, "path"),
            Self::BadQuery => (StatusCode::BAD_REQUEST, "query"),
            Self::BadField { .. } => (StatusCode::BAD_REQUEST, "field"),
            Self::Unsigned(_) => (StatusCode::UNAUTHORIZED, "unsigned"),
            Self::BadHeader(_) => (StatusCode::UNAUTHORIZED, "header"),
            Self::Session(_) => (StatusCode::UNAUTHORIZED, "session"),
            Self::UnknownStaff => (StatusCode::UNAUTHORIZED, "unknown_staff"),
            Self::BadSignature => (StatusCode::UNAUTHORIZED, "signature"),
            Self::Replayed => (StatusCode::UNAUTHORIZED, "replayed"),
            Self::TooManySessions => (StatusCode::TOO_MANY_REQUESTS, "sessions"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::Denied { code, .. } => (StatusCode::FORBIDDEN, code),
            Self::Behind { .. } => (StatusCode::CONFLICT, "behind"),
            Self::NotFresh => (StatusCode::SERVICE_UNAVAILABLE, "not_fresh"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict"),
            Self::Ledger { code, .. } => (StatusCode::UNPROCESSABLE_ENTITY, code),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Self::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "stopped"),
            Self::Internal { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::OtherEnvelope => Self::Conflict,
            StoreError::Poisoned { .. } => Self::Stopped,
            other => Self::internal(other),
        }
    }
}

impl ApiError {
    /// What the asker is told; the log is told too.
    pub fn problem(&self) -> Problem {
        let id = problem_id();
        let (status, code) = self.status_and_code();
        match self {
            Self::Internal { detail } => tracing::error!(problem = id, code, detail, "request failed"),
            _ => tracing::info!(problem = id, code, status = status.as_u16(), "request refused"),
        }
        Problem { code: code.to_owned(), message: self.to_string(), id }
    }
}

impl ApiError {
    /// Status and body of the answer.
    pub fn into_parts(self) -> (StatusCode, Bytes) {
        // A problem has texts alone, which always can be written.
        (self.status_and_code().0, serde_json::to_vec(&self.problem()).unwrap_or_default().into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, bytes) = self.into_parts();
        (status, [(CONTENT_TYPE, "application/json")], bytes).into_response()
    }
}

fn problem_id() -> String {
    let mut bytes = [0; 8];
    OsEntropy.fill(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}
