//! Medicines: what was ordered, what is said to be taken, and what was given.
//!
//! It must not know how doses and timings are put into words.

use crate::{
    Refusal, Taken,
    bundle::{Context, Resource},
    dosage::{Dosage, beyond, dosage, dose_and_rate, route},
    draft::Draft,
    json::Node,
    read,
    value::{amount, fixed, fixed_each, joined, period, quantity, ratio, ratio_at},
};
use std::collections::BTreeSet;
use wardline_record::{Body, Given, MedicationGiven, Prescription, PrescriptionItem, Text, When};

/// What a medicine is called, as far as a resource says it.
#[derive(Default)]
struct Medicine {
    name: Text,
    code: Text,
    strength: Text,
    form: Text,
    batch: Text,
}

/// A MedicationRequest: one prescription with one item for each dosage.
pub(crate) fn map_request(cx: &Context<'_>, r: &Resource<'_>) -> Result<Option<Taken>, Refusal> {
    let node = &r.node;
    let mut draft = Draft::new(cx, r, node.get("encounter"));
    draft.occurred = read::when_at(node, "authoredOn")?;
    for (label, from) in
        [("Ordered by", "requester"), ("Recorded by", "recorder"), ("Performer", "performer")]
    {
        if let Some(reference) = node.get(from) {
            draft.done_by(r, label, reference);
        }
    }
    // An order is what a prescription is; a proposal or a plan is not.
    let intent = node.str("intent").unwrap_or_default();
    if !intent.ends_with("order") {
        draft.remark("Intent", intent);
    }
    let priority = node.str("priority").unwrap_or_default();
    if priority != "routine" {
        draft.remark("Priority", priority);
    }
    draft.remark("Reason for the status", &read::words_at(node, "statusReason"));
    draft.remark("Course", &fixed(node, "courseOfTherapyType"));
    draft.annotations(node);
    draft.numbered(node);
    let medicine = medicine(cx, r, &mut draft);
    let mut body = Prescription {
        items: items(&medicine, node.list("dosageInstruction"))?,
        indication: Text::from(reasons(cx, r, &mut draft)),
        category: fixed_each(node, "category"),
        forbidden: node.boolean("doNotPerform") == Some(true),
        ..Prescription::default()
    };
    if let Some(dispense) = node.get("dispenseRequest") {
        let (start, end) = read::period_at(dispense, "validityPeriod")?;
        body.valid_until = end;
        if start != draft.occurred {
            draft.remark("Valid from", start.as_ref().map(When::as_str).unwrap_or_default());
        }
        body.repeats = dispense.decimal("numberOfRepeatsAllowed").and_then(|n| n.parse().ok());
        let supply = quantity(dispense, "expectedSupplyDuration");
        let supply = if supply.is_empty() { supply } else { format!("supply for {supply}") };
        let amount = Text::from(joined(", ", &[quantity(dispense, "quantity"), supply]));
        for item in &mut body.items {
            item.quantity = amount.clone();
        }
    }
    if let Some(substitution) = node.get("substitution") {
        match substitution.boolean("allowedBoolean") {
            Some(true) => draft.note("Substitution allowed."),
            Some(false) => draft.note("No substitution."),
            None => draft.remark("Substitution", &read::words_at(substitution, "allowedCodeableConcept")),
        }
        draft.remark("Reason for substitution", &read::words_at(substitution, "reason"));
    }
    draft.finish(Body::Prescription(body))
}

/// A MedicationStatement: a prescription whose note says that it is no order.
pub(crate) fn map_statement(cx: &Context<'_>, r: &Resource<'_>) -> Result<Option<Taken>, Refusal> {
    let node = &r.node;
    let mut draft = Draft::new(cx, r, node.get("context"));
    draft.note("A statement of what the patient takes, not an order.");
    draft.recorded_at(read::when_at(node, "dateAsserted")?);
    let (start, _) = read::period_at(node, "effectivePeriod")?;
    draft.occurred = start.or(read::when_at(node, "effectiveDateTime")?);
    draft.remark("Taken", &period(node, "effectivePeriod")?);
    if let Some(reference) = node.get("informationSource") {
        draft.done_by(r, "Told by", reference);
    }
    for order in node.list("basedOn") {
        draft.remark("Order", &pointed(cx, r, order));
    }
    draft.remark("Reason for the status", &read::words_of_each(node.list("statusReason")));
    draft.annotations(node);
    draft.numbered(node);
    let medicine = medicine(cx, r, &mut draft);
    let body = Prescription {
        items: items(&medicine, node.list("dosage"))?,
        indication: Text::from(reasons(cx, r, &mut draft)),
        category: read::words_at(node, "category"),
        ..Prescription::default()
    };
    draft.finish(Body::Prescription(body))
}

/// A MedicationAdministration: a dose given, given in part, or not given.
pub(crate) fn map_administration(cx: &Context<'_>, r: &Resource<'_>) -> Result<Option<Taken>, Refusal> {
    let node = &r.node;
    let mut draft = Draft::new(cx, r, node.get("context"));
    let mut body = MedicationGiven::default();
    let (start, end) = read::period_at(node, "effectivePeriod")?;
    draft.occurred = start.or(read::when_at(node, "effectiveDateTime")?);
    body.ended = end;
    for performer in node.list("performer") {
        if let Some(actor) = performer.get("actor") {
            draft.done_by(r, "With", actor);
        }
    }
    for device in node.list("device") {
        draft.remark("Device", &read::name_at(cx, r, device));
    }
    if let Some(order) = node.get("request") {
        draft.remark("Order", &pointed(cx, r, order));
    }
    draft.remark("Category", &fixed(node, "category"));
    draft.annotations(node);
    let medicine = medicine(cx, r, &mut draft);
    body.status = match node.str("status") {
        Some("completed" | "in-progress") => Some(Given::Given),
        Some("stopped") => Some(Given::GivenInPart),
        Some("not-done") => Some(Given::Withheld),
        _ => None,
    };
    let why_not = read::words_of_each(node.list("statusReason"));
    let why = reasons(cx, r, &mut draft);
    body.reason = Text::from(read::join("; ", &[&why_not, &why]));
    if let Some(dosage) = node.get("dosage") {
        let (route, route_words) = dosage.get("route").map(route).unwrap_or_default();
        body.route = route;
        draft.remark("Route", &route_words);
        body.site = read::words_at(dosage, "site");
        draft.remark("Method", &read::words_at(dosage, "method"));
        body.dose = Text::from(dose_given(dosage));
    }
    body.medicine = medicine.name;
    body.code = medicine.code;
    body.strength = Text::from(read::join(" ", &[&medicine.strength, &medicine.form]));
    body.batch = medicine.batch;
    draft.finish(Body::MedicationGiven(body))
}

/// "85 mg, 42.5 mg per h"; the free text after it where it says something else.
fn dose_given(dosage: &Node<'_>) -> String {
    let measured = joined(
        ", ",
        &[
            quantity(dosage, "dose"),
            quantity(dosage, "rateQuantity"),
            ratio_at(dosage, "rateRatio"),
            // R4 has no such member here, some systems write it all the same.
            dose_and_rate(dosage),
        ],
    );
    let told = dosage.str("text").unwrap_or_default();
    read::join("; ", &[&measured, beyond(told, &measured)])
}

fn items(medicine: &Medicine, dosages: &[Node<'_>]) -> Result<Vec<PrescriptionItem>, Refusal> {
    let item = |dosage: Dosage| PrescriptionItem {
        medicine: medicine.name.clone(),
        code: medicine.code.clone(),
        strength: medicine.strength.clone(),
        form: medicine.form.clone(),
        dose: Text::from(dosage.dose),
        frequency: Text::from(dosage.frequency),
        route: dosage.route,
        duration: Text::from(dosage.duration),
        quantity: Text::default(),
        as_needed: dosage.as_needed,
        instructions: Text::from(dosage.instructions.join("\n")),
    };
    if dosages.is_empty() {
        return Ok(vec![item(Dosage::default())]);
    }
    dosages.iter().map(|node| dosage(node).map(item)).collect()
}

/// The medicine by code or by reference. The Medication resource is one of the record's sources.
fn medicine(cx: &Context<'_>, r: &Resource<'_>, draft: &mut Draft<'_>) -> Medicine {
    if let Some((name, code)) = r.node.get("medicationCodeableConcept").and_then(read::concept) {
        return Medicine { name, code, ..Medicine::default() };
    }
    let Some(reference) = r.node.get("medicationReference") else { return Medicine::default() };
    let display = read::line_at(reference, "display");
    let Some(found) = cx.resolve(r, reference) else {
        return Medicine { name: display, ..Medicine::default() };
    };
    draft.also(found);
    let node = &found.node;
    let (name, code) = node.get("code").and_then(read::concept).unwrap_or_default();
    let parts: Vec<Ingredient> =
        node.list("ingredient").iter().map(|part| ingredient(cx, found, part)).collect();
    let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    let strength = match parts.as_slice() {
        // The only ingredient is the medicine itself.
        [only] => only.strength.clone(),
        parts => parts.iter().map(Ingredient::words).collect::<Vec<_>>().join(" / "),
    };
    Medicine {
        name: match (name.is_empty(), names.is_empty()) {
            (false, _) => name,
            (true, false) => Text::from(names.join(" / ")),
            (true, true) => display,
        },
        code,
        strength: Text::from(strength),
        form: read::words_at(node, "form"),
        batch: node.get("batch").map(|batch| read::line_at(batch, "lotNumber")).unwrap_or_default(),
    }
}

/// One ingredient of a medicine.
struct Ingredient {
    name: Text,
    strength: String,
    inactive: bool,
}

impl Ingredient {
    fn words(&self) -> String {
        let inactive = if self.inactive { "(inactive)" } else { "" };
        read::join(" ", &[&self.name, &self.strength, inactive])
    }
}

fn ingredient(cx: &Context<'_>, of: &Resource<'_>, node: &Node<'_>) -> Ingredient {
    let coded = read::words_at(node, "itemCodeableConcept");
    let name = if coded.is_empty() {
        node.get("itemReference").map(|reference| named(cx, of, reference)).unwrap_or_default()
    } else {
        coded
    };
    Ingredient {
        name,
        strength: node.get("strength").map(strength).unwrap_or_default(),
        inactive: node.boolean("isActive") == Some(false),
    }
}

/// "500 mg" in one tablet, "1000 mg per 20 ml".
fn strength(node: &Node<'_>) -> String {
    // The unit of one tablet is its form, which starts with a capital letter where it is written out.
    let piece = node.get("denominator").map(amount).is_some_and(|below| {
        below.number == "1" && (below.unit == "1" || below.unit.starts_with(char::is_uppercase))
    });
    if piece { quantity(node, "numerator") } else { ratio(node) }
}

/// What it is for, each reason once: by code, or by the condition that is referred to.
fn reasons(cx: &Context<'_>, r: &Resource<'_>, draft: &mut Draft<'_>) -> String {
    let mut all = read::Once::default();
    let mut codes = BTreeSet::new();
    for reference in r.node.list("reasonReference") {
        let shown = read::line_at(reference, "display");
        let concept =
            cx.resolve(r, reference).and_then(|found| found.node.get("code")).and_then(read::concept);
        match concept {
            Some((words, code)) => {
                all.add(words);
                codes.insert(code);
            }
            None => draft.remark("Reason", &shown),
        }
    }
    for (words, code) in r.node.list("reasonCode").iter().filter_map(read::concept) {
        // The code of the condition that is referred to as well.
        if !codes.contains(&code) {
            all.add(words);
        }
    }
    all.joined(", ").to_string()
}

/// The name of the coded thing that is referred to, else the words of the reference.
fn named(cx: &Context<'_>, from: &Resource<'_>, reference: &Node<'_>) -> Text {
    let shown = read::line_at(reference, "display");
    let found = cx.resolve(from, reference).map(|found| read::words_at(&found.node, "code"));
    found.filter(|name| !name.is_empty()).unwrap_or(shown)
}

/// "MedicationRequest/7b2f", else the words of the reference.
fn pointed(cx: &Context<'_>, from: &Resource<'_>, reference: &Node<'_>) -> String {
    let shown = read::line_at(reference, "display");
    cx.resolve(from, reference).map_or_else(|| shown.to_string(), Resource::name)
}
