//! A receipt: what was charged, exactly, what was paid and what is due.

use crate::{
    Decimal, Record, RecordRef, Text, When,
    body::Kind,
    check::{Checker, limits},
    choice::fields,
    page::{Cell, Mark, Page, Role, Table},
    words::{join, with_note},
};
use std::cmp::Ordering;

fields! {
    /// A bill with what was paid of it. All amounts are in the one currency and as precise as its smallest coin.
    Receipt {
        /// The receipt's number at the branch. Required.
        number: Text,
        /// The currency: three capital letters of ISO 4217, such as `EUR`. Required.
        currency: Text,
        /// What was charged, one line at least.
        lines: Vec<ReceiptLine>,
        /// The exact sum of the lines.
        total: Decimal,
        /// What was paid so far. Required.
        paid: Option<Decimal>,
        /// What is still due: total minus paid. Below zero when too much was paid. Required.
        due: Option<Decimal>,
        /// How it was paid: "cash", "card", "insurance".
        method: Text,
        /// The day by which the rest is to be paid.
        due_by: Option<When>,
        /// Who pays, if not the patient.
        payer: Text,
        /// The record of the visit that it is for.
        visit: Option<RecordRef>,
        /// What sort of bill: "institutional", "pharmacy".
        category: Text,
        /// What insurers decided on it.
        benefits: Vec<Benefit>,
    }
}

fields! {
    /// One thing charged.
    ReceiptLine {
        /// What it is. Required.
        description: Text,
        /// Its code in the tariff.
        code: Text,
        /// How much of it: "2 x", "3 nights".
        quantity: Text,
        /// The amount for all of the quantity; below zero for a reduction. Required.
        amount: Option<Decimal>,
    }
}

fields! {
    /// An insurer's decision on the bill.
    Benefit {
        /// The insurer's own number of the decision.
        id: Text,
        /// Who decided.
        insurer: Text,
        /// What was decided, in the word of the source.
        outcome: Text,
        /// The amount that was handed in.
        submitted: Option<Decimal>,
        /// The amount that the insurer pays.
        paid: Option<Decimal>,
        /// The currency, where it is not the receipt's.
        currency: Text,
        /// Further amounts, each with what it is.
        amounts: Vec<NamedAmount>,
    }
}

fields! {
    /// An amount and what it is.
    NamedAmount {
        /// What it is: "deductible".
        label: Text,
        /// How much.
        amount: Decimal,
    }
}

impl Benefit {
    fn check(&self, c: &mut Checker) {
        c.line("id", &self.id, limits::LINE);
        c.line("insurer", &self.insurer, limits::NAME);
        c.line("outcome", &self.outcome, limits::NAME);
        c.line("currency", &self.currency, limits::CODE);
        c.each("amounts", &self.amounts, |c, named| c.required("label", &named.label, limits::LINE));
    }

    /// Its amounts in the currency that they are in.
    fn table(&self, currency: &str, page: &mut Page) {
        let currency = if self.currency.is_empty() { currency } else { &self.currency };
        let decided = join(": ", &[&join(", ", &["Insurance", &self.insurer]), &self.outcome]);
        let mut table = amounts(&decided, currency);
        let mut told = |what: &str, amount: Option<Decimal>| {
            if amount.is_some() {
                table.row([what.into(), Cell::default(), Cell::of(amount)], "");
            }
        };
        told("Handed in", self.submitted);
        told("Paid by the insurer", self.paid);
        for named in &self.amounts {
            told(&named.label, Some(named.amount));
        }
        if table.rows.is_empty() {
            page.field("Insurance", join(": ", &[&self.insurer, &self.outcome]));
        }
        page.table(table);
        page.field("Decision", &self.id);
    }
}

/// An empty table of amounts in a currency.
fn amounts(title: &str, currency: &str) -> Table {
    let amount = join(" ", &["Amount", currency]);
    Table::new([(title, Role::Words), ("Quantity", Role::Words), (&amount, Role::Number)])
}

impl ReceiptLine {
    fn check(&self, c: &mut Checker) {
        c.required("description", &self.description, limits::LINE);
        c.line("code", &self.code, limits::CODE);
        c.line("quantity", &self.quantity, limits::CODE);
    }
}

impl Receipt {
    /// The exact sum of the lines, for a form that fills in the total; nothing when one has no amount or the sum too
    /// many digits.
    pub fn sum(&self) -> Option<Decimal> {
        Decimal::sum(self.lines.iter().map(|line| line.amount).collect::<Option<Vec<_>>>()?)
    }

    /// Digits after the point in the currency (ISO 4217); two where this build does not know better.
    pub fn currency_digits(&self) -> u8 {
        match self.currency.as_str() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND"
            | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            _ => 2,
        }
    }

    fn with_currency(&self, amount: Decimal) -> String {
        join(" ", &[&amount.to_string(), &self.currency])
    }
}

impl Kind for Receipt {
    fn check(&self, c: &mut Checker) {
        c.required("number", &self.number, limits::CODE);
        let code = self.currency.len() == 3 && self.currency.bytes().all(|b| b.is_ascii_uppercase());
        c.must(code, "currency", "give the currency as three capital letters, such as EUR");
        c.must(!self.lines.is_empty(), "lines", "add at least one line");
        let digits = self.currency_digits();
        let coins = format!("give the amount with {digits} digits after the point");
        c.each("lines", &self.lines, |c, line| {
            line.check(c);
            c.must(line.amount.is_some_and(|amount| amount.scale() == digits), "amount", &coins);
        });
        for (field, amount) in [("total", Some(self.total)), ("paid", self.paid), ("due", self.due)] {
            c.must(amount.is_some_and(|amount| amount.scale() == digits), field, &coins);
        }
        let same = |sum: Option<Decimal>| sum.is_some_and(|sum| sum.compare(self.total) == Ordering::Equal);
        c.must(same(self.sum()), "total", "make the total the exact sum of the lines");
        c.must(!self.paid.is_some_and(Decimal::is_negative), "paid", "give what was paid as zero or more");
        c.must(
            same(self.paid.zip(self.due).and_then(|(paid, due)| paid.plus(due))),
            "due",
            "make paid and due together the total",
        );
        c.line("method", &self.method, limits::NAME);
        c.line("payer", &self.payer, limits::NAME);
        c.line("category", &self.category, limits::NAME);
        c.each("benefits", &self.benefits, |c, benefit| benefit.check(c));
    }

    fn summary(&self) -> String {
        let due = match self.due {
            None => String::new(),
            Some(due) if due.compare(Decimal::ZERO) == Ordering::Equal => "paid".to_owned(),
            Some(due) => format!("{} due", self.with_currency(due)),
        };
        join(", ", &[&join(": ", &[&self.number, &self.with_currency(self.total)]), &due])
    }

    fn page(&self, _: &Record, page: &mut Page) {
        match self.due {
            Some(due) if due.is_negative() => {
                page.state(Mark::Warning, format!("Paid too much: {} due.", self.with_currency(due)));
            }
            Some(due) if due.compare(Decimal::ZERO) == Ordering::Greater => {
                let by = self.due_by.as_ref().map(|by| format!(" by {}", by.words())).unwrap_or_default();
                page.state(Mark::Warning, format!("{} due{by}.", self.with_currency(due)));
            }
            _ => {}
        }
        page.field("Receipt", &self.number);
        page.field("Category", &self.category);
        page.field("Payer", &self.payer);
        let mut table = amounts("Charged", &self.currency);
        for line in &self.lines {
            let amount = line.amount.map_or_else(|| Cell::from("not given"), Cell::from);
            table.row(
                [
                    Cell::or(&with_note(&line.description, &line.code), "not described"),
                    Cell::from(&line.quantity),
                    amount,
                ],
                "",
            );
        }
        let mut total = |what: String, amount: Decimal| {
            let mark = |cell: Cell| cell.marked(Mark::Strong);
            table.total([mark(what.into()), Cell::default(), mark(amount.into())]);
        };
        total("Total".to_owned(), self.total);
        if let Some(paid) = self.paid {
            total(join(", ", &["Paid", &self.method]), paid);
        }
        if let Some(due) = self.due {
            total("Due".to_owned(), due);
        }
        page.table(table);
        if self.paid.is_none() {
            page.field("Paid", join(", ", &["not recorded", &self.method]));
        }
        for benefit in &self.benefits {
            page.section("");
            benefit.table(&self.currency, page);
        }
        page.section("");
        page.field_of("For visit", self.visit);
    }
}
