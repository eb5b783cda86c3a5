//! The states with alarms, made up.

use super::{asked, data::NOW_S, overview, patients, press, strip, typed};
use crate::{
    alarms::Alarms,
    keymap::Key,
    message::Message,
    model::Model,
    samples::{data, entry, lookup, with_history},
    update::update,
};
use wardline_client::{Alarm, AlarmKind, Closed};
use wardline_ledger::{Chain, RecordId};
use wardline_policy::Role;

/// The state with this name.
pub(super) fn model(name: &str) -> Option<Model> {
    let mut model = match name {
        "alarm-overview" => strip::overview(data::overview()),
        "alarm-chain" => strip::model("strip")?,
        "alarm-patients" => patients(Role::Ward),
        "alarm-lookup" => lookup(),
        "alarm-entry" => {
            let mut model = entry();
            super::fill_visit(&mut model);
            model
        }
        "alarm-locked" => {
            let mut model = with_history(data::history());
            raise(&mut model, vec![fork(), altered()]);
            press(&mut model, Key::Char('l'));
            return Some(model);
        }
        "alarms" | "alarm" | "alarm-refused" => overview(Role::Ward, data::overview()),
        "alarm-reason" | "alarm-confirm" | "alarm-closed" => overview(Role::Operator, data::overview()),
        _ => return None,
    };
    raise(&mut model, vec![fork(), altered(), closed()]);
    match name {
        "alarms" => drop(press(&mut model, Key::Char('!'))),
        "alarm" => open(&mut model),
        "alarm-refused" => {
            open(&mut model);
            press(&mut model, Key::Char('x'));
        }
        "alarm-reason" => reason(&mut model, "ok"),
        "alarm-confirm" => reason(&mut model, WHY),
        "alarm-closed" => {
            reason(&mut model, WHY);
            let ticket = asked(press(&mut model, Key::Char('y')));
            let closed_fork = Alarm { closed: closed().closed, ..fork() };
            let left = vec![altered(), closed_fork, closed()];
            update(&mut model, Message::AlarmClosed(ticket, Ok(left)));
        }
        _ => {}
    }
    Some(model)
}

const WHY: &str = "West's database was restored from the copies of North, checked by verify";

fn open(model: &mut Model) {
    press(model, Key::Char('!'));
    press(model, Key::Enter);
}

/// The reason is typed and Enter pressed.
fn reason(model: &mut Model, text: &str) {
    open(model);
    press(model, Key::Char('x'));
    typed(model, text);
    press(model, Key::Enter);
}

/// These alarms are there, and known for some time.
pub(crate) fn raise(model: &mut Model, alarms: Vec<Alarm>) {
    let mut known = Alarms::default();
    known.take(alarms);
    model.alarms = known;
}

/// Two certified blocks of one height.
pub(crate) fn fork() -> Alarm {
    Alarm {
        id: "fork-main-1204".into(),
        kind: AlarmKind::Fork,
        chain: Chain::Main,
        height: Some(1204),
        branch: Some(4),
        branch_name: Some("West".into()),
        record: None,
        seen_s: NOW_S - 40,
        what: "two different blocks 1204 of the main chain are final: West and South signed both".into(),
        evidence: Some("/home/mei/.local/state/wardline/evidence/2026-03-01-fork-main-1204.jsonl".into()),
        closed: None,
    }
}

/// A branch's copy of a record was changed.
pub(crate) fn altered() -> Alarm {
    Alarm {
        id: "altered-00000003".into(),
        kind: AlarmKind::Altered,
        chain: Chain::Main,
        height: Some(1138),
        branch: Some(4),
        branch_name: Some("West".into()),
        record: Some(RecordId::from_bytes([3; 16])),
        seen_s: NOW_S - 7_000,
        what: "West answered with another sealed record 03030303 version 1 than the agreed one".into(),
        evidence: Some("/home/mei/.local/state/wardline/evidence/2026-03-01-altered-0303.jsonl".into()),
        closed: None,
    }
}

/// One that is over.
pub(crate) fn closed() -> Alarm {
    Alarm {
        id: "rollback-3".into(),
        kind: AlarmKind::Rollback,
        height: Some(980),
        branch: Some(3),
        branch_name: Some("South".into()),
        record: None,
        seen_s: NOW_S - 90_000,
        what: "South signed that its main chain had reached block 991, and later that it had reached block 980 only".into(),
        closed: Some(Closed {
            by: "Iris Lund".into(),
            at_s: NOW_S - 80_000,
            reason: "restored from backup after a disk failure, announced".into(),
        }),
        ..altered()
    }
}
