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

    fn words(&self, currency: &str) -> String {
        let currency = if self.currency.is_empty() { currency } else { &self.currency };
        let told = |what: &str, amount: Option<Decimal>| {
            amount.map(|amount| join(" ", &[what, &amount.to_string(), currency])).unwrap_or_default()
        };
        let mut parts = vec![
            join(" ", &[&self.insurer, &self.outcome]),
            told("handed in", self.submitted),
            told("pays", self.paid),
        ];
        parts.extend(self.amounts.iter().map(|named| told(&named.label, Some(named.amount))));
        parts.push(self.id.to_string());
        join(", ", &parts.iter().map(String::as_str).collect::<Vec<_>>())
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

    fn lines(&self, lines: &mut Lines) {
        lines.add("Receipt", &self.number);
        lines.add_each("Charged", &self.lines, |line| {
            join(
                ": ",
                &[
                    &with_note(&line.description, &join(" ", &[&line.code, &line.quantity])),
                    &line.amount.map(|amount| self.with_currency(amount)).unwrap_or_default(),
                ],
            )
        });
        lines.add("Total", self.with_currency(self.total));
        let paid = self.paid.map(|paid| self.with_currency(paid)).unwrap_or_default();
        lines.add("Paid", join(", ", &[&paid, &self.method]));
        lines.add_some("Due", self.due.map(|due| self.with_currency(due)));
        lines.add_some("Due by", self.due_by.as_ref());
        lines.add("Payer", &self.payer);
        lines.add("Category", &self.category);
        lines.add_each("Insurance", &self.benefits, |benefit| benefit.words(&self.currency));
        lines.add_some("For visit", self.visit);
    }
}
