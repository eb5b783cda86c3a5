//! Who may do what: request and facts in, decision and reasons out.
//!
//! Pure: no clock, no storage, no session. It must not know how a request arrived or who the person is beyond the
//! roles that the registry gives. The node asks here for every route, the ledger for every transaction, the console
//! before it offers an action, so that all three say the same.

mod closed;
mod decision;
mod kind;
mod operation;
mod purpose;
mod role;
mod table;

pub use closed::UnknownName;
pub use decision::{Decision, Reason, Request, decide};
pub use kind::RecordKind;
pub use operation::Operation;
pub use purpose::Purpose;
pub use role::{Role, Roles, UnknownRoleBits};
pub use table::{Kinds, Reach, RoleRules, TABLE_VERSION, table};

#[cfg(test)]
mod tests;
