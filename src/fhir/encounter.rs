//! Encounter → a visit, or a hospital stay where the patient was admitted.
//!
//! It must not know the records of what was done there, nor the documents: those find the visit themselves.

use crate::{
    Refusal, Taken,
    bundle::{Context, Resource},
    draft::Draft,
    json::Node,
    organization, read,
};
use std::collections::BTreeSet;
use wardline_record::{
    AdmissionClass, Body, Diagnosis, DiagnosisRank, Discharge, HospitalStay, Practitioner, TeamMember, Text,
    Visit, When,
};

/// A visit or a stay; nothing, and a count, when nothing dates it.
///
/// # Errors
/// When a date is none.
pub(crate) fn map(cx: &Context<'_>, r: &Resource<'_>) -> Result<Option<Taken>, Refusal> {
    let node = &r.node;
    let mut draft = Draft::new(cx, r, None);
    let (start, end) = read::period_at(node, "period")?;
    draft.occurred = start.clone().or_else(|| end.clone());
    let (practitioner, team) = participants(cx, r, start.as_ref(), end.as_ref())?;
    draft.practitioner = practitioner;
    remarks(r, &mut draft)?;
    settle(cx, r, start.is_some() && end.is_some());
    let class_code = node.get("class").map(code_of_class).unwrap_or_default();
    let class = class(&class_code);
    let place = place(cx, r)?;
    let body = if class == Some(AdmissionClass::Inpatient) {
        stay(cx, r, class_code, start, end, team, place)
    } else {
        Body::from(Visit {
            class,
            class_code,
            visit_type: read::words_of_each(node.list("type")),
            department: place,
            reason: reason(cx, r),
            ended: end,
            diagnoses: diagnoses(cx, r),
            team,
            ..Visit::default()
        })
    };
    // A newborn's stay is part of the mother's.
    let whole = node.get("partOf").and_then(|whole| cx.of_anybody(r, whole));
    let part_of = whole.filter(|whole| whole.id != r.id).map(|whole| Text::from(whole.name()));
    Ok(draft.finish(body)?.map(|mut taken| {
        if let (Some(source), Some(whole)) = (&mut taken.record.source, part_of) {
            source.visit = whole;
        }
        taken
    }))
}

fn stay(
    cx: &Context<'_>,
    r: &Resource<'_>,
    class_code: Text,
    admitted: Option<When>,
    discharged: Option<When>,
    team: Vec<TeamMember>,
    ward: Text,
) -> Body {
    let hospitalization = r.node.get("hospitalization");
    let disposition = hospitalization.and_then(|at| at.get("dischargeDisposition"));
    let reason = reason(cx, r);
    Body::from(HospitalStay {
        class: Some(AdmissionClass::Inpatient),
        class_code,
        admitted,
        discharged,
        ward,
        // A stay has no type of its own: without a reason its type says most.
        reason: if reason.is_empty() { read::words_of_each(r.node.list("type")) } else { reason },
        diagnoses: diagnoses(cx, r),
        admit_source: hospitalization.map(|at| read::words_at(at, "admitSource")).unwrap_or_default(),
        discharge: disposition.and_then(discharge),
        discharge_text: disposition.map(disposition_words).unwrap_or_default(),
        team,
        ..HospitalStay::default()
    })
}

/// The class as coded; its display says the same.
fn code_of_class(class: &Node<'_>) -> Text {
    class.skip("system");
    class.skip("display");
    read::line_at(class, "code")
}

/// The codes of HL7's ActEncounterCode.
fn class(code: &str) -> Option<AdmissionClass> {
    Some(match code {
        "AMB" => AdmissionClass::Ambulatory,
        "EMER" => AdmissionClass::Emergency,
        "OBSENC" | "SS" => AdmissionClass::Observation,
        "IMP" | "ACUTE" | "NONAC" => AdmissionClass::Inpatient,
        "HH" => AdmissionClass::Home,
        "VR" => AdmissionClass::Remote,
        _ => return None,
    })
}

/// The practitioner of the record and everybody else. Who performed or attended comes first, else the first named.
fn participants(
    cx: &Context<'_>,
    r: &Resource<'_>,
    start: Option<&When>,
    end: Option<&When>,
) -> Result<(Practitioner, Vec<TeamMember>), Refusal> {
    let mut people: Vec<(&Node<'_>, Practitioner)> = Vec::new();
    for entry in r.node.list("participant") {
        let Some(individual) = entry.get("individual") else { continue };
        let (from, to) =
            entry.get("period").map_or((None, None), |p| (p.peek_str("start"), p.peek_str("end")));
        let whole_visit = from == start.map(When::as_str) && to == end.map(When::as_str);
        if whole_visit {
            entry.skip("period");
        }
        people.push((entry, read::practitioner(cx, r, individual)));
    }
    let leads = |role: &str| people.iter().position(|(entry, _)| has_role(entry, role));
    let leading = leads("PPRF").or_else(|| leads("ATND")).or((!people.is_empty()).then_some(0));
    let mut practitioner = Practitioner::default();
    let mut team: Vec<TeamMember> = Vec::new();
    let mut named: BTreeSet<(Text, Text)> = BTreeSet::new();
    for (at, (entry, person)) in people.into_iter().enumerate() {
        let role = read::words_of_each(entry.list("type"));
        if Some(at) == leading {
            practitioner = person;
        } else if !person.name.is_empty() {
            let role = if role.is_empty() { Text::from("participant") } else { role };
            let member = TeamMember { role, name: person.name };
            if named.insert((member.role.clone(), member.name.clone())) {
                team.push(member);
            }
        }
    }
    Ok((practitioner, team))
}

fn has_role(entry: &Node<'_>, role: &str) -> bool {
    let mut codings = entry.list("type").iter().flat_map(|of| of.list("coding"));
    let found = codings.find(|coding| coding.peek_str("code") == Some(role));
    if let Some(coding) = found {
        coding.mark();
    }
    found.is_some()
}

/// The department and the places where the patient was, each with its time where one is given.
fn place(cx: &Context<'_>, r: &Resource<'_>) -> Result<Text, Refusal> {
    let here = organization::at(cx, r).map(|organization| Text::from(organization.name));
    let mut places = read::Once::default();
    places.add(read::words_at(&r.node, "serviceType"));
    for entry in r.node.list("location") {
        let Some(location) = entry.get("location") else { continue };
        let name = read::name_at(cx, r, location);
        let (from, to) = read::period_at(entry, "period")?;
        let time = read::period_words(from.as_ref(), to.as_ref());
        let named = if time.is_empty() { name.clone() } else { Text::from(format!("{name} ({time})")) };
        // Some sources name the whole house again as the place.
        if !name.is_empty() && Some(&name) != here.as_ref() {
            places.add(named);
        }
    }
    Ok(places.joined("; "))
}

/// Why the patient came: in words, else the names of the conditions that it refers to.
fn reason(cx: &Context<'_>, r: &Resource<'_>) -> Text {
    let words = read::words_of_each(r.node.list("reasonCode"));
    if !words.is_empty() {
        return words;
    }
    let named: read::Once = r
        .node
        .list("reasonReference")
        .iter()
        .filter_map(|reference| cx.resolve(r, reference)?.node.get("code"))
        .map(read::words)
        .collect();
    named.joined("; ")
}

/// The conditions that were found or treated, in the order of the source, each once.
fn diagnoses(cx: &Context<'_>, r: &Resource<'_>) -> Vec<Diagnosis> {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut found: Vec<(Option<u32>, bool, Diagnosis)> = Vec::new();
    let listed = r.node.list("diagnosis").iter().filter_map(|entry| {
        let rank = entry.decimal("rank").and_then(|rank| rank.parse().ok());
        Some((entry.get("condition")?, rank))
    });
    let reasons = r.node.list("reasonReference").iter().map(|reference| (reference, None));
    for (reference, rank) in listed.chain(reasons) {
        let Some(condition) = cx.of_anybody(r, reference) else {
            cx.note("Encounter.diagnosis: condition not found");
            continue;
        };
        if cx.of_this_patient(r, condition).is_none() {
            continue;
        }
        let Some((text, code)) = condition.node.get("code").and_then(read::named) else { continue };
        if !seen.insert(&condition.place) {
            continue;
        }
        let suspected = is_suspected(condition);
        found.push((rank, suspected, Diagnosis { text, code, rank: None }));
    }
    let first = found.iter().filter(|(_, suspected, _)| !suspected).filter_map(|(rank, ..)| *rank).min();
    let mut primary = first;
    found
        .into_iter()
        .map(|(rank, suspected, diagnosis)| {
            let place = match rank {
                _ if suspected => Some(DiagnosisRank::Suspected),
                Some(_) if rank == primary => {
                    primary = None;
                    Some(DiagnosisRank::Primary)
                }
                Some(_) => Some(DiagnosisRank::Secondary),
                None => None,
            };
            Diagnosis { rank: place, ..diagnosis }
        })
        .collect()
}

fn is_suspected(condition: &Resource<'_>) -> bool {
    let status = condition.node.get("verificationStatus").and_then(read::token);
    matches!(status, Some("unconfirmed" | "provisional" | "differential"))
}

/// How the stay ended. The same code means different things in different lists.
fn discharge(disposition: &Node<'_>) -> Option<Discharge> {
    disposition.list("coding").iter().find_map(|coding| {
        Some(match (coding.peek_str("system")?, coding.peek_str("code")?) {
            ("http://terminology.hl7.org/CodeSystem/discharge-disposition", code) => match code {
                "home" | "alt-home" => Discharge::Home,
                "other-hcf" => Discharge::Transferred,
                "hosp" | "long" | "rehab" | "psy" | "snf" => Discharge::CareFacility,
                "aadvice" => Discharge::AgainstAdvice,
                "exp" => Discharge::Died,
                _ => return None,
            },
            ("http://www.nubc.org/patient-discharge", code) => match code {
                "01" | "06" => Discharge::Home,
                "02" | "05" | "43" | "65" | "66" => Discharge::Transferred,
                "03" | "04" | "50" | "51" | "61" | "62" | "63" | "64" => Discharge::CareFacility,
                "07" => Discharge::AgainstAdvice,
                "20" | "40" | "41" | "42" => Discharge::Died,
                _ => return None,
            },
            _ => return None,
        })
    })
}

/// The disposition in words; German sources say it in an extension of two parts.
fn disposition_words(disposition: &Node<'_>) -> Text {
    let words = read::words(disposition);
    if !words.is_empty() {
        return words;
    }
    let parts = disposition.list("extension").iter().flat_map(|reason| {
        reason.skip("url");
        reason.list("extension")
    });
    let words: Vec<Text> = parts
        .filter_map(|part| {
            part.skip("url");
            let coding = part.get("valueCoding")?;
            let display = read::line_at(coding, "display");
            (!display.is_empty()).then_some(display)
        })
        .collect();
    Text::from(read::join("; ", &words.iter().map(Text::as_str).collect::<Vec<_>>()))
}

/// What has no field but belongs to the story: urgency, diet, readmission, the number of the visit, and the classes that a stay went through.
fn remarks(r: &Resource<'_>, draft: &mut Draft<'_>) -> Result<(), Refusal> {
    if let Some(priority) = r.node.get("priority") {
        draft.remark("Priority", &read::words(priority));
    }
    if let Some(at) = r.node.get("hospitalization") {
        draft.remark("Readmission", &read::words_at(at, "reAdmission"));
        draft.remark("Diet", &read::words_of_each(at.list("dietPreference")));
        draft.remark("Arrangements", &read::words_of_each(at.list("specialArrangement")));
        draft.remark("Courtesies", &read::words_of_each(at.list("specialCourtesy")));
    }
    for identifier in r.node.list("identifier") {
        let kinds = identifier.get("type").map(|kind| kind.list("coding")).unwrap_or_default();
        if kinds.iter().any(|coding| coding.peek_str("code") == Some("VN")) {
            identifier.skip("type");
            draft.remark("Visit number", &read::line_at(identifier, "value"));
        }
    }
    for entry in r.node.list("classHistory") {
        let Some(class) = entry.get("class") else { continue };
        let display = read::line_at(class, "display");
        let code = code_of_class(class);
        let (from, to) = read::period_at(entry, "period")?;
        let time = read::period_words(from.as_ref(), to.as_ref());
        let name = if display.is_empty() { &code } else { &display };
        draft.remark("Class", &read::join(", ", &[name, &time]));
    }
    Ok(())
}

/// Marks what says nothing new: the length where both ends are known, an identifier that repeats the id.
fn settle(cx: &Context<'_>, r: &Resource<'_>, ended: bool) {
    if ended {
        r.node.skip("length");
    }
    for identifier in r.node.list("identifier") {
        if identifier.peek_str("value") == Some(r.id.as_str()) {
            identifier.mark();
        }
    }
    let provider = r.node.get("serviceProvider");
    if provider.is_some_and(|provider| cx.resolve(r, provider).is_none()) {
        cx.note("Encounter.serviceProvider: organization not found");
    }
}
