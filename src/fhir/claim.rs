//! Claims with the explanations of benefit that answer them → receipts.
//!
//! Every amount keeps all its digits. It must not know how much is still due: a claim does not say it.

use crate::{
    Refusal, Taken,
    benefit::{benefit, by_sequence},
    bundle::{Context, Resource},
    draft::Draft,
    json::Node,
    read,
    value::{fixed, fixed_each, joined, labelled, money, period, quantity},
};
use std::collections::{BTreeMap, BTreeSet};
use wardline_record::{Body, Decimal, Receipt, ReceiptLine, Text};

/// All receipts of a patient: each claim and each explanation of benefit is in one.
pub(crate) fn map_all(cx: &Context<'_>, _patient: &Resource<'_>) -> Result<Vec<Taken>, Refusal> {
    let mut answers: BTreeMap<&str, Vec<&Resource<'_>>> =
        cx.of_kind("Claim").map(|claim| (claim.place.as_str(), Vec::new())).collect();
    let mut alone = Vec::new();
    for benefit in cx.of_kind("ExplanationOfBenefit") {
        let claim = cx.follow(benefit, &benefit.node, "claim");
        match claim.and_then(|claim| answers.get_mut(claim.place.as_str())) {
            Some(answers) => answers.push(benefit),
            None => alone.push(benefit),
        }
    }
    let mut records = Vec::new();
    for claim in cx.of_kind("Claim") {
        let answers = answers.get(claim.place.as_str()).map(Vec::as_slice).unwrap_or_default();
        records.extend(receipt(cx, claim, answers)?);
    }
    for benefit in alone {
        records.extend(receipt(cx, benefit, &[])?);
    }
    Ok(records)
}

/// One receipt, led by a claim or by an explanation of benefit without one.
fn receipt(cx: &Context<'_>, r: &Resource<'_>, answers: &[&Resource<'_>]) -> Result<Option<Taken>, Refusal> {
    let node = &r.node;
    let mut draft = Draft::new(cx, r, None);
    for item in node.list("item") {
        for encounter in item.list("encounter") {
            draft.of_visit(r, Some(encounter));
        }
    }
    about(cx, r, &mut draft)?;
    let number = node.list("identifier").iter().find_map(|identifier| identifier.str("value"));
    let mut body = Receipt {
        number: Text::from(number.unwrap_or(&r.id)),
        category: category(node),
        payer: payers(cx, r),
        ..Receipt::default()
    };
    let total = if r.kind == "Claim" { money(r, node, "total")? } else { None };
    if let Some((total, currency)) = &total {
        (body.total, body.currency) = (*total, Text::from(currency.as_str()));
    }
    body.lines = lines(r, &mut body.currency)?;
    behind_lines(cx, r, &mut draft);
    if r.kind == "ExplanationOfBenefit" {
        draft.note("An explanation of benefit whose claim is not in the bundle.");
        body.benefits.push(benefit(cx, r, r, &mut draft, &mut body.currency)?);
    }
    for answer in answers {
        draft.also(answer);
        repeated(r, answer);
        body.benefits.push(benefit(cx, r, answer, &mut draft, &mut body.currency)?);
        about_answer(cx, r, answer, &mut draft)?;
        let payers = payers(cx, answer);
        if payers != body.payer {
            draft.remark("Insurance of the benefit", &payers);
        }
    }
    if total.is_none() {
        let submitted = body.benefits.first().and_then(|benefit| benefit.submitted);
        match submitted
            .filter(|_| r.kind != "Claim")
            .or_else(|| body.sum().filter(|_| !body.lines.is_empty()))
        {
            Some(sum) => {
                body.total = sum;
                draft.note("The source gives no total of the claim: it is what was submitted, or the sum of the lines.");
            }
            None => draft.note("The source gives no total."),
        }
    }
    draft.finish(Body::Receipt(body))
}

/// What a claim and an explanation of benefit say alike: times, people, diagnoses.
fn about(cx: &Context<'_>, r: &Resource<'_>, draft: &mut Draft<'_>) -> Result<(), Refusal> {
    let node = &r.node;
    let (start, _) = read::period_at(node, "billablePeriod")?;
    draft.occurred = start;
    draft.recorded_at(read::when_at(node, "created")?);
    draft.remark("Period", &period(node, "billablePeriod")?);
    people(cx, r, draft);
    let intent = node.str("use").unwrap_or_default();
    if intent != "claim" {
        draft.remark("Use", intent);
    }
    let priority = node.get("priority").and_then(read::token).unwrap_or_default();
    if priority != "normal" {
        draft.remark("Priority", priority);
    }
    if let Some(facility) = node.get("facility") {
        draft.elsewhere(r, "Facility", facility);
    }
    if let Some(prescription) = node.get("prescription") {
        let shown = read::line_at(prescription, "display");
        draft.remark("Prescription", &cx.resolve(r, prescription).map_or(shown.to_string(), Resource::name));
    }
    draft.remark("Diagnoses", &diagnoses(cx, r));
    Ok(())
}

/// "1. sinusitis (principal); 2. asthma": lines name diagnoses by these numbers.
fn diagnoses(cx: &Context<'_>, r: &Resource<'_>) -> String {
    let mut all = Vec::new();
    for (at, diagnosis) in r.node.list("diagnosis").iter().enumerate() {
        let number = diagnosis.decimal("sequence").map_or_else(|| (at + 1).to_string(), str::to_owned);
        let coded = read::words_at(diagnosis, "diagnosisCodeableConcept");
        let condition = diagnosis.get("diagnosisReference").map(|reference| named(cx, r, reference));
        let kind = fixed_each(diagnosis, "type");
        let kind = if kind.is_empty() { String::new() } else { format!("({kind})") };
        all.push(read::join(" ", &[&format!("{number}."), &coded, &condition.unwrap_or_default(), &kind]));
    }
    all.join("; ")
}

/// What a reference names: by its code, else as the reference displays it, else by type and id.
fn named(cx: &Context<'_>, from: &Resource<'_>, reference: &Node<'_>) -> Text {
    let shown = read::line_at(reference, "display");
    let Some(found) = cx.resolve(from, reference) else { return shown };
    let coded = ["code", "vaccineCode"].map(|member| read::words_at(&found.node, member));
    let told = coded.into_iter().find(|words| !words.is_empty());
    told.unwrap_or_else(|| if shown.is_empty() { Text::from(found.name()) } else { shown })
}

/// Procedures and other things that the lines are about, where no line says them.
fn behind_lines(cx: &Context<'_>, r: &Resource<'_>, draft: &mut Draft<'_>) {
    let lines = r.node.list("item").iter().map(|item| read::words_at(item, "productOrService"));
    let lines: BTreeSet<Text> = lines.collect();
    let procedures = r.node.list("procedure").iter().filter_map(|entry| {
        let coded = read::words_at(entry, "procedureCodeableConcept");
        entry.get("procedureReference").map(|reference| named(cx, r, reference)).or(Some(coded))
    });
    let others = r.node.list("supportingInfo").iter();
    let others = others.filter_map(|entry| Some(named(cx, r, entry.get("valueReference")?)));
    for (label, words) in procedures.map(|p| ("Procedure", p)).chain(others.map(|o| ("Information", o))) {
        if !lines.contains(&words) {
            draft.remark(label, &words);
        }
    }
}

/// Marks as read what an explanation of benefit only repeats from its claim.
fn repeated(claim: &Resource<'_>, answer: &Resource<'_>) {
    let same = |of: &Node<'_>, other: &Node<'_>, member: &str, as_member: &str| {
        if of.get(member).is_some() && of.get(member) == other.get(as_member) {
            of.skip(member);
        }
    };
    for member in ["type", "subType", "use", "facility", "priority", "prescription"] {
        same(&answer.node, &claim.node, member, member);
    }
    let lines = by_sequence(claim);
    for item in answer.node.list("item") {
        same(item, &claim.node, "servicedPeriod", "billablePeriod");
        let line = item.decimal("sequence").and_then(|number| lines.get(number));
        for member in ["productOrService", "modifier", "quantity", "unitPrice", "diagnosisSequence"] {
            line.inspect(|line| same(item, line, member, member));
        }
    }
}

/// What an explanation of benefit adds to the claim that it answers.
fn about_answer(
    cx: &Context<'_>,
    claim: &Resource<'_>,
    answer: &Resource<'_>,
    draft: &mut Draft<'_>,
) -> Result<(), Refusal> {
    let node = &answer.node;
    let told = diagnoses(cx, answer);
    if told != diagnoses(cx, claim) {
        draft.remark("Diagnoses of the benefit", &told);
    }
    draft.recorded_at(read::when_at(node, "created")?);
    draft.remark("Period of the benefit", &period(node, "billablePeriod")?);
    let status = node.str("status").unwrap_or_default();
    if status != "active" {
        draft.remark("Status of the benefit", status);
    }
    people(cx, answer, draft);
    if let Some(facility) = node.get("facility") {
        draft.elsewhere(answer, "Facility", facility);
    }
    for item in node.list("item") {
        for encounter in item.list("encounter") {
            draft.of_visit(answer, Some(encounter));
        }
        draft.remark("Kind of service", &fixed(item, "category"));
        draft.remark("Place of service", &fixed(item, "locationCodeableConcept"));
    }
    Ok(())
}

/// Who treated and who charged, in this order; a hospital is where it was made, not who did it.
fn people(cx: &Context<'_>, r: &Resource<'_>, draft: &mut Draft<'_>) {
    for member in r.node.list("careTeam") {
        member.skip("sequence");
        let role = fixed(member, "role");
        if let Some(provider) = member.get("provider") {
            draft.done_by(r, if role.is_empty() { "Care team" } else { &role }, provider);
        }
    }
    if let Some(provider) = r.node.get("provider") {
        let found = cx.resolve(r, provider);
        if found.is_some_and(|found| found.kind.starts_with("Practitioner")) {
            draft.done_by(r, "Provider", provider);
        } else {
            draft.elsewhere(r, "Provider", provider);
        }
    }
    if let Some(enterer) = r.node.get("enterer") {
        draft.remark("Entered by", &read::name_at(cx, r, enterer));
    }
}

/// "institutional", "pharmacy".
fn category(node: &Node<'_>) -> Text {
    let kind = node.get("type").map(|kind| match read::token(kind) {
        Some(code) => Text::from(code),
        None => read::words(kind),
    });
    let more = read::words_at(node, "subType");
    Text::from(read::join(", ", &[&kind.unwrap_or_default(), &more]))
}

/// Who is asked to pay, each once.
fn payers(cx: &Context<'_>, r: &Resource<'_>) -> Text {
    let mut all = read::Once::default();
    for insurance in r.node.list("insurance") {
        insurance.skip("sequence");
        insurance.skip("focal");
        let Some(coverage) = insurance.get("coverage") else { continue };
        let shown = read::line_at(coverage, "display");
        let found = cx.resolve(r, coverage);
        found.inspect(|found| found.node.skip("beneficiary"));
        let payors = found.map(|found| found.node.list("payor")).unwrap_or_default();
        let payors = payors.iter().map(|payor| read::name_at(cx, r, payor));
        let kind = found.map(|found| read::words_at(&found.node, "type")).unwrap_or_default();
        std::iter::once(shown).chain(payors).chain([kind]).for_each(|name| all.add(name));
    }
    all.joined(", ")
}

/// What was charged. The currency is the receipt's, or becomes it; a line in another one says so in words.
fn lines(r: &Resource<'_>, currency: &mut Text) -> Result<Vec<ReceiptLine>, Refusal> {
    let mut lines = Vec::new();
    for item in r.node.list("item") {
        // Lines stand in their order.
        item.skip("sequence");
        let (what, code) = item.get("productOrService").and_then(read::concept).unwrap_or_default();
        let net = in_currency(money(r, item, "net")?, currency);
        let price = in_currency(money(r, item, "unitPrice")?, currency);
        let modifiers = read::words_of_each(item.list("modifier"));
        let diagnoses: Vec<&str> = item.list("diagnosisSequence").iter().filter_map(Node::number).collect();
        let diagnoses = labelled("for diagnosis", &diagnoses.join(" and "));
        let (amount, foreign) = match net {
            Some((amount, foreign)) if foreign.is_empty() => (Some(amount), String::new()),
            Some((amount, foreign)) => (None, format!("{amount} {foreign}")),
            None => (None, String::new()),
        };
        let price = price.map(|(price, foreign)| read::join(" ", &["at", &price.to_string(), &foreign]));
        lines.push(ReceiptLine {
            description: Text::from(read::join(
                ", ",
                &[&what, &modifiers, &diagnoses.replace(": ", " "), &foreign],
            )),
            code,
            quantity: Text::from(joined(" ", &[quantity(item, "quantity"), price.unwrap_or_default()])),
            amount,
        });
    }
    Ok(lines)
}

/// An amount and its currency where that is not the receipt's. The first currency becomes the receipt's.
fn in_currency(money: Option<(Decimal, String)>, currency: &mut Text) -> Option<(Decimal, String)> {
    let (amount, own) = money?;
    if currency.is_empty() {
        *currency = Text::from(own.as_str());
    }
    let same = own.is_empty() || own == currency.as_str();
    Some((amount, if same { String::new() } else { own }))
}
