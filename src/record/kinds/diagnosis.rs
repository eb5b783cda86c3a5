//! A diagnosis as visits and hospital stays list it.

use crate::{
    Text,
    check::{Checker, limits},
    choice::{choice, fields},
    page::{Cell, Mark, Page, Role, Table},
    words::with_note,
};

choice! {
    /// Its place among the diagnoses of a visit or stay.
    DiagnosisRank {
        /// The main one: one at most.
        Primary = "primary",
        /// Another one.
        Secondary = "secondary",
        /// Suspected, not confirmed.
        Suspected = "suspected",
    }
}

fields! {
    /// A diagnosis in words, with its code where one is used.
    Diagnosis {
        /// The diagnosis in words.
        text: Text,
        /// Its code, such as ICD-10 `I10`.
        code: Text,
        /// Its place.
        rank: Option<DiagnosisRank>,
    }
}

impl Diagnosis {
    pub(crate) fn check(&self, c: &mut Checker) {
        c.required("text", &self.text, limits::LINE);
        c.line("code", &self.code, limits::CODE);
    }

    pub(crate) fn check_all(c: &mut Checker, diagnoses: &[Self]) {
        c.each("diagnoses", diagnoses, |c, diagnosis| diagnosis.check(c));
        let primary = diagnoses.iter().filter(|d| d.rank == Some(DiagnosisRank::Primary)).count();
        c.must(primary <= 1, "diagnoses", "make one of them the primary diagnosis, not several");
    }

    /// "hypertension (I10)", with "suspected" before it where it is.
    pub(crate) fn words(&self) -> String {
        let words = with_note(&self.text, &self.code);
        match self.rank {
            Some(DiagnosisRank::Suspected) => format!("suspected {words}"),
            _ => words,
        }
    }

    pub(crate) fn table(diagnoses: &[Self], page: &mut Page) {
        let mut table =
            Table::new([("Diagnosis", Role::Words), ("Code", Role::Words), ("Rank", Role::Words)]);
        for diagnosis in diagnoses {
            let suspected = diagnosis.rank == Some(DiagnosisRank::Suspected);
            let rank = Cell::of(diagnosis.rank);
            let cells = [
                Cell::or(&diagnosis.text, "not described"),
                Cell::from(&diagnosis.code),
                if suspected { Cell::from("SUSPECTED").marked(Mark::Warning) } else { rank },
            ];
            table.row(cells, "");
        }
        page.table(table);
    }

    /// The primary diagnosis, else the first.
    pub(crate) fn leading(diagnoses: &[Self]) -> String {
        let primary = diagnoses.iter().find(|d| d.rank == Some(DiagnosisRank::Primary));
        primary.or(diagnoses.first()).map(Self::words).unwrap_or_default()
    }
}
