//! Medicines, results and money of the 67 public patients against the bundles' own JSON.

use super::data;
use crate::{Import, read};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use wardline_record::{Body, Record, RecordKind};

type Raw = BTreeMap<String, Box<RawValue>>;

/// Digits after the point of the sums: more than any amount has.
const SCALE: usize = 20;

/// Sums by what is added and by currency, in units of ten to the power of minus [`SCALE`].
type Sums = BTreeMap<(&'static str, String), i128>;

#[test]
fn every_order_claim_benefit_and_observation_is_in_one_record_and_the_money_is_exact() {
    let Some(folder) = data::folder() else { return };
    let shared = data::shared(&folder);
    let (mut from_json, mut from_records) = (Sums::new(), Sums::new());
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, json) in data::unpacked(&folder.join("patients")) {
        let import = read(&json, &shared).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        let named = names(&import);
        for resource in resources(&json) {
            let kind = string(&resource, "resourceType");
            let kinds: &[RecordKind] = match kind.as_str() {
                "MedicationRequest" | "MedicationStatement" => &[RecordKind::Prescription],
                "MedicationAdministration" => &[RecordKind::MedicationGiven],
                "Claim" | "ExplanationOfBenefit" => &[RecordKind::Receipt],
                "Observation" => &[RecordKind::LaboratoryResult, RecordKind::ImagingReport],
                "ImagingStudy" => &[RecordKind::ImagingReport],
                _ => continue,
            };
            let name = format!("{kind}/{}", string(&resource, "id"));
            let found = named.get(&name).cloned().unwrap_or_default();
            assert!(matches!(found.as_slice(), [only] if kinds.contains(only)), "{name} is in {found:?}");
            *counts.entry(kinds_name(&kind)).or_default() += 1;
            add_json(&mut from_json, &kind, &resource);
        }
        for record in records(&import) {
            add_record(&mut from_records, record);
        }
    }
    println!("{counts:?}");
    for ((what, currency), sum) in &from_json {
        println!("{what}: {} {currency}", written(*sum));
    }
    assert_eq!(from_json, from_records);
    assert_eq!(counts["MedicationRequest"], 682);
    assert_eq!(counts["MedicationAdministration"], 606);
    assert_eq!(counts["Claim"], 2521);
    assert_eq!(counts["ExplanationOfBenefit"], 2107);
    assert_eq!(counts["Observation"], 12_884);
    assert_eq!(counts["ImagingStudy"], 53);
}

/// In which kinds of records each resource is named.
fn names(import: &Import) -> BTreeMap<String, Vec<RecordKind>> {
    let mut names: BTreeMap<String, Vec<RecordKind>> = BTreeMap::new();
    for record in records(import) {
        for id in &record.source.as_ref().unwrap().ids {
            names.entry(id.to_string()).or_default().push(record.kind());
        }
    }
    names
}

fn records(import: &Import) -> impl Iterator<Item = &Record> {
    import.patients.iter().flat_map(|patient| &patient.records).map(|taken| &taken.record)
}

fn kinds_name(kind: &str) -> &'static str {
    ["MedicationRequest", "MedicationStatement", "MedicationAdministration", "Claim", "ExplanationOfBenefit"]
        .into_iter()
        .chain(["Observation", "ImagingStudy"])
        .find(|known| *known == kind)
        .unwrap()
}

fn add_json(sums: &mut Sums, kind: &str, resource: &Raw) {
    match kind {
        "Claim" => {
            add(sums, "claim total", member(resource, "total"));
            for item in list(resource, "item") {
                add(sums, "claim line", member(&item, "net"));
            }
        }
        "ExplanationOfBenefit" => {
            for total in list(resource, "total") {
                assert!(total["category"].get().contains("\"submitted\""));
                add(sums, "submitted", member(&total, "amount"));
            }
            add(sums, "paid", member(&object(&resource["payment"]), "amount"));
            for item in list(resource, "item") {
                for adjudication in list(&item, "adjudication") {
                    add(sums, "adjudicated", member(&adjudication, "amount"));
                }
            }
        }
        _ => {}
    }
}

fn add(sums: &mut Sums, what: &'static str, money: Option<&RawValue>) {
    let Some(money) = money.map(object) else { return };
    *sums.entry((what, string(&money, "currency"))).or_default() += exact(money["value"].get());
}

fn add_record(sums: &mut Sums, record: &Record) {
    let Body::Receipt(receipt) = &record.body else { return };
    let mut add = |what, currency: &str, amount: String| {
        *sums.entry((what, currency.to_owned())).or_default() += exact(&amount);
    };
    if record.source.as_ref().unwrap().ids[0].starts_with("Claim/") {
        add("claim total", &receipt.currency, receipt.total.to_string());
    }
    for amount in receipt.lines.iter().filter_map(|line| line.amount) {
        add("claim line", &receipt.currency, amount.to_string());
    }
    for benefit in &receipt.benefits {
        let currency = if benefit.currency.is_empty() { &receipt.currency } else { &benefit.currency };
        add("submitted", currency, benefit.submitted.unwrap().to_string());
        add("paid", currency, benefit.paid.unwrap().to_string());
        for named in &benefit.amounts {
            add("adjudicated", currency, named.amount.to_string());
        }
    }
}

fn member<'r>(of: &'r Raw, name: &str) -> Option<&'r RawValue> {
    of.get(name).map(AsRef::as_ref)
}

/// The digits of a number without an exponent, as a whole number of units; independent of `Decimal`.
fn exact(number: &str) -> i128 {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    assert!(fraction.len() <= SCALE, "{number}");
    format!("{whole}{fraction:0<SCALE$}").parse().unwrap()
}

fn written(sum: i128) -> String {
    let one = 10_i128.pow(SCALE as u32);
    let text = format!("{}.{:0SCALE$}", sum / one, sum % one);
    text.trim_end_matches('0').to_owned()
}

fn resources(json: &[u8]) -> impl Iterator<Item = Raw> {
    let bundle: Raw = serde_json::from_slice(json).unwrap();
    list(&bundle, "entry").into_iter().map(|entry| object(&entry["resource"]))
}

fn object(raw: &RawValue) -> Raw {
    serde_json::from_str(raw.get()).unwrap()
}

fn list(of: &Raw, name: &str) -> Vec<Raw> {
    of.get(name).map(|raw| serde_json::from_str(raw.get()).unwrap()).unwrap_or_default()
}

fn string(of: &Raw, name: &str) -> String {
    serde_json::from_str(of[name].get()).unwrap()
}

/// The official examples name patients, visits and each other outside of any bundle: here they are about one patient.
#[test]
fn the_official_examples_become_records_or_are_left_with_a_reason() {
    let Some(folder) = data::folder() else { return };
    let lines = data::gunzip(&folder.join("hl7-r4-examples/clinical-resources.ndjson.gz"));
    let mut counts: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for line in String::from_utf8(lines).unwrap().lines() {
        // What is contained has a subject too.
        let mut parts = line.split("\"Patient/");
        let first = parts.next().unwrap().to_owned();
        let line = parts.fold(first, |done, part| done + "\"Patient/p\"" + part.split_once('"').unwrap().1);
        let mut resource: Raw = serde_json::from_str(&line).unwrap();
        let (kind, id) = (string(&resource, "resourceType"), string(&resource, "id"));
        let subject = match kind.as_str() {
            "Claim" | "ExplanationOfBenefit" => "patient",
            "MedicationRequest" | "MedicationStatement" | "MedicationAdministration" => "subject",
            "Observation" | "DiagnosticReport" | "ImagingStudy" => "subject",
            _ => continue,
        };
        let patient = RawValue::from_string(r#"{"reference": "Patient/p"}"#.to_owned()).unwrap();
        resource.insert(subject.to_owned(), patient);
        let text = serde_json::to_string(&resource).unwrap();
        let import =
            super::sample::import(&[&text]).unwrap_or_else(|refusal| panic!("{kind}/{id}: {refusal}"));
        let name = format!("{kind}/{id}");
        let taken =
            records(&import).any(|record| record.source.as_ref().unwrap().ids.iter().any(|i| **i == *name));
        let told = import.left.iter().any(|left| left.path.starts_with(&format!("{kind}: ")));
        assert!(taken || told, "{name} is lost: {:?}", import.left);
        counts.entry(kind).or_default()[usize::from(taken)] += 1;
    }
    println!("left and taken: {counts:?}");
    assert!(counts.values().map(|[_, taken]| taken).sum::<usize>() > 100);
}
