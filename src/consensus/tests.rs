//! Tests of the room: the certificate's bytes, whole networks in simulated time, and one real one.

mod certificate;
mod ledger;
mod real;
mod simulated;
