//! The branch's HTTPS API: routes in [`router`], who asks in [`auth`], one file for each group of answers.

pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod body;
pub(crate) mod chain;
pub(crate) mod error;
pub(crate) mod many;
pub(crate) mod openapi;
pub(crate) mod patients;
pub(crate) mod records;
pub(crate) mod release;
pub(crate) mod reply;
pub(crate) mod router;
pub(crate) mod server;
pub(crate) mod sessions;
pub(crate) mod status;
pub(crate) mod stream;

use error::ApiError;

/// Runs work that reads or writes the disk, or computes for long, off the threads that serve connections.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(ApiError::internal(error)))
}
