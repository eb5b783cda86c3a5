//! Claims and explanations of benefit: money to the last digit.

use super::sample::{ids, import, record, records};
use crate::Refusal;
use wardline_record::{Body, Decimal, Receipt, Record};

const CLAIM: &str = r#"{"resourceType": "Claim", "id": "c", "status": "active", "use": "claim",
    "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/claim-type", "code": "institutional"}]},
    "patient": {"reference": "Patient/p"}, "created": "2024-03-01T10:00:00+01:00",
    "billablePeriod": {"start": "2024-03-01T09:00:00+01:00", "end": "2024-03-01T10:00:00+01:00"},
    "provider": {"reference": "Organization/o"}, "priority": {"coding": [{"code": "normal"}]},
    "diagnosis": [{"sequence": 1, "diagnosisCodeableConcept": {"text": "sinusitis"}}],
    "insurance": [{"sequence": 1, "focal": true, "coverage": {"display": "Aetna"}}],
    "item": [
        {"sequence": 1, "productOrService": {"text": "Visit"}, "encounter": [{"reference": "Encounter/v"}]},
        {"sequence": 2, "productOrService": {"text": "Vaccine"}, "quantity": {"value": 2},
         "unitPrice": {"value": 70.26, "currency": "USD"}, "net": {"value": 140.52, "currency": "USD"}}],
    "total": {"value": 410.20000000000005, "currency": "USD"}}"#;

const BENEFIT: &str = r#"{"resourceType": "ExplanationOfBenefit", "id": "e", "status": "active", "use": "claim",
    "outcome": "complete", "patient": {"reference": "Patient/p"}, "insurer": {"display": "Aetna"},
    "created": "2024-04-01T10:00:00+01:00", "claim": {"reference": "Claim/c"},
    "identifier": [{"system": "urn:claim", "value": "777"}],
    "provider": {"reference": "Practitioner/d"},
    "item": [{"sequence": 2, "productOrService": {"text": "Vaccine"}, "adjudication": [
        {"category": {"coding": [{"code": "coins", "display": "Coinsurance"}]}, "amount": {"value": 28.104000000000003, "currency": "USD"}},
        {"category": {"coding": [{"code": "note"}]}, "reason": {"text": "none"}}]}],
    "total": [{"category": {"coding": [{"code": "submitted"}]}, "amount": {"value": 410.20000000000005, "currency": "USD"}},
        {"category": {"coding": [{"code": "deductible", "display": "Deductible"}]}, "amount": {"value": 5, "currency": "USD"}}],
    "payment": {"amount": {"value": 1.12416e2, "currency": "USD"}, "date": "2024-05-01"}}"#;

fn receipt(record: &Record) -> &Receipt {
    match &record.body {
        Body::Receipt(receipt) => receipt,
        other => panic!("{other:?}"),
    }
}

fn text(amount: Option<Decimal>) -> Option<String> {
    amount.map(|amount| amount.to_string())
}

#[test]
fn a_claim_and_its_benefit_are_one_receipt_exact_to_the_last_digit() {
    let record = record(&[BENEFIT, CLAIM]);
    assert_eq!(ids(&record), ["Claim/c", "ExplanationOfBenefit/e"]);
    let source = record.source.as_ref().unwrap();
    assert_eq!((source.visit.as_str(), source.status.as_str()), ("Encounter/v", "active"));
    assert_eq!(record.occurred.as_str(), "2024-03-01T09:00:00+01:00");
    assert_eq!(record.organization.as_str(), "Mercy Hospital");
    let body = receipt(&record);
    assert_eq!((body.total.to_string().as_str(), body.currency.as_str()), ("410.20000000000005", "USD"));
    assert_eq!((body.paid, body.due), (None, None));
    assert_eq!((body.category.as_str(), body.payer.as_str()), ("institutional", "Aetna"));
    let [visit, vaccine] = body.lines.as_slice() else { panic!() };
    assert_eq!((visit.description.as_str(), visit.amount), ("Visit", None));
    assert_eq!((vaccine.quantity.as_str(), text(vaccine.amount).as_deref()), ("2 at 70.26", Some("140.52")));
    let [benefit] = body.benefits.as_slice() else { panic!() };
    assert_eq!((benefit.id.as_str(), benefit.outcome.as_str()), ("777", "complete"));
    assert_eq!(text(benefit.submitted).as_deref(), Some("410.20000000000005"));
    assert_eq!(text(benefit.paid).as_deref(), Some("112.416"));
    assert!(benefit.currency.is_empty());
    let amounts: Vec<_> = benefit.amounts.iter().map(|a| (a.label.as_str(), a.amount.to_string())).collect();
    assert_eq!(
        amounts,
        [("Deductible", "5".to_owned()), ("line 2: Coinsurance", "28.104000000000003".to_owned())]
    );
    assert!(record.note.contains("Diagnoses: 1. sinusitis"), "{}", record.note);
}

#[test]
fn a_benefit_without_its_claim_is_a_receipt_of_its_own() {
    let record = record(&[BENEFIT]);
    assert_eq!(ids(&record), ["ExplanationOfBenefit/e"]);
    let body = receipt(&record);
    assert_eq!(body.total.to_string(), "410.20000000000005");
    assert_eq!(text(body.benefits[0].submitted).as_deref(), Some("410.20000000000005"));
}

#[test]
fn several_benefits_of_one_claim_are_all_on_its_receipt() {
    let other = BENEFIT.replace(r#""id": "e""#, r#""id": "f""#);
    let record = record(&[CLAIM, BENEFIT, &other]);
    assert_eq!(ids(&record), ["Claim/c", "ExplanationOfBenefit/e", "ExplanationOfBenefit/f"]);
    assert_eq!(receipt(&record).benefits.len(), 2);
}

#[test]
fn currencies_are_never_mixed() {
    let foreign = BENEFIT.replace("USD", "EUR");
    let line = CLAIM.replace(
        r#""net": {"value": 140.52, "currency": "USD"}"#,
        r#""net": {"value": 1.50, "currency": "JPY"}"#,
    );
    let record = record(&[&line, &foreign]);
    let body = receipt(&record);
    assert_eq!(body.currency.as_str(), "USD");
    assert_eq!((body.lines[1].description.as_str(), body.lines[1].amount), ("Vaccine, 1.50 JPY", None));
    let benefit = &body.benefits[0];
    assert_eq!(benefit.currency.as_str(), "EUR");
    assert_eq!(benefit.amounts[0].label.as_str(), "Deductible");
    let mixed = BENEFIT.replace(r#"{"value": 5, "currency": "USD"}"#, r#"{"value": 5, "currency": "EUR"}"#);
    let all = records(&[CLAIM, &mixed]);
    assert_eq!(receipt(&all[0]).benefits[0].amounts[0].label.as_str(), "Deductible in EUR");
}

#[test]
fn a_refused_line_keeps_its_reason() {
    let refused = BENEFIT.replace(r#""reason": {"text": "none"}"#, r#""reason": {"text": "not covered"}"#);
    let refused = refused.replace(r#"{"code": "note"}"#, r#"{"code": "denied", "display": "Denied"}"#);
    let record = record(&[CLAIM, &refused]);
    assert!(record.note.contains("line 2: Denied, not covered"), "{}", record.note);
}

#[test]
fn what_a_benefit_repeats_is_not_left_and_what_it_changes_is_told() {
    let line = r#""productOrService": {"text": "Vaccine"}, "net": {"value": 140.52, "currency": "USD"}, "adjudication""#;
    let same = BENEFIT.replace(r#""productOrService": {"text": "Vaccine"}, "adjudication""#, line);
    let left = |benefit: &str| {
        let left = import(&[CLAIM, benefit]).unwrap().left;
        left.into_iter()
            .filter(|left| left.path.starts_with("ExplanationOfBenefit.item"))
            .map(|left| left.path)
            .collect::<Vec<_>>()
    };
    assert_eq!(left(&same), Vec::<String>::new());
    let other = same.replace("140.52", "99.9");
    assert_eq!(left(&other), Vec::<String>::new());
    let record = record(&[CLAIM, &other]);
    let amounts = &receipt(&record).benefits[0].amounts;
    assert!(amounts.iter().any(|a| a.label.as_str() == "line 2: net" && a.amount.to_string() == "99.9"));
}

#[test]
fn a_payment_in_another_currency_is_not_taken_for_one_in_the_first() {
    let abroad =
        BENEFIT.replace(r#"{"value": 1.12416e2, "currency": "USD"}"#, r#"{"value": 90, "currency": "EUR"}"#);
    let record = record(&[CLAIM, &abroad]);
    let benefit = &receipt(&record).benefits[0];
    assert_eq!((text(benefit.submitted).as_deref(), benefit.paid), (Some("410.20000000000005"), None));
    assert!(
        benefit.amounts.iter().any(|a| a.label.as_str() == "paid in EUR" && a.amount.to_string() == "90")
    );
}

#[test]
fn an_amount_that_cannot_be_kept_exactly_refuses_the_bundle() {
    for digits in ["0.1234567890123456789", "1e30", "1e-30"] {
        let claim = CLAIM.replace("410.20000000000005", digits);
        let refusal = import(&[&claim]).unwrap_err();
        assert!(matches!(refusal, Refusal::Number { .. }), "{refusal}");
        assert!(refusal.to_string().contains("total"), "{refusal}");
        assert!(!refusal.to_string().contains(digits), "{refusal}");
    }
}
