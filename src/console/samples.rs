//! Named states with made-up data: what the tests draw, the screenshots show and the manual speaks of.
//!
//! Each state is reached as a person reaches it, by keys and answers through [`update`](crate::update), so that no
//! picture shows what the console cannot be in.

pub(crate) mod alarms;
pub(crate) mod chain;
pub(crate) mod data;
mod kinds;
pub(crate) mod strip;

use crate::{
    effects::Effect,
    keymap::Key,
    message::{Message, Ticket, Who},
    model::{Model, Screen},
    screens::{
        entry::slot::{ChargeSlot, MedicineSlot, Slot},
        history,
        unlock::Unlock,
    },
    theme::Theme,
    update::update,
    widgets::field::Passphrase,
};
use jiff::tz::TimeZone;
use wardline_client::{Added, Overview, Progress, SearchOutcome};
use wardline_ledger::{RecordId, StaffId};
use wardline_policy::{RecordKind, Role, Roles};

pub use chain::hostile_block;
pub use data::{NOW_S, hostile_history, hostile_patient, hostile_text};

/// Every state that has a picture; a name that ends in `-mono` is drawn without colours.
pub const NAMES: &[&str] = &[
    "unlock",
    "unlock-wrong",
    "overview",
    "overview-well",
    "overview-mono",
    "patients",
    "patients-found",
    "patients-silent",
    "lookup",
    "lookup-waiting",
    "history",
    "history-mono",
    "history-faults",
    "history-not-proven",
    "history-unchecked",
    "history-unchecked-mono",
    "record",
    "record-mismatch",
    "record-verdict",
    "record-verdict-mono",
    "record-unchecked",
    "record-withheld",
    "record-visit",
    "record-hospital-stay",
    "record-prescription",
    "record-medication-given",
    "record-laboratory-result",
    "record-laboratory-result-mono",
    "record-imaging-report",
    "record-allergy",
    "record-condition",
    "record-family-history",
    "record-immunization",
    "record-operation",
    "record-receipt",
    "entry",
    "entry-mono",
    "entry-errors",
    "entry-prescription",
    "entry-receipt",
    "chain",
    "chain-mono",
    "chain-side",
    "chain-silent",
    "chain-empty",
    "chain-old",
    "strip",
    "strip-mono",
    "strip-twelve",
    "strip-twenty",
    "strip-unasked",
    "strip-cell",
    "strip-cell-mono",
    "strip-cell-behind",
    "bisect-differs",
    "bisect-same",
    "bisect-shorter",
    "bisect-silent",
    "bisect-asking",
    "alarm-overview",
    "alarm-overview-mono",
    "alarm-chain",
    "alarm-patients",
    "alarm-entry",
    "alarm-entry-mono",
    "alarm-lookup",
    "alarm-locked",
    "alarms",
    "alarm",
    "alarm-mono",
    "alarm-refused",
    "alarm-reason",
    "alarm-confirm",
    "alarm-closed",
    "block",
    "block-asking",
    "block-alarm",
    "block-refused",
    "block-side",
    "transaction",
    "transaction-registry",
    "transaction-lookup",
    "confirm",
    "sending",
    "failed",
    "help",
    "staff",
    "refused",
    "locked",
];

/// The state with this name, without the `-mono`.
pub fn model(name: &str) -> Option<Model> {
    Some(match name {
        "unlock" => locked(),
        "unlock-wrong" => {
            let mut model = locked();
            typed(&mut model, "wrong");
            let ticket = asked(press(&mut model, Key::Enter));
            update(
                &mut model,
                Message::Unlocked(ticket, Err("wrong passphrase, or the file was changed".into())),
            );
            model
        }
        "overview" => strip::overview(data::overview()),
        "overview-well" => strip::overview(data::overview_well()),
        "patients" => patients(Role::Ward),
        "patients-found" => searched(data::found()),
        "patients-silent" => searched(SearchOutcome { branches: data::south_silent(4), ..data::found() }),
        "lookup" => lookup(),
        "lookup-waiting" => {
            let mut model = lookup();
            press(&mut model, Key::Enter);
            later(&mut model, 2);
            model
        }
        "history" => with_history(data::history()),
        "history-faults" => {
            let mut model = with_history(data::history_with_faults());
            (0..5).for_each(|_| drop(press(&mut model, Key::Down)));
            model
        }
        "history-unchecked" => with_history(data::history_not_checked()),
        "history-imported" => with_imported_history(),
        "history-not-proven" => {
            let mut model = with_history(data::history_not_proven());
            press(&mut model, Key::Char('n'));
            model
        }
        "record-mismatch" => {
            let mut model = with_history(data::history_not_proven());
            press(&mut model, Key::Enter);
            press(&mut model, Key::End);
            model
        }
        "record-verdict" => {
            let mut model = with_history(data::history());
            let effects = press(&mut model, Key::Enter);
            strip::answer_custody(&mut model, effects);
            press(&mut model, Key::End);
            model
        }
        "record-unchecked" => {
            let mut model = with_history(data::history_not_checked());
            press(&mut model, Key::Enter);
            press(&mut model, Key::End);
            model
        }
        "record-withheld" => {
            let mut model = with_history(data::history_with_faults());
            press(&mut model, Key::Enter);
            press(&mut model, Key::End);
            model
        }
        "record" => {
            let mut model = with_history(data::history());
            press(&mut model, Key::Enter);
            model
        }
        "entry" => {
            let mut model = entry();
            fill_visit(&mut model);
            model
        }
        "entry-errors" => {
            let mut model = entry();
            set(&mut model, Slot::Reason, "cough for ten days");
            set(&mut model, Slot::When, "27.2.");
            press(&mut model, Key::Ctrl('s'));
            model
        }
        "entry-prescription" => {
            let mut model = full_entry();
            (0..13).for_each(|_| drop(press(&mut model, Key::Tab)));
            model
        }
        "entry-receipt" => {
            let mut model = full_entry();
            (0..22).for_each(|_| drop(press(&mut model, Key::Tab)));
            model
        }
        "confirm" => confirm(),
        "sending" => sending(),
        "failed" => {
            let mut model = sending();
            let why = "not copied: East: no answer within 3000 ms. It is kept at North and not on any chain; send \
                       it again when a second branch answers";
            if let Some(ticket) = sending_ticket(&model) {
                update(&mut model, Message::Sent { ticket, part: 1, outcome: Err(why.into()) });
            }
            model
        }
        "help" => {
            let mut model = with_history(data::history());
            press(&mut model, Key::Char('?'));
            model
        }
        "staff" => {
            let mut model = overview(Role::Operator, data::overview_well());
            press(&mut model, Key::Char('w'));
            model
        }
        "refused" => {
            let mut model = overview(Role::Operator, data::overview_well());
            press(&mut model, Key::Char('2'));
            model
        }
        "locked" => {
            let mut model = with_history(data::history());
            let seconds = model.idle_lock_s;
            later(&mut model, seconds);
            model
        }
        _ => {
            return record_page(name)
                .or_else(|| chain::model(name))
                .or_else(|| strip::model(name))
                .or_else(|| alarms::model(name));
        }
    })
}

/// "record-allergy": the page of a record of this kind; with "-imported" of one that another system gave.
fn record_page(name: &str) -> Option<Model> {
    let kind = name.strip_prefix("record-")?;
    let record = match kind.strip_suffix("-imported") {
        Some(kind) => kinds::imported(kind_of(kind)?),
        None => kinds::local(kind_of(kind)?),
    };
    let mut model = with_history(data::history_of(record));
    press(&mut model, Key::Enter);
    Some(model)
}

fn kind_of(name: &str) -> Option<RecordKind> {
    RecordKind::ALL.iter().copied().find(|kind| kind.name() == name)
}

/// A history whose records all came from another system, one of each kind.
fn with_imported_history() -> Model {
    with_history(data::history_with(RecordKind::ALL.iter().map(|&kind| kinds::imported(kind))))
}

/// A locked console with four key files.
pub fn locked() -> Model {
    let staff =
        ["Mei Tan (ward)", "Ada Novak (registrar)", "Samuel Osei (supervisor)", "Iris Lund (operator)"];
    let hint = "Demo: every key file here has the passphrase that the demo printed.";
    let unlock = Unlock::new(staff.map(str::to_owned).into(), Some(hint.into()), Passphrase::new());
    Model::new("Demo hospitals".into(), unlock, 300, NOW_S, TimeZone::UTC, Theme::Colour)
}

/// Somebody with this role, signed in, before any branch answered.
pub fn signed_in(role: Role) -> Model {
    let mut model = locked();
    typed(&mut model, "four made up words");
    let ticket = asked(press(&mut model, Key::Enter));
    update(&mut model, Message::Unlocked(ticket, Ok(who(role))));
    model
}

/// Somebody with this role.
pub fn who(role: Role) -> Who {
    let name = match role {
        Role::Registrar => "Ada Novak",
        Role::Supervisor => "Samuel Osei",
        Role::Operator => "Iris Lund",
        Role::Auditor => "Priya Nair",
        _ => "Mei Tan",
    };
    Who {
        staff: StaffId::from_bytes([role.code(); 16]),
        name: name.into(),
        roles: Roles::of(&[role]),
        branch: 1,
        branch_name: "North".into(),
        trusted_branch: true,
        expires_s: NOW_S + 43_200,
    }
}

fn overview(role: Role, known: Overview) -> Model {
    let mut model = signed_in(role);
    if let Some(ticket) = model.overview.asking {
        update(&mut model, Message::Refreshed(ticket, Box::new(known)));
    }
    model
}

fn patients(role: Role) -> Model {
    let mut model = overview(role, data::overview_well());
    press(&mut model, Key::Char('2'));
    model
}

/// After a search that came back with this.
pub fn searched(outcome: SearchOutcome) -> Model {
    let mut model = patients(Role::Ward);
    typed(&mut model, "tan mei");
    let ticket = asked(press(&mut model, Key::Enter));
    update(&mut model, Message::Found(ticket, Ok(Box::new(outcome))));
    model
}

fn lookup() -> Model {
    let mut model = searched(data::found());
    press(&mut model, Key::Enter);
    press(&mut model, Key::Enter);
    press(&mut model, Key::Enter);
    model
}

/// After a lookup that became final and a history that came back as this.
pub fn with_history(fetched: wardline_client::History) -> Model {
    let mut model = lookup();
    let ticket = asked(press(&mut model, Key::Enter));
    let ticket = asked(update(&mut model, Message::LookedUp(ticket, Ok(data::lookup()))));
    update(&mut model, Message::Fetched(ticket, Ok(Box::new(fetched))));
    model
}

/// The same for a patient and a history made of hostile text.
pub fn hostile() -> Model {
    let mut model = overview(Role::Ward, data::overview());
    let (patient, identity) = (data::patient_id(), hostile_patient());
    let ticket = asked(history::open(&mut model, patient, identity, data::lookup()));
    update(&mut model, Message::Fetched(ticket, Ok(Box::new(hostile_history()))));
    model
}

/// An empty form for a new visit.
pub fn entry() -> Model {
    let mut model = with_history(data::history());
    press(&mut model, Key::Char('n'));
    model
}

fn fill_visit(model: &mut Model) {
    for (slot, text) in [
        (Slot::VisitType, "control"),
        (Slot::Department, "internal medicine"),
        (Slot::Reason, "blood pressure control after four weeks of ramipril"),
        (Slot::Diagnosis, "essential hypertension"),
        (
            Slot::Notes,
            "Home readings 135-140 over 85. No cough, no swelling. 138/84 on both arms. Goes on as before.",
        ),
        (Slot::FollowUp, "control in 3 months"),
    ] {
        set(model, slot, text);
    }
    choose(model, Slot::Class, 0);
}

/// A form for a visit, a prescription and a receipt, all in order.
pub fn full_entry() -> Model {
    let mut model = entry();
    fill_visit(&mut model);
    choose(&mut model, Slot::Medicines, 1);
    choose(&mut model, Slot::Charges, 1);
    for (slot, text) in [
        (MedicineSlot::Name, "Ramipril"),
        (MedicineSlot::Strength, "5 mg"),
        (MedicineSlot::Dose, "1 tablet"),
        (MedicineSlot::Frequency, "once a day in the morning"),
        (MedicineSlot::Duration, "3 months"),
        (MedicineSlot::Quantity, "90 tablets"),
    ] {
        set(&mut model, Slot::Medicine(0, slot), text);
    }
    choose(&mut model, Slot::Medicine(0, MedicineSlot::Route), 0);
    set(&mut model, Slot::ReceiptNumber, "N-2026-0533");
    set(&mut model, Slot::Charge(0, ChargeSlot::Description), "consultation, 20 min");
    set(&mut model, Slot::Charge(0, ChargeSlot::Amount), "45");
    set(&mut model, Slot::Paid, "20.5");
    choose(&mut model, Slot::Method, 1);
    model
}

fn confirm() -> Model {
    let mut model = full_entry();
    press(&mut model, Key::Ctrl('s'));
    model
}

/// The visit arrived, the prescription is being copied, the receipt waits.
pub fn sending() -> Model {
    let mut model = confirm();
    let ticket = asked(press(&mut model, Key::Char('y')));
    let visit = [
        Progress::Sealed,
        Progress::Kept { branch: 1 },
        Progress::Copied { receipts: 2, wanted: 2 },
        Progress::Linked { height: 3382 },
        Progress::Agreed { height: 1205 },
    ];
    for progress in visit {
        update(&mut model, Message::Progressed { ticket, part: 0, progress });
    }
    update(&mut model, Message::Sent { ticket, part: 0, outcome: Ok(added()) });
    for progress in
        [Progress::Sealed, Progress::Kept { branch: 1 }, Progress::Copied { receipts: 1, wanted: 2 }]
    {
        update(&mut model, Message::Progressed { ticket, part: 1, progress });
    }
    later(&mut model, 3);
    model
}

/// A record that arrived.
pub fn added() -> Added {
    Added {
        record: RecordId::from_bytes([0xa1; 16]),
        receipts: vec![1, 2],
        side_height: Some(3382),
        main_height: 1205,
    }
}

/// The work that sends the form's records.
pub fn sending_ticket(model: &Model) -> Option<Ticket> {
    Some(model.entry.as_ref()?.sending.as_ref()?.pending.ticket)
}

/// Presses a key.
pub fn press(model: &mut Model, key: Key) -> Vec<Effect> {
    update(model, Message::Key(key))
}

/// Types a text, character by character.
pub fn typed(model: &mut Model, text: &str) {
    text.chars().for_each(|c| drop(press(model, Key::Char(c))));
}

/// The ticket of the work that was just asked for; one that nothing has when there was none.
pub fn asked(effects: Vec<Effect>) -> Ticket {
    let ticket = effects.iter().find_map(|effect| match effect {
        Effect::Unlock { ticket, .. }
        | Effect::Refresh { ticket }
        | Effect::Search { ticket, .. }
        | Effect::LookUp { ticket, .. }
        | Effect::FetchHistory { ticket, .. }
        | Effect::FetchBlocks { ticket, .. }
        | Effect::FetchBlock { ticket, .. }
        | Effect::CheckStrip { ticket, .. }
        | Effect::Bisect { ticket, .. }
        | Effect::CloseAlarm { ticket, .. }
        | Effect::FetchCustody { ticket, .. }
        | Effect::SendRecords { ticket, .. } => Some(*ticket),
        Effect::Cancel(_) | Effect::EndSession | Effect::Bell | Effect::Redraw | Effect::Quit => None,
    });
    ticket.unwrap_or(Ticket(0))
}

fn later(model: &mut Model, seconds: u64) {
    let now_s = model.now_s + seconds;
    update(model, Message::Tick { now_s });
}

fn set(model: &mut Model, slot: Slot, text: &str) {
    if let (Screen::Entry, Some(entry)) = (model.screen, &mut model.entry) {
        entry.form.set_text(slot, text);
    }
}

fn choose(model: &mut Model, slot: Slot, option: usize) {
    if let (Screen::Entry, Some(entry)) = (model.screen, &mut model.entry) {
        entry.form.choose(slot, option);
    }
}
