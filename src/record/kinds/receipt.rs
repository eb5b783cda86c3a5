//! A receipt: what was charged, exactly, what was paid and what is due.

use crate::{
    Decimal, RecordRef, Text, When,
    body::Kind,
    check::{Checker, limits},
    choice::fields,
    lines::{Lines, join, with_note},
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
        /// What was paid so far.
        paid: Decimal,
        /// What is still due: total minus paid. Below zero when too much was paid.
        due: Decimal,
        /// How it was paid: "cash", "card", "insurance".
        method: Text,
        /// The day by which the rest is to be paid.
        due_by: Option<When>,
        /// Who pays, if not the patient.
        payer: Text,
        /// The record of the visit that it is for.
        visit: Option<RecordRef>,
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
        /// The amount for all of the quantity; below zero for a reduction.
        amount: Decimal,
    }
}

impl ReceiptLine {
    fn check(&self, c: &mut Checker) {
        c.required("description", &self.description, limits::LINE);
        c.line("code", &self.code, limits::CODE);
        c.line("quantity", &self.quantity, limits::CODE);
    }
}

impl Receipt {
    /// The exact sum of the lines, for a form that fills in the total; nothing when it has too many digits.
    pub fn sum(&self) -> Option<Decimal> {
        Decimal::sum(self.lines.iter().map(|line| line.amount))
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
            c.must(line.amount.scale() == digits, "amount", &coins);
        });
        for (field, amount) in [("total", self.total), ("paid", self.paid), ("due", self.due)] {
            c.must(amount.scale() == digits, field, &coins);
        }
        let same = |sum: Option<Decimal>| sum.is_some_and(|sum| sum.compare(self.total) == Ordering::Equal);
        c.must(same(self.sum()), "total", "make the total the exact sum of the lines");
        c.must(!self.paid.is_negative(), "paid", "give what was paid as zero or more");
        c.must(same(self.paid.plus(self.due)), "due", "make paid and due together the total");
        c.line("method", &self.method, limits::NAME);
        c.line("payer", &self.payer, limits::NAME);
    }

    fn summary(&self) -> String {
        let due = if self.due.compare(Decimal::ZERO) == Ordering::Equal {
            "paid".to_owned()
        } else {
            format!("{} due", self.with_currency(self.due))
        };
        join(", ", &[&format!("{}: {}", self.number, self.with_currency(self.total)), &due])
    }

    fn lines(&self, lines: &mut Lines) {
        lines.add("Receipt", &self.number);
        lines.add_each("Charged", &self.lines, |line| {
            join(
                ": ",
                &[
                    &with_note(&line.description, &join(" ", &[&line.code, &line.quantity])),
                    &self.with_currency(line.amount),
                ],
            )
        });
        lines.add("Total", self.with_currency(self.total));
        lines.add("Paid", join(", ", &[&self.with_currency(self.paid), &self.method]));
        lines.add("Due", self.with_currency(self.due));
        lines.add_some("Due by", self.due_by.as_ref());
        lines.add("Payer", &self.payer);
        lines.add_some("For visit", self.visit);
    }
}
