//! The branch's audit log, for those who may read it.

use super::{auth::Caller, blocking, error::ApiError};
use crate::branch::Branch;
use std::sync::Arc;
use wardline_wire::{AuditLog, AuditQuery};

/// Most entries in one answer.
const ENTRIES_MAX: u64 = 512;

pub(crate) async fn log(branch: Arc<Branch>, _: Caller, query: AuditQuery) -> Result<AuditLog, ApiError> {
    blocking(move || {
        let limit = usize::try_from(query.limit.min(ENTRIES_MAX)).map_err(ApiError::internal)?;
        // The root first: entries that come between are then past its size, and not before it.
        let (size, root) = branch.vault.audit_root()?;
        let entries = branch.vault.audit(query.from, limit)?;
        let entries = entries.into_iter().filter(|(number, _)| *number < size).map(|(_, entry)| entry.into());
        Ok(AuditLog { size, root, entries: entries.collect() })
    })
    .await
}
