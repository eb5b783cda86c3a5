//! Made-up patients for `wardline demo`: the same seed gives the same people, with a past that reads like one.
//!
//! It must not know how a record is sealed or sent, and takes nothing from anywhere but its seed and its lists:
//! every name and every illness is invented.

mod dice;
mod names;
mod scenarios;

use dice::Dice;
use jiff::{ToSpan, civil::Date};
use names::{DOCTORS, NAMES, Name};
use scenarios::{ACUTE, CHRONIC, Measured, Medicine, Scenario};
use std::collections::BTreeSet;
use wardline_record::{
    AdmissionClass, Allergy, AllergyCategory, Body, Decimal, Diagnosis, DiagnosisRank, Finding, Flag,
    Identity, LaboratoryResult, Measurement, Mrn, Practitioner, Prescription, PrescriptionItem, Receipt,
    ReceiptLine, Record, ResultStatus, Severity, Sex, Text, Visit, When,
};

/// Visits of the one patient with the longest history.
const LONGEST: u64 = 40;
/// Fewest visits of all patients together.
const FEWEST_VISITS: u64 = 410;
/// How far back the histories go, in days.
const DAYS: u64 = 3 * 365;

/// Everybody whom the demo enrols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The patients; the first has by far the longest history.
    pub people: Vec<Person>,
}

/// One made-up patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who it is, with a number at each branch that was visited.
    pub identity: Identity,
    /// The history in time order, each record with the index of the branch that wrote it.
    pub records: Vec<(usize, Record)>,
}

/// Makes the people: at least 40 with at least 400 visits in the three years before `today`, everyone at two
/// branches or more where there are as many. Without branches there is nobody.
pub fn plan(seed: u64, branches: &[&str], today: Date) -> Plan {
    if branches.is_empty() {
        return Plan { people: Vec::new() };
    }
    let mut dice = Dice::new(seed);
    let counts = visit_counts(&mut dice);
    let people = NAMES.iter().zip(counts).enumerate();
    let people =
        people.map(|(number, (name, visits))| person(&mut dice, number, name, visits, branches, today));
    Plan { people: people.collect() }
}

/// How often each one came: the first much more than the others, all together often enough.
fn visit_counts(dice: &mut Dice) -> Vec<u64> {
    let mut counts: Vec<u64> = NAMES.iter().map(|_| 6 + dice.below(8)).collect();
    if let Some(first) = counts.first_mut() {
        *first = LONGEST;
    }
    while counts.iter().sum::<u64>() < FEWEST_VISITS {
        counts.iter_mut().skip(1).for_each(|count| *count += 1);
    }
    counts
}

fn person(
    dice: &mut Dice,
    number: usize,
    name: &Name,
    visits: u64,
    branches: &[&str],
    today: Date,
) -> Person {
    let age = if number == 0 { 58 } else { 3 + dice.below(84) };
    let born = days_before(today, age * 365 + age / 4 + dice.below(365));
    let illnesses = if visits == LONGEST { 3 } else { 1 + dice.below(2) };
    let chronic = chronic_conditions(dice, name.sex, age, illnesses);
    let home = number % branches.len();
    let mut history = History { dice, branches, age, sex: name.sex, chronic, home, records: Vec::new() };
    for (i, day) in history.visit_days(visits, today).into_iter().enumerate() {
        history.visit(i, day);
    }
    let records = history.records;

    let visited: BTreeSet<usize> = records.iter().map(|(branch, _)| *branch).collect();
    let mrns = visited.into_iter().filter_map(|branch| branches.get(branch).map(|system| (branch, *system)));
    let mrns =
        mrns.map(|(branch, system)| Mrn { system: system.into(), value: mrn(system, branch, number).into() });
    let phone = if age >= 14 { format!("+00 555 {:04}", 1000 + number * 97 % 9000) } else { String::new() };
    let identity = Identity {
        family: name.family.into(),
        given: name.given.into(),
        birth_date: Some(When::day(born)),
        sex: Some(name.sex),
        mrns: mrns.collect(),
        phone: phone.into(),
        ..Identity::default()
    };
    Person { identity, records }
}

/// A number that looks like the branch's own: "N-20431".
fn mrn(system: &str, branch: usize, number: usize) -> String {
    let initial: String = system.chars().take(1).flat_map(char::to_uppercase).collect();
    format!("{initial}-{}", 20_000 + branch * 2_000 + number * 37)
}

/// Up to `wanted` different ones that fit.
fn chronic_conditions(dice: &mut Dice, sex: Sex, age: u64, wanted: u64) -> Vec<&'static Scenario> {
    let mut fitting: Vec<&Scenario> = CHRONIC.iter().filter(|scenario| scenario.fits(sex, age)).collect();
    let mut chosen = Vec::new();
    while (chosen.len() as u64) < wanted && !fitting.is_empty() {
        chosen.push(fitting.swap_remove(dice.index(fitting.len())));
    }
    chosen
}

/// A history while it is written.
struct History<'a> {
    dice: &'a mut Dice,
    branches: &'a [&'a str],
    age: u64,
    sex: Sex,
    chronic: Vec<&'static Scenario>,
    home: usize,
    records: Vec<(usize, Record)>,
}

impl History<'_> {
    /// Different days before today, in their order.
    fn visit_days(&mut self, visits: u64, today: Date) -> Vec<Date> {
        let mut ago = BTreeSet::new();
        while (ago.len() as u64) < visits.min(DAYS) {
            ago.insert(1 + self.dice.below(DAYS));
        }
        ago.into_iter().rev().map(|days| days_before(today, days)).collect()
    }

    /// First at home, then elsewhere, so that nobody's history is at one branch alone; afterwards mostly at home.
    fn branch(&mut self, visit: usize) -> usize {
        let all = self.branches.len();
        let away = match visit {
            0 => 0,
            1 => 1,
            _ if self.dice.chance(35) => 1 + self.dice.index(all.saturating_sub(1)),
            _ => 0,
        };
        (self.home + away) % all
    }

    fn scenario(&mut self) -> Option<&'static Scenario> {
        if !self.chronic.is_empty() && self.dice.chance(60) {
            return Some(*self.dice.pick(&self.chronic));
        }
        let fitting: Vec<&Scenario> =
            ACUTE.iter().filter(|scenario| scenario.fits(self.sex, self.age)).collect();
        (!fitting.is_empty()).then(|| *self.dice.pick(&fitting))
    }

    /// One visit with the records that come of it.
    fn visit(&mut self, i: usize, day: Date) {
        let Some(scenario) = self.scenario() else { return };
        let branch = self.branch(i);
        let mut clock = Clock { day, minute: 8 * 60 + 5 * self.dice.below(108) };
        let doctor = self.doctor(branch);

        let content = self.visit_content(scenario);
        self.write(branch, &clock, &doctor, content);
        if i == 0 {
            clock.later(5);
            let statement = self.allergy();
            self.write(branch, &clock, &doctor, statement);
        }
        if !scenario.laboratory.is_empty() && self.dice.chance(30) {
            clock.later(10);
            let result = self.laboratory(scenario);
            self.write(branch, &clock, &doctor, result);
        }
        if !scenario.medicines.is_empty() && self.dice.chance(70) {
            clock.later(10);
            let items = scenario.medicines.iter().map(item).collect();
            let indication = scenario.diagnosis.into();
            self.write(
                branch,
                &clock,
                &doctor,
                Prescription { items, indication, ..Prescription::default() },
            );
        }
        if self.dice.chance(75) {
            clock.later(15);
            let desk = Practitioner { name: "Front desk".into(), id: Text::default() };
            let receipt = self.receipt(scenario, branch, day);
            self.write(branch, &clock, &desk, receipt);
        }
    }

    fn write(&mut self, branch: usize, clock: &Clock, practitioner: &Practitioner, body: impl Into<Body>) {
        let organization = self.branches.get(branch).copied().unwrap_or_default().into();
        let record = Record {
            occurred: clock.now(),
            recorded: None,
            practitioner: practitioner.clone(),
            organization,
            body: body.into(),
            note: Text::default(),
            corrects: None,
            source: None,
            attachments: Vec::new(),
        };
        self.records.push((branch, record));
    }

    /// One of the branch's three doctors.
    fn doctor(&mut self, branch: usize) -> Practitioner {
        let number = (branch * 3 + self.dice.index(3)) % DOCTORS.len();
        let name = DOCTORS.get(number).copied().unwrap_or_default();
        Practitioner { name: name.into(), id: format!("D-{}", 101 + number).into() }
    }

    fn visit_content(&mut self, scenario: &Scenario) -> Visit {
        let mut diagnoses = vec![diagnosis(scenario, DiagnosisRank::Primary)];
        let other = self.chronic.iter().find(|other| other.code != scenario.code && self.age >= 50);
        diagnoses.extend(other.map(|other| diagnosis(other, DiagnosisRank::Secondary)));
        let pressure = (112 + self.dice.below(45), 66 + self.dice.below(28));
        let pulse = 58 + self.dice.below(36);
        let vitals = match (self.age, scenario.class) {
            (_, AdmissionClass::Remote) => "By telephone, not examined.".to_owned(),
            (0..16, _) => format!(
                "Temperature {}.{} °C, pulse {}.",
                36 + self.dice.below(3),
                self.dice.below(10),
                pulse + 15
            ),
            _ => format!("Blood pressure {}/{} mmHg, pulse {pulse}/min.", pressure.0, pressure.1),
        };
        let follow_up = self.dice.pick(scenario.follow_ups);
        Visit {
            class: Some(scenario.class),
            visit_type: scenario.visit_type.into(),
            department: scenario.department.into(),
            reason: (*self.dice.pick(scenario.reasons)).into(),
            diagnoses,
            notes: format!("{vitals}\n{}", self.dice.pick(scenario.notes)).into(),
            follow_up: (*follow_up).into(),
            ..Visit::default()
        }
    }

    fn allergy(&mut self) -> Allergy {
        use AllergyCategory::{Environment, Food, Material, Medicine};
        const KNOWN: &[(&str, AllergyCategory, &str, Severity)] = &[
            ("penicillin", Medicine, "rash within hours", Severity::Moderate),
            ("ibuprofen", Medicine, "wheezing", Severity::Severe),
            ("birch pollen", Environment, "sneezing, itching eyes", Severity::Mild),
            ("peanut", Food, "anaphylaxis", Severity::Severe),
            ("wasp venom", Environment, "swelling of the arm", Severity::Moderate),
            ("latex", Material, "contact rash", Severity::Mild),
        ];
        if !self.dice.chance(35) {
            return Allergy { finding: Some(Finding::NoneKnown), ..Allergy::default() };
        }
        let (substance, category, reaction, severity) = *self.dice.pick(KNOWN);
        Allergy {
            finding: Some(Finding::Present),
            category: Some(category),
            substance: substance.into(),
            reaction: reaction.into(),
            severity: Some(severity),
            ..Allergy::default()
        }
    }

    fn laboratory(&mut self, scenario: &Scenario) -> LaboratoryResult {
        let measurements = scenario.laboratory.iter().map(|measured| self.measurement(measured));
        LaboratoryResult {
            status: Some(ResultStatus::Final),
            specimen: "venous blood".into(),
            measurements: measurements.collect(),
            ..LaboratoryResult::default()
        }
    }

    fn measurement(&mut self, measured: &Measured) -> Measurement {
        let (least, most) = measured.seen;
        let value = least + self.dice.below(most.abs_diff(least) + 1).cast_signed();
        let (low, high) = measured.normal;
        let flag = if value < low {
            Flag::Low
        } else if value > high {
            Flag::High
        } else {
            Flag::Normal
        };
        let decimal = |units| exact(units, measured.scale);
        Measurement {
            test: measured.test.into(),
            code: measured.code.into(),
            value: decimal(value).to_string().into(),
            unit: measured.unit.into(),
            low: Some(decimal(low)),
            high: Some(decimal(high)),
            flag: Some(flag),
            ..Measurement::default()
        }
    }

    fn receipt(&mut self, scenario: &Scenario, branch: usize, day: Date) -> Receipt {
        let consultation = match scenario.class {
            AdmissionClass::Emergency => ("emergency consultation", 6_840),
            AdmissionClass::Remote => ("telephone consultation", 1_875),
            _ => ("consultation", 3_420 + 115 * self.dice.below(6).cast_signed()),
        };
        let charges: Vec<(&str, i64)> =
            std::iter::once(consultation).chain(scenario.charges.iter().copied()).collect();
        let total: i64 = charges.iter().map(|(_, cents)| cents).sum();
        let (paid, method) = match self.dice.below(10) {
            0 => (0, ""),
            1 | 2 => (total / 2, "cash"),
            3..=5 => (total, "cash"),
            _ => (total, "card"),
        };
        let line = |(what, cents): (&str, i64)| ReceiptLine {
            description: what.into(),
            amount: Some(exact(cents, 2)),
            ..ReceiptLine::default()
        };
        let serial = 1_000 + self.dice.below(9_000);
        Receipt {
            number: format!("{}-{}-{serial}", branch + 1, day.strftime("%y%m%d")).into(),
            currency: "EUR".into(),
            lines: charges.into_iter().map(line).collect(),
            total: exact(total, 2),
            paid: Some(exact(paid, 2)),
            due: Some(exact(total - paid, 2)),
            method: method.into(),
            due_by: (paid < total).then(|| When::day(day.saturating_add(30.days()))),
            ..Receipt::default()
        }
    }
}

fn diagnosis(scenario: &Scenario, rank: DiagnosisRank) -> Diagnosis {
    Diagnosis { text: scenario.diagnosis.into(), code: scenario.code.into(), rank: Some(rank) }
}

fn item(medicine: &Medicine) -> PrescriptionItem {
    PrescriptionItem {
        medicine: medicine.name.into(),
        code: medicine.code.into(),
        strength: medicine.strength.into(),
        form: medicine.form.into(),
        dose: medicine.dose.into(),
        frequency: medicine.frequency.into(),
        route: Some(medicine.route),
        duration: medicine.duration.into(),
        quantity: medicine.quantity.into(),
        ..PrescriptionItem::default()
    }
}

/// An amount of the lists, which are all small.
fn exact(units: i64, scale: u8) -> Decimal {
    Decimal::new(units, scale).unwrap_or(Decimal::ZERO)
}

fn days_before(today: Date, days: u64) -> Date {
    today.saturating_sub(i32::try_from(days).unwrap_or(0).days())
}

/// The time of day during a visit.
struct Clock {
    day: Date,
    minute: u64,
}

impl Clock {
    fn later(&mut self, minutes: u64) {
        self.minute += minutes;
    }

    /// With the offset of central Europe, whose summer time is rounded to whole months.
    fn now(&self) -> When {
        let part = |n: u64| i8::try_from(n).unwrap_or(0);
        let local = self.day.at(part(self.minute / 60), part(self.minute % 60), 0, 0);
        let offset = if (4..=10).contains(&self.day.month()) { 120 } else { 60 };
        When::moment(local, offset).unwrap_or_else(|_| When::day(self.day))
    }
}

#[cfg(test)]
mod tests;
