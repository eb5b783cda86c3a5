//! The states of the verification strip, made up.

use super::{
    asked,
    chain::{answer, chain, digest_of, lines},
    data, press,
};
use crate::{
    effects::Effect, keymap::Key, message::Message, model::Model, update::update, watching::Watched,
};
use wardline_client::{
    Bisection, BranchView, BranchWord, Cell, Check, CustodyReceipt, CustodyReceipts, Difference, Head,
    Overview, StripBranch, StripCell, StripRow, StripView,
};
use wardline_crypto::Digest;
use wardline_ledger::{Chain, state_word};
use wardline_policy::Role;

/// Rows that a strip has in the samples.
const ROWS: u64 = 40;
const TWELVE: [&str; 12] = [
    "North",
    "East",
    "South",
    "West",
    "Harbour",
    "Mountain",
    "Valley",
    "Lakeside",
    "Airport",
    "Old Town",
    "Riverside",
    "Institute",
];

/// The state with this name.
pub(super) fn model(name: &str) -> Option<Model> {
    Some(match name {
        "strip" => kinds(),
        "strip-twelve" => of_many(TWELVE.iter().map(|&name| name.to_owned()).collect()),
        "strip-twenty" => {
            let mut model = of_many((1..=20).map(|number| format!("Branch {number}")).collect());
            (0..16).for_each(|_| drop(press(&mut model, Key::Right)));
            model
        }
        "strip-unasked" => {
            let mut model = chain(Role::Ward, data::overview_well());
            for blocks in [&mut model.chain.main, &mut model.chain.side] {
                (blocks.branches, blocks.word) = (Vec::new(), None);
                blocks.rows.clear();
            }
            model.chain.asked = false;
            model
        }
        "strip-cell" => {
            let mut model = kinds();
            press(&mut model, Key::Down);
            marked(&mut model, 3);
            press(&mut model, Key::Enter);
            model
        }
        "strip-cell-behind" => {
            let mut model = kinds();
            press(&mut model, Key::Down);
            marked(&mut model, 1);
            press(&mut model, Key::Enter);
            model
        }
        "bisect-differs" => bisected(3, Ok(Some(1204))),
        "bisect-same" => bisected(3, Ok(None)),
        "bisect-shorter" => bisected(1, Ok(None)),
        "bisect-silent" => bisected(2, Err("South: no answer within 3000 ms".into())),
        "bisect-asking" => {
            let mut model = kinds();
            marked(&mut model, 3);
            press(&mut model, Key::Char('b'));
            model
        }
        _ => return None,
    })
}

fn marked(model: &mut Model, column: usize) {
    (0..column).for_each(|_| drop(press(model, Key::Right)));
}

/// A bisection that came back with this: the first height that differs. East is at 1199 only.
fn bisected(column: usize, found: Result<Option<u64>, String>) -> Model {
    let mut model = kinds();
    marked(&mut model, column);
    let ticket = asked(press(&mut model, Key::Char('b')));
    let (id, name, _) = data::BRANCHES.get(column).copied().unwrap_or_default();
    let top = if name == "East" { 1199 } else { 1204 };
    let outcome = found.map(|found| Bisection {
        chain: Chain::Main,
        left: (1, "North".into()),
        right: (id, name.into()),
        heights: (1204, top),
        first_difference: found.map(|height| Difference {
            height,
            left: Some(digest_of(height)),
            right: Some(Digest::of(b"another block")),
            verified: Some(digest_of(height)),
        }),
        compared: if found.is_some() { 11 } else { 1 },
        common: found.map_or(top, |height| height - 1),
    });
    update(&mut model, Message::Bisected(ticket, outcome.map(Box::new)));
    model
}

/// The branches' page while the streams run.
pub(super) fn overview(known: Overview) -> Model {
    let watched = watched(&known);
    let mut model = super::overview(Role::Ward, known);
    update(&mut model, Message::Watched(Box::new(watched)));
    model
}

/// Every kind of cell at once.
fn kinds() -> Model {
    let mut model = chain(Role::Ward, data::overview());
    let mut watched = watched(&data::overview());
    let another = Digest::of(b"another block");
    watched.main.newest = false;
    if let [_, _, _, west, institute] = watched.main.branches.as_mut_slice() {
        west.word = BranchWord::Conflict;
        west.detail = Some("its block 1204 is not the one that the quorum signed".into());
        institute.word = BranchWord::Invalid;
        institute.detail = Some("a certificate of 2 of 4 validators".into());
    }
    for row in &mut watched.main.rows {
        let height = row.height;
        for (at, cell) in row.cells.iter_mut().enumerate() {
            let set = match (at, height) {
                (3, 1204) => Some((Cell::Conflict, Some(another), "its header names another parent")),
                (4, 1203..) => Some((Cell::Invalid, Some(another), "a certificate of 2 of 4 validators")),
                (3 | 4, ..=1196) => Some((Cell::Unchecked, None, "")),
                _ => None,
            };
            if let Some((kind, theirs, why)) = set {
                let why = (!why.is_empty()).then(|| why.to_owned());
                *cell = StripCell { cell: kind, theirs, why };
            }
        }
    }
    let cells = [Cell::Fetching, Cell::Behind, Cell::Silent, Cell::Fetching, Cell::Unchecked];
    let cells = cells.map(|cell| StripCell { cell, theirs: None, why: None }).into();
    watched
        .main
        .rows
        .insert(0, StripRow { height: 1205, digest: None, time_s: None, transactions: None, cells });
    let effects = update(&mut model, Message::Watched(Box::new(watched)));
    answer(&mut model, effects);
    press(&mut model, Key::Home);
    model
}

/// A network of so many branches, all well.
fn of_many(names: Vec<String>) -> Model {
    let mut known = data::overview_well();
    let Some(first) = known.branches.first().cloned() else { return chain(Role::Ward, known) };
    let view = |(id, name)| BranchView { id, name, own: id == 1, ..first.clone() };
    known.branches = (1..).zip(names).map(view).collect();
    if let Some(last) = known.branches.last_mut() {
        (last.word, last.main_height) = (BranchWord::Behind, Some(1201));
    }
    chain(Role::Ward, known)
}

/// What the streams bring where the branches are like this.
pub(crate) fn watched(known: &Overview) -> Watched {
    let side = known.side.map(|head| strip(known, Chain::Side, head));
    Watched { main: strip(known, Chain::Main, known.main), side, alarms: Vec::new(), overview: known.clone() }
}

fn strip(known: &Overview, chain: Chain, head: Head) -> StripView {
    let height_of = |view: &BranchView| match chain {
        Chain::Main => view.main_height,
        Chain::Side => view.side_height,
    };
    let trusted = |view: &&BranchView| chain == Chain::Main || view.verified_side.is_some();
    let views: Vec<&BranchView> = known.branches.iter().filter(trusted).collect();
    let branches = views.iter().map(|view| StripBranch {
        id: view.id,
        name: view.name.clone(),
        own: view.own,
        word: view.word,
        detail: view.detail.clone(),
        height: height_of(view),
        behind: height_of(view).map_or(0, |at| head.height.saturating_sub(at)),
        since_s: None,
    });
    let row = |height: u64| {
        let line = lines(height..=height).pop();
        let digest =
            if height == head.height { Some(head.digest) } else { line.as_ref().map(|line| line.digest) };
        let cell = |view: &&BranchView| {
            let cell = match view.word {
                BranchWord::Silent if height + 3 > head.height || height_of(view).is_none() => Cell::Silent,
                _ if height_of(view).is_some_and(|at| at < height) => Cell::Behind,
                _ => Cell::Verified,
            };
            let theirs = if cell == Cell::Verified { digest } else { None };
            StripCell { cell, theirs, why: None }
        };
        StripRow {
            height,
            digest,
            time_s: line.as_ref().map(|line| line.time_s),
            transactions: line.map(|line| line.transactions),
            cells: views.iter().map(cell).collect(),
        }
    };
    StripView {
        chain,
        branches: branches.collect(),
        rows: (head.height.saturating_sub(ROWS)..=head.height).rev().map(row).collect(),
        head: Some(head),
        newest: true,
        state_word: Some(state_word(&Digest::of(b"network"), chain, head.height, &head.digest)),
    }
}

/// Gives the custody receipts that were asked for.
pub(crate) fn answer_custody(model: &mut Model, effects: Vec<Effect>) {
    for effect in effects {
        if let Effect::FetchCustody { ticket, height, .. } = effect {
            let receipt =
                |(branch, name, signature)| CustodyReceipt { branch, name: String::from(name), signature };
            let rotated = "it is not by the key that is registered now; the validators checked it when they took \
                           the block";
            let receipts = [
                (1, "North", Check::Holds),
                (2, "East", Check::Holds),
                (4, "West", Check::CannotBe(rotated.into())),
            ];
            let custody = CustodyReceipts {
                height,
                transaction: Digest::of(b"storage"),
                receipts: receipts.map(receipt).into(),
            };
            update(model, Message::Custody(ticket, Ok(custody)));
        }
    }
}
