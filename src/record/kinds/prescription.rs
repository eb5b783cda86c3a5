//! A prescription: medicines ordered, each with how it is to be taken.

use crate::{
    Record, Text, When,
    body::Kind,
    check::{Checker, limits},
    choice::{choice, fields},
    page::{Cell, Mark, Page, Role, Table},
    words::join,
};

choice! {
    /// The way into the body. Shared with doses given and vaccines.
    Route {
        /// By mouth.
        Oral = "oral",
        /// Under the tongue.
        Sublingual = "sublingual",
        /// Breathed in.
        Inhaled = "inhaled",
        /// Into a vein.
        Intravenous = "intravenous",
        /// Into a muscle.
        Intramuscular = "intramuscular",
        /// Under the skin.
        Subcutaneous = "subcutaneous",
        /// On the skin.
        Topical = "topical",
        /// A patch.
        Transdermal = "transdermal",
        /// Into the rectum.
        Rectal = "rectal",
        /// Into the vagina.
        Vaginal = "vaginal",
        /// Into the eye.
        Ophthalmic = "ophthalmic",
        /// Into the ear.
        Otic = "otic",
        /// Into the nose.
        Nasal = "nasal",
        /// Another way, told in the instructions.
        Other = "other",
    }
}

fields! {
    /// Medicines ordered together.
    Prescription {
        /// The medicines, one at least.
        items: Vec<PrescriptionItem>,
        /// What they are for.
        indication: Text,
        /// The last day on which they may be dispensed.
        valid_until: Option<When>,
        /// How often it may be dispensed again.
        repeats: Option<u16>,
        /// What sort of order: "outpatient", "discharge".
        category: Text,
        /// Whether it forbids the medicines instead of ordering them.
        forbidden: bool,
    }
}

fields! {
    /// One medicine and how it is to be taken.
    PrescriptionItem {
        /// The medicine's name, generic or trade. Required.
        medicine: Text,
        /// Its code, such as ATC `C09AA05`.
        code: Text,
        /// The strength of one unit with its measure: "5 mg". Required.
        strength: Text,
        /// The form: "tablet", "drops".
        form: Text,
        /// What is taken at once: "1 tablet". Required.
        dose: Text,
        /// How often: "once a day in the morning". Required.
        frequency: Text,
        /// The way into the body. Required.
        route: Option<Route>,
        /// For how long: "14 days", "until the next visit". Required.
        duration: Text,
        /// How much to dispense: "30 tablets".
        quantity: Text,
        /// Whether it is taken only when needed.
        as_needed: bool,
        /// What else the patient must know: several lines.
        instructions: Text,
    }
}

impl PrescriptionItem {
    fn check(&self, c: &mut Checker) {
        c.required("medicine", &self.medicine, limits::NAME);
        c.line("code", &self.code, limits::CODE);
        c.required("strength", &self.strength, limits::CODE);
        c.line("form", &self.form, limits::NAME);
        c.required("dose", &self.dose, limits::LINE);
        c.required("frequency", &self.frequency, limits::LINE);
        c.chosen("route", self.route);
        c.required("duration", &self.duration, limits::LINE);
        c.line("quantity", &self.quantity, limits::LINE);
        c.prose("instructions", &self.instructions);
        let told = self.route != Some(Route::Other) || !self.instructions.is_empty();
        c.must(told, "instructions", "say which other route is meant");
    }

    /// The name; of a medicine without a strength with the dose.
    fn in_short(&self) -> String {
        let dose = if self.strength.is_empty() { self.dose.as_str() } else { "" };
        join(" ", &[&self.name(), dose])
    }

    /// "Ramipril 5 mg tablet".
    fn name(&self) -> String {
        join(" ", &[&self.medicine, &self.strength, &self.form])
    }
}

impl Kind for Prescription {
    fn check(&self, c: &mut Checker) {
        c.must(!self.items.is_empty(), "items", "add at least one medicine");
        c.each("items", &self.items, |c, item| item.check(c));
        c.line("indication", &self.indication, limits::LINE);
        c.must(
            self.repeats.is_none_or(|n| (1..=99).contains(&n)),
            "repeats",
            "give a number from 1 to 99, or none",
        );
        c.line("category", &self.category, limits::NAME);
    }

    fn summary(&self) -> String {
        let names: Vec<String> = self.items.iter().map(PrescriptionItem::in_short).collect();
        let names = join(", ", &names.iter().map(String::as_str).collect::<Vec<_>>());
        join(": ", &[if self.forbidden { "NOT TO BE GIVEN" } else { "" }, &names])
    }

    fn page(&self, _: &Record, page: &mut Page) {
        if self.forbidden {
            page.state(Mark::Alarm, "NOT TO BE GIVEN: the order forbids it.");
        }
        let mut table = Table::new([
            ("Medicine", Role::Words),
            ("Dose", Role::Words),
            ("How often", Role::Words),
            ("Route", Role::Words),
            ("For how long", Role::Words),
            ("Code", Role::Detail),
        ]);
        for item in &self.items {
            let needed = if item.as_needed { "when needed" } else { "" };
            let quantity =
                if item.quantity.is_empty() { String::new() } else { format!("Dispense {}.", item.quantity) };
            let cells = [
                Cell::or(&item.name(), "not named"),
                Cell::from(&item.dose),
                join(", ", &[&item.frequency, needed]).into(),
                Cell::of(item.route),
                Cell::from(&item.duration),
                Cell::from(&item.code),
            ];
            table.row(cells, join("\n", &[&quantity, &item.instructions]));
        }
        if self.items.is_empty() {
            page.field("Medicine", "not said");
        }
        page.table(table);
        page.section("");
        page.field("For", &self.indication);
        page.field_of("Repeats", self.repeats);
        page.field_of("Valid until", self.valid_until.as_ref().map(When::words));
        page.field("Category", &self.category);
    }
}
