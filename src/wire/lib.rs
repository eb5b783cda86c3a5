//! Request and reply shapes shared by node and client, and the one page of routes.
//!
//! Bodies are JSON. Whatever is signed or hashed travels as its canonical bytes in unpadded base64url, so that
//! both sides hash the same spelling; identifiers travel as lower-case hexadecimal. This room knows no socket.

mod audit;
mod encoding;
pub mod evidence;
mod objects;
mod request;
mod route;
mod shapes;

pub use audit::{AUDIT_VERSION, AuditEntry, AuditObject, AuditOutcome};
pub use encoding::{Base64, text};
pub use objects::parse;
pub use request::{BootNonce, RequestLine, header_name};
pub use route::{Access, Method, ROUTES, Route, RouteId};
pub use shapes::*;
