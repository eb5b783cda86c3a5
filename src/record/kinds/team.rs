//! Who took part in a visit, a stay or an operation, besides the practitioner of the record.

use crate::{
    Text,
    check::{Checker, limits},
    choice::fields,
    lines::join,
};

fields! {
    /// Somebody who took part.
    TeamMember {
        /// As what: "first assistant". Required.
        role: Text,
        /// The name. Required.
        name: Text,
    }
}

impl TeamMember {
    pub(crate) fn check(&self, c: &mut Checker) {
        c.required("role", &self.role, limits::NAME);
        c.required("name", &self.name, limits::NAME);
    }

    /// "first assistant: Dr. Kim".
    pub(crate) fn words(&self) -> String {
        join(": ", &[&self.role, &self.name])
    }
}
