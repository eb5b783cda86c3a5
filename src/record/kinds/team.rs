//! Who took part in a visit, a stay or an operation, besides the practitioner of the record.

use crate::{
    Text,
    check::{Checker, limits},
    choice::fields,
    page::{Cell, Page, Role, Table},
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

    pub(crate) fn table(team: &[Self], page: &mut Page) {
        let mut table = Table::new([("Team", Role::Words), ("Name", Role::Words)]);
        for member in team {
            table.row([Cell::from(&member.role), Cell::from(&member.name)], "");
        }
        page.table(table);
    }
}
