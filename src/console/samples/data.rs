//! The made-up data of the samples. Nobody in it exists.

use wardline_client::{
    AnswerState, BranchAnswer, BranchView, BranchWord, Candidate, Check, FinalLookup, Head, History,
    Overview, RecordVerdict, Row, RowState, SearchOutcome, Wholeness,
};
use wardline_crypto::Digest;
use wardline_ledger::{LookupId, PatientId, RecordId, StaffId};
use wardline_record::{
    AdmissionClass, Allergy, AllergyCategory, Body, Decimal, Diagnosis, DiagnosisRank, Finding, Flag,
    Identity, LaboratoryResult, Measurement, Mrn, Practitioner, Prescription, PrescriptionItem, Receipt,
    ReceiptLine, Record, RecordKind, ResultStatus, Route, Severity, Sex, Visit, When,
};

/// Sunday, 1 March 2026, 12:02 UTC.
pub const NOW_S: u64 = 1_772_366_520;
/// The branches: number, name, whether on the side chain.
pub const BRANCHES: [(u16, &str, bool); 5] =
    [(1, "North", true), (2, "East", true), (3, "South", true), (4, "West", true), (5, "Institute", false)];

/// An overview in which one branch is behind, one silent and one shows another block.
pub fn overview() -> Overview {
    let main = Digest::of(b"main head");
    let view = |(id, name, trusted): (u16, &str, bool)| BranchView {
        id,
        name: name.into(),
        own: id == 1,
        word: BranchWord::Verified,
        main_height: Some(1204),
        side_height: trusted.then_some(3381),
        head: Some(main),
        behind: 0,
        round_trip_ms: Some(4 + 9 * u64::from(id)),
        last_answer_s: Some(NOW_S - 1),
        verified_main: Some(1204),
        verified_side: trusted.then_some(3381),
        fresh: Some(true),
        waiting: Some(0),
        envelopes: Some(2310 + 7 * u64::from(id)),
        detail: None,
    };
    let mut branches: Vec<_> = BRANCHES.map(view).into();
    if let [_, east, south, west, _] = branches.as_mut_slice() {
        let older = Digest::of(b"older");
        east.word = BranchWord::Behind;
        (east.main_height, east.verified_main, east.head, east.behind) =
            (Some(1199), Some(1199), Some(older), 5);
        (east.fresh, east.waiting) = (Some(false), Some(3));
        south.word = BranchWord::Silent;
        (south.round_trip_ms, south.last_answer_s) = (None, Some(NOW_S - 7_200));
        (south.fresh, south.waiting, south.envelopes) = (None, None, None);
        south.detail = Some("no answer within 3000 ms".into());
        west.word = BranchWord::Conflict;
        west.head = Some(Digest::of(b"another block"));
        (west.verified_main, west.fresh) = (Some(1203), Some(false));
        west.detail = Some("its block 1204 is not the one that the quorum signed: tell the operators".into());
    }
    Overview {
        main: Head { height: 1204, digest: main, time_s: NOW_S - 16 },
        side: Some(Head { height: 3381, digest: Digest::of(b"side head"), time_s: NOW_S - 18 }),
        branches,
        asking: false,
        verdicts: None,
        warning: None,
    }
}

/// The same with every branch well.
pub fn overview_well() -> Overview {
    let mut overview = overview();
    let whole = overview.branches.first().cloned();
    for branch in &mut overview.branches {
        if let (Some(whole), true) = (&whole, branch.word != BranchWord::Verified) {
            let own_id = (branch.id, branch.name.clone());
            *branch = BranchView { id: own_id.0, name: own_id.1, own: false, ..whole.clone() };
        }
    }
    overview
}

fn identity(family: &str, given: &str, born: &str, sex: Sex, mrns: &[(&str, &str)]) -> Identity {
    Identity {
        family: family.into(),
        given: given.into(),
        birth_date: born.parse().ok(),
        sex: Some(sex),
        mrns: mrns
            .iter()
            .map(|&(system, value)| Mrn { system: system.into(), value: value.into() })
            .collect(),
        phone: "".into(),
        ..Identity::default()
    }
}

/// The patient that most samples are about.
pub fn patient() -> Identity {
    identity("Tan", "Mei Ling", "1980-02-03", Sex::Female, &[("North", "00123"), ("South", "8831")])
}

/// That patient's number in the samples.
pub fn patient_id() -> PatientId {
    PatientId::from_bytes([7; 16])
}

/// A lookup that is final.
pub fn lookup() -> FinalLookup {
    FinalLookup { id: LookupId::from_bytes([0x5a; 16]), height: 3380 }
}

/// What four branches answered.
pub fn all_answered(asked: u32) -> Vec<BranchAnswer> {
    let answer = |(branch, name, _): (u16, &str, bool)| BranchAnswer {
        branch,
        name: name.into(),
        asked,
        answered: asked,
        verified: asked,
        withheld: 0,
        lacking: 0,
        state: AnswerState::Answered,
    };
    BRANCHES.into_iter().filter(|(.., trusted)| *trusted).map(answer).collect()
}

/// The same, with South silent since ten o'clock.
pub fn south_silent(asked: u32) -> Vec<BranchAnswer> {
    let mut branches = all_answered(asked);
    for branch in branches.iter_mut().filter(|branch| branch.name == "South") {
        branch.state = AnswerState::Silent { since_s: Some(NOW_S - 7_200) };
        (branch.answered, branch.verified) = (0, 0);
    }
    branches
}

/// Four patients for one search.
pub fn found() -> SearchOutcome {
    let people = [
        patient(),
        identity("Tan", "Mei Xin", "1992-11-30", Sex::Female, &[("West", "W-4410")]),
        identity("Tan", "Meiyu Charlotte Amelia", "2019-06-17", Sex::Female, &[("North", "01877")]),
        identity("Tanaka", "Meiko", "1957-08-21", Sex::Female, &[("East", "E20931"), ("North", "00098")]),
    ];
    let candidates = people.into_iter().enumerate().map(|(at, identity)| Candidate {
        patient: if at == 0 {
            patient_id()
        } else {
            PatientId::from_bytes([u8::try_from(at).unwrap_or(0); 16])
        },
        identity,
        from: vec![1, 2, 3, 4],
    });
    SearchOutcome { candidates: candidates.collect(), more: false, branches: all_answered(4) }
}

/// A record of a day by a doctor.
pub fn record(day: &str, doctor: &str, branch: &str, body: impl Into<Body>) -> Record {
    Record {
        occurred: day.parse().unwrap_or_else(|_| When::day(jiff::civil::date(2026, 1, 1))),
        recorded: None,
        practitioner: Practitioner { name: doctor.into(), id: "".into() },
        organization: branch.into(),
        body: body.into(),
        note: "".into(),
        corrects: None,
        source: None,
        attachments: Vec::new(),
    }
}

fn visit(kind: &str, reason: &str, diagnosis: &str) -> Visit {
    Visit {
        class: Some(AdmissionClass::Ambulatory),
        visit_type: kind.into(),
        department: "internal medicine".into(),
        reason: reason.into(),
        diagnoses: vec![Diagnosis {
            text: diagnosis.into(),
            code: "I10".into(),
            rank: Some(DiagnosisRank::Primary),
        }],
        notes: "Blood pressure at home 150-160 over 95 for three weeks. No chest pain, no dizziness.\n\
                Examination: regular pulse 78, 158/96 on both arms, heart and lungs without findings.\n\
                Advice: salt, walking, home readings twice a day for two weeks."
            .into(),
        follow_up: "control in 4 weeks with the readings".into(),
        ..Visit::default()
    }
}

fn medicine(name: &str, strength: &str, dose: &str, frequency: &str) -> PrescriptionItem {
    PrescriptionItem {
        medicine: name.into(),
        strength: strength.into(),
        form: "tablet".into(),
        dose: dose.into(),
        frequency: frequency.into(),
        route: Some(Route::Oral),
        duration: "3 months".into(),
        quantity: "90 tablets".into(),
        ..PrescriptionItem::default()
    }
}

fn receipt(number: &str, cents: i64, paid: i64) -> Receipt {
    let amount = |cents| Decimal::new(cents, 2).unwrap_or(Decimal::ZERO);
    Receipt {
        number: number.into(),
        currency: "EUR".into(),
        lines: vec![ReceiptLine {
            description: "consultation, 20 min".into(),
            amount: Some(amount(cents)),
            ..ReceiptLine::default()
        }],
        total: amount(cents),
        paid: Some(amount(paid)),
        due: Some(amount(cents - paid)),
        method: "card".into(),
        ..Receipt::default()
    }
}

fn allergy(substance: &str, reaction: &str, severity: Severity) -> Allergy {
    Allergy {
        finding: Some(Finding::Present),
        category: Some(AllergyCategory::Medicine),
        substance: substance.into(),
        reaction: reaction.into(),
        severity: Some(severity),
        confirmed: true,
        ..Allergy::default()
    }
}

fn laboratory() -> LaboratoryResult {
    LaboratoryResult {
        status: Some(ResultStatus::Final),
        specimen: "venous blood".into(),
        panel: "kidney function".into(),
        measurements: vec![Measurement {
            test: "creatinine".into(),
            value: "1.4".into(),
            unit: "mg/dl".into(),
            flag: Some(Flag::High),
            ..Measurement::default()
        }],
        ..LaboratoryResult::default()
    }
}

/// Rows by number: branch, record, state.
fn row(number: u8, branch: u16, state: RowState, record: Record) -> Row {
    let agreed = state != RowState::NotAgreed;
    let opened = matches!(state, RowState::Verified | RowState::Altered | RowState::NotAgreed);
    let name = BRANCHES.iter().find(|(id, ..)| *id == branch).map_or("", |(_, name, _)| name);
    Row {
        record: RecordId::from_bytes([number; 16]),
        branch,
        branch_name: name.into(),
        kind: Some(record.kind()),
        state,
        verdict: verdict(state),
        opened: opened.then_some(record),
        pointer: agreed.then(|| Digest::of(&[number])),
        version: agreed.then_some(1),
        author: agreed.then(|| StaffId::from_bytes([0x5a; 16])),
        main_height: agreed.then(|| 1190 - 13 * u64::from(number)),
        opened_from: opened.then_some(branch),
        notes: Vec::new(),
    }
}

/// The checks as the client makes them where a record is in this state, its list proven whole.
fn verdict(state: RowState) -> RecordVerdict {
    let whole = RecordVerdict {
        pointer: Check::Holds,
        ciphertext: Check::Holds,
        opened: Check::Holds,
        history: Check::Holds,
    };
    let cannot = |why: &str| Check::CannotBe(why.to_owned());
    match state {
        // Altered at one branch, and opened from another's copy.
        RowState::Verified | RowState::Altered => whole,
        RowState::Withheld => {
            let opened = cannot("North withholds the key: the patient denied this purpose");
            RecordVerdict { opened, ..whole }
        }
        RowState::Unreachable => {
            let ciphertext = cannot("no branch that answers gave it");
            RecordVerdict { ciphertext, opened: Check::NotChecked, ..whole }
        }
        RowState::Lost => {
            let ciphertext = cannot("every branch answers that it does not have it");
            RecordVerdict { ciphertext, opened: Check::NotChecked, ..whole }
        }
        RowState::Damaged => {
            let opened = Check::Fails("the sealed record does not open with the released key".to_owned());
            RecordVerdict { opened, ..whole }
        }
        RowState::Mismatch => {
            let pointer = Check::Fails("linked at North, and the main chain has it from East".to_owned());
            RecordVerdict { pointer, ..whole }
        }
        RowState::NotAgreed => RecordVerdict {
            pointer: cannot("the main chain does not have it yet"),
            history: Check::Holds,
            ..RecordVerdict::default()
        },
    }
}

fn not_whole(history: &mut History) {
    if let Wholeness::NotProven { reason } = &history.whole {
        for row in &mut history.rows {
            row.verdict.history = Check::Fails(reason.clone());
        }
    }
}

fn rows() -> Vec<Row> {
    let ok = |number, branch, day: &str, doctor: &str, body: Body| {
        let name = BRANCHES.iter().find(|(id, ..)| *id == branch).map_or("", |(_, name, _)| name);
        row(number, branch, RowState::Verified, record(day, doctor, name, body))
    };
    vec![
        ok(
            0,
            1,
            "2026-02-27T14:05:00Z",
            "Dr. Amara Okafor",
            visit("control", "high blood pressure", "essential hypertension").into(),
        ),
        ok(
            1,
            1,
            "2026-02-27T14:25:00Z",
            "Dr. Amara Okafor",
            Prescription {
                items: vec![
                    medicine("Ramipril", "5 mg", "1 tablet", "once a day in the morning"),
                    medicine("Amlodipine", "5 mg", "1 tablet", "once a day in the evening"),
                ],
                indication: "hypertension".into(),
                ..Prescription::default()
            }
            .into(),
        ),
        ok(2, 1, "2026-02-27T14:30:00Z", "Front desk North", receipt("N-2026-0481", 4_500, 4_500).into()),
        ok(3, 4, "2026-01-14", "Dr. Jonas Weber", laboratory().into()),
        ok(
            4,
            3,
            "2025-11-03",
            "Dr. Priya Raman",
            visit("first consultation", "headaches in the morning", "suspected hypertension").into(),
        ),
        ok(5, 3, "2025-11-03", "Dr. Priya Raman", receipt("S-11-2207", 6_250, 2_000).into()),
        ok(
            6,
            2,
            "2024-08-19",
            "Dr. Lena Fischer",
            visit("emergency", "fall from a bicycle", "wrist sprain").into(),
        ),
        ok(
            7,
            2,
            "2021-05-02",
            "Dr. Lena Fischer",
            allergy("penicillin", "rash and swollen lips", Severity::Severe).into(),
        ),
        ok(8, 4, "2019-03-11", "Dr. Jonas Weber", allergy("latex", "itching", Severity::Mild).into()),
    ]
}

/// A whole history.
pub fn history() -> History {
    history_of_rows(rows())
}

/// A whole history of these records, kept at North.
pub fn history_with(records: impl IntoIterator<Item = Record>) -> History {
    let rows = (0..).zip(records).map(|(number, record)| row(number, 1, RowState::Verified, record));
    history_of_rows(rows.collect())
}

/// A whole history of one record.
pub fn history_of(record: Record) -> History {
    history_with([record])
}

fn history_of_rows(rows: Vec<Row>) -> History {
    History {
        patient: patient_id(),
        identity: Some(patient()),
        lookup: lookup(),
        total_links: u64::try_from(rows.len()).unwrap_or(0),
        rows,
        whole: Wholeness::Proven { side_height: 3381 },
        main_height: 1204,
        side_height: 3381,
        branches: all_answered(9),
        took_ms: 140,
    }
}

/// A history with everything that can go wrong with a row.
pub fn history_with_faults() -> History {
    let mut history = history();
    let states = [
        RowState::NotAgreed,
        RowState::Verified,
        RowState::Altered,
        RowState::Withheld,
        RowState::Unreachable,
        RowState::Unreachable,
        RowState::Damaged,
        RowState::Withheld,
        RowState::Verified,
    ];
    for (row, state) in history.rows.iter_mut().zip(states) {
        (row.state, row.verdict) = (state, verdict(state));
        match state {
            RowState::Verified => {}
            RowState::Altered => {
                row.opened_from = Some(2);
                row.notes.push("West served a changed copy; opened from East".into());
            }
            RowState::NotAgreed => {
                (row.main_height, row.pointer, row.version, row.author) = (None, None, None, None);
                row.notes.push("kept at North, waiting for the quorum".into());
            }
            RowState::Mismatch => {
                row.notes.push("linked at North, and the main chain has it from East".into())
            }
            RowState::Withheld | RowState::Unreachable | RowState::Lost | RowState::Damaged => {
                (row.opened, row.opened_from) = (None, None);
                row.notes.extend((state == RowState::Unreachable).then(|| "South is silent".to_owned()));
            }
        }
    }
    history.rows.sort_by_key(|row| row.opened.is_some());
    history.whole = Wholeness::NotProven { reason: "the side chain could not be read at 3381".into() };
    history.branches = south_silent(9);
    not_whole(&mut history);
    history
}

/// A history before any check of it was made.
pub fn history_not_checked() -> History {
    let mut history = history();
    history.rows.iter_mut().for_each(|row| row.verdict = RecordVerdict::default());
    history
}

/// A history whose patient is somebody else than the search showed, with a record that may be another patient's.
pub fn history_not_proven() -> History {
    let mut history = history();
    history.identity = None;
    history.whole =
        Wholeness::NotProven { reason: "the two chains name different branches for 1 of the records".into() };
    if let Some(row) = history.rows.first_mut() {
        (row.state, row.verdict) = (RowState::Mismatch, verdict(RowState::Mismatch));
        row.version = Some(2);
        row.notes.push("linked at North, and the main chain has it from East".into());
    }
    not_whole(&mut history);
    history
}

/// A history made of text that tries to command the terminal or to deceive the reader.
pub fn hostile_history() -> History {
    let mut history = history();
    let evil = hostile_text();
    let visit = Visit {
        visit_type: evil.as_str().into(),
        reason: evil.as_str().into(),
        notes: evil.as_str().into(),
        ..Visit::default()
    };
    for row in &mut history.rows {
        row.branch_name = evil.clone();
        row.notes = vec![evil.clone()];
        if row.kind == Some(RecordKind::Visit) {
            row.opened = Some(record("2026-02-27", &evil, &evil, visit.clone()));
        }
        if row.kind == Some(RecordKind::Allergy) {
            row.opened = Some(record("2026-02-27", &evil, &evil, allergy(&evil, &evil, Severity::Mild)));
        }
    }
    history.identity = Some(hostile_patient());
    history.whole = Wholeness::NotProven { reason: evil.clone() };
    for branch in &mut history.branches {
        branch.name.clone_from(&evil);
        branch.state = AnswerState::Invalid { reason: evil.clone() };
    }
    history
}

/// A patient whose name and numbers are such text.
pub fn hostile_patient() -> Identity {
    let evil = hostile_text();
    identity(&evil, &evil, "1980-02-03", Sex::Other, &[(&evil, &evil)])
}

/// Escape sequences, an override of the writing direction, zero-width and tag characters.
pub fn hostile_text() -> String {
    "A\u{202e}B\u{1b}[2J\u{1b}]0;x\u{7}C\u{200b}D\u{9b}31mE\u{e0041}F\u{2066}G".into()
}
