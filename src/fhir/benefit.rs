//! Explanations of benefit → what insurers decided on a receipt, each amount with what it is.
//!
//! It must not know what a claim says.

use crate::{
    Refusal,
    bundle::{Context, Resource},
    draft::Draft,
    json::Node,
    read,
    value::{labelled, money, number},
};
use std::collections::BTreeMap;
use wardline_record::{Benefit, Decimal, NamedAmount, Text, When};

/// What an insurer decided on a claim; the explanation of benefit itself where its claim is not there.
///
/// # Errors
/// When an amount cannot be kept exactly.
pub(crate) fn benefit(
    cx: &Context<'_>,
    claim: &Resource<'_>,
    r: &Resource<'_>,
    draft: &mut Draft<'_>,
    currency: &mut Text,
) -> Result<Benefit, Refusal> {
    let node = &r.node;
    let numbers: Vec<&str> =
        node.list("identifier").iter().filter_map(|number| number.str("value")).collect();
    let insurer = node.get("insurer").map(|insurer| {
        let shown = read::line_at(insurer, "display");
        if shown.is_empty() { read::name_at(cx, r, insurer) } else { shown }
    });
    let mut amounts = Amounts { r, currency: String::new(), named: Vec::new(), told: Vec::new() };
    let mut submitted = None;
    for total in node.list("total") {
        let label = total.get("category").map(Category::read).unwrap_or_default();
        if label.is_submitted && submitted.is_none() {
            submitted = amounts.main(total, "submitted")?;
        } else {
            amounts.named(total, "amount", &label.words)?;
        }
    }
    let mut paid = None;
    if let Some(payment) = node.get("payment") {
        paid = amounts.main(payment, "paid")?;
        amounts.named(payment, "adjustment", "payment adjustment")?;
        draft.remark("Reason for the adjustment", &read::words_at(payment, "adjustmentReason"));
        let date = read::when_at(payment, "date")?;
        draft.remark("Paid on", date.as_ref().map(When::as_str).unwrap_or_default());
        draft.remark("Payment", &read::words_at(payment, "type"));
    }
    amounts.adjudications(node, "")?;
    let claimed = if claim.position == r.position { BTreeMap::new() } else { by_sequence(claim) };
    for (at, item) in node.list("item").iter().enumerate() {
        let line = item.decimal("sequence").map_or_else(|| (at + 1).to_string(), str::to_owned);
        let net = claimed.get(line.as_str()).and_then(|claimed| claimed.get("net"));
        let line = format!("line {line}");
        amounts.adjudications(item, &line)?;
        if claim.position == r.position || net == item.get("net") {
            // The receipt's own line says it.
            item.skip("net");
        } else {
            amounts.named(item, "net", &labelled(&line, "net"))?;
        }
    }
    for added in node.list("addItem") {
        let what = read::join(" ", &["added", &read::words_at(added, "productOrService")]);
        amounts.named(added, "net", &what)?;
        amounts.adjudications(added, &what)?;
    }
    let Amounts { currency: own, named, told, .. } = amounts;
    for told in told {
        draft.note(told);
    }
    if currency.is_empty() {
        *currency = Text::from(own.as_str());
    }
    Ok(Benefit {
        id: Text::from(if numbers.is_empty() { r.id.clone() } else { numbers.join(", ") }),
        insurer: insurer.unwrap_or_default(),
        outcome: Text::from(read::join(
            ", ",
            &[node.str("outcome").unwrap_or_default(), node.str("disposition").unwrap_or_default()],
        )),
        submitted,
        paid,
        currency: Text::from(if own == currency.as_str() { "" } else { &own }),
        amounts: named,
    })
}

/// The items of a claim by their numbers; the first of several with the same.
pub(crate) fn by_sequence<'n, 'a>(claim: &'n Resource<'a>) -> BTreeMap<&'n str, &'n Node<'a>> {
    let mut items = BTreeMap::new();
    for item in claim.node.list("item") {
        if let Some(number) = item.decimal("sequence") {
            items.entry(number).or_insert(item);
        }
    }
    items
}

/// The amounts of one explanation of benefit.
struct Amounts<'n> {
    r: &'n Resource<'n>,
    /// The currency of its first amount: that of all that say no other.
    currency: String,
    named: Vec<NamedAmount>,
    /// Decisions without an amount.
    told: Vec<String>,
}

impl Amounts<'_> {
    /// An amount of money, and its currency where that is another one than the benefit's.
    fn read(&mut self, parent: &Node<'_>, member: &str) -> Result<Option<(Decimal, String)>, Refusal> {
        let Some((amount, currency)) = money(self.r, parent, member)? else { return Ok(None) };
        if self.currency.is_empty() {
            self.currency.clone_from(&currency);
        }
        Ok(Some((amount, if currency == self.currency { String::new() } else { currency })))
    }

    /// One of the main amounts; among the named ones when it is in another currency.
    fn main(&mut self, parent: &Node<'_>, label: &str) -> Result<Option<Decimal>, Refusal> {
        match self.read(parent, "amount")? {
            Some((amount, foreign)) if foreign.is_empty() => Ok(Some(amount)),
            Some((amount, foreign)) => {
                self.push(label, amount, &foreign);
                Ok(None)
            }
            None => Ok(None),
        }
    }

    fn named(&mut self, parent: &Node<'_>, member: &str, label: &str) -> Result<(), Refusal> {
        if let Some((amount, foreign)) = self.read(parent, member)? {
            self.push(label, amount, &foreign);
        }
        Ok(())
    }

    fn push(&mut self, label: &str, amount: Decimal, foreign: &str) {
        let foreign = if foreign.is_empty() { String::new() } else { format!("in {foreign}") };
        self.named.push(NamedAmount { label: Text::from(read::join(" ", &[label, &foreign])), amount });
    }

    /// The decisions on the whole or on one line.
    fn adjudications(&mut self, of: &Node<'_>, line: &str) -> Result<(), Refusal> {
        for each in of.list("adjudication") {
            let category = each.get("category").map(Category::read).unwrap_or_default();
            let reason = read::words_at(each, "reason");
            let value = each.get("value").map(number).unwrap_or_default();
            let decided = read::join(", ", &[&reason, &value]);
            let words = read::join(", ", &[&category.words, &decided]);
            let label = if line.is_empty() { words } else { labelled(line, &words) };
            if each.get("amount").is_some() {
                self.named(each, "amount", &label)?;
            } else if !decided.is_empty() {
                // A category alone decides nothing; a denial has a reason and no amount.
                self.told.push(label);
            }
        }
        Ok(())
    }
}

/// What an amount is.
#[derive(Default)]
struct Category {
    words: String,
    is_submitted: bool,
}

impl Category {
    fn read(node: &Node<'_>) -> Self {
        let is_submitted =
            node.list("coding").iter().any(|coding| coding.peek_str("code") == Some("submitted"));
        let words = read::words(node).to_string();
        // The code and its system name the same thing for machines.
        node.skip("coding");
        Self { words, is_submitted }
    }
}
