//! What the demo promises about its people.

use super::*;
use jiff::civil::date;
use std::collections::BTreeMap;
use wardline_record::{RecordKind, query_terms};

const BRANCHES: &[&str] = &["north", "south", "east", "west"];
const TODAY: Date = date(2025, 11, 3);

fn visits(person: &Person) -> usize {
    person.records.iter().filter(|(_, record)| record.kind() == RecordKind::Visit).count()
}

#[test]
fn the_same_seed_gives_the_same_people_and_another_gives_others() {
    assert_eq!(plan(7, BRANCHES, TODAY), plan(7, BRANCHES, TODAY));
    assert_ne!(plan(7, BRANCHES, TODAY), plan(8, BRANCHES, TODAY));
}

#[test]
fn there_are_enough_people_and_visits_with_any_seed() {
    for seed in 0..20 {
        let people = plan(seed, BRANCHES, TODAY).people;
        assert!(people.len() >= 40, "seed {seed}: {} people", people.len());
        let all: usize = people.iter().map(visits).sum();
        assert!(all >= 400, "seed {seed}: {all} visits");
        let longest = visits(&people[0]);
        assert_eq!(longest, 40);
        assert!(
            people.iter().skip(1).all(|person| visits(person) * 2 < longest),
            "seed {seed}: one clearly the longest"
        );
    }
}

#[test]
fn everyone_has_been_at_two_branches_and_has_a_number_at_each() {
    for person in (0..20).flat_map(|seed| plan(seed, BRANCHES, TODAY).people) {
        let visited: BTreeSet<usize> = person.records.iter().map(|(branch, _)| *branch).collect();
        assert!(visited.len() >= 2);
        let numbered: Vec<&str> = person.identity.mrns.iter().map(|mrn| mrn.system.as_str()).collect();
        assert_eq!(numbered, visited.iter().map(|&branch| BRANCHES[branch]).collect::<Vec<_>>());
        for (branch, record) in &person.records {
            assert_eq!(record.organization.as_str(), BRANCHES[*branch]);
        }
    }
    let longest = &plan(1, BRANCHES, TODAY).people[0];
    assert_eq!(longest.identity.mrns.len(), BRANCHES.len());
}

#[test]
fn every_identity_and_record_passes_the_checks_and_comes_back_from_its_bytes() {
    for person in (0..5).flat_map(|seed| plan(seed, BRANCHES, TODAY).people) {
        assert_eq!(person.identity.check(), []);
        assert_eq!(Identity::from_bytes(&person.identity.to_bytes()).as_ref(), Ok(&person.identity));
        for (_, record) in &person.records {
            assert_eq!(record.check(), [], "{}", record.summary());
            assert_eq!(Record::from_bytes(&record.to_bytes()).as_ref(), Ok(record));
        }
    }
}

#[test]
fn histories_are_in_order_and_within_three_years_before_today() {
    let (first, last) = (When::day(days_before(TODAY, DAYS + 1)), When::day(TODAY));
    for person in plan(3, BRANCHES, TODAY).people {
        let times: Vec<i64> = person.records.iter().map(|(_, record)| record.occurred_sort_key()).collect();
        assert!(times.is_sorted());
        assert!(times.iter().all(|&time| time > first.utc_seconds() && time < last.utc_seconds()));
        let born = person.identity.birth_date.unwrap().utc_seconds();
        assert!(times.iter().all(|&time| time > born), "born after the first visit");
    }
}

#[test]
fn numbers_are_unique_and_people_are_found_by_them() {
    let people = plan(4, BRANCHES, TODAY).people;
    let mut owners = BTreeMap::new();
    for (i, person) in people.iter().enumerate() {
        for mrn in &person.identity.mrns {
            assert_eq!(owners.insert(mrn.value.to_string(), i), None, "{} twice", mrn.value);
        }
        let typed = format!("{} {}", person.identity.mrns[0].value, person.identity.family);
        let terms = person.identity.search_terms();
        assert!(query_terms(&typed).iter().all(|term| terms.contains(term)), "{typed}");
    }
}

#[test]
fn records_of_several_kinds_and_names_of_several_scripts_are_there() {
    let people = plan(5, BRANCHES, TODAY).people;
    let mut kinds: BTreeMap<RecordKind, usize> = BTreeMap::new();
    for (_, record) in people.iter().flat_map(|person| &person.records) {
        *kinds.entry(record.kind()).or_default() += 1;
    }
    for (kind, least) in [
        (RecordKind::Visit, 400),
        (RecordKind::Prescription, 150),
        (RecordKind::Receipt, 250),
        (RecordKind::Allergy, 40),
        (RecordKind::LaboratoryResult, 5),
    ] {
        assert!(kinds.get(&kind).is_some_and(|&count| count >= least), "{kind}: {kinds:?}");
    }
    let non_ascii = people.iter().filter(|person| !person.identity.name().is_ascii()).count();
    assert!(non_ascii >= 15, "{non_ascii} names beyond ASCII");
    for letters in ['ü', 'ł', 'ễ', '田', 'أ', 'Ş', 'ё'] {
        assert!(
            people.iter().any(|person| person.identity.name().contains(letters)),
            "no name with {letters}"
        );
    }
    let names: BTreeSet<String> = people.iter().map(|person| person.identity.name()).collect();
    assert_eq!(names.len(), people.len(), "two people of the same name");
}

#[test]
fn few_branches_are_no_trouble() {
    assert_eq!(plan(1, &[], TODAY).people, []);
    assert!(plan(1, &["only"], TODAY).people.len() >= 40);
    let two = plan(1, &["a", "b"], TODAY).people;
    assert!(two.iter().all(|person| person.identity.mrns.len() == 2));
}

#[test]
fn the_lists_are_complete_and_fit_everyone() {
    for scenario in CHRONIC.iter().chain(ACUTE) {
        let lists = [scenario.reasons, scenario.notes, scenario.follow_ups];
        assert!(lists.iter().all(|list| !list.is_empty()), "{}", scenario.diagnosis);
    }
    for sex in [Sex::Female, Sex::Male, Sex::Other] {
        for age in 0..=90 {
            assert!(ACUTE.iter().any(|scenario| scenario.fits(sex, age)), "nothing for {sex} at {age}");
        }
    }
}
