//! The states of the chain's screen and its pages, with made-up blocks.

use super::{
    asked, data,
    data::{NOW_S, hostile_text, patient_id},
    overview, press, strip,
};
use crate::{
    effects::Effect,
    keymap::Key,
    message::{Message, Ticket},
    model::Model,
    update::update,
};
use std::{collections::BTreeMap, ops::RangeInclusive};
use wardline_client::{
    BlockBody, BlockDetail, BlockLine, BranchWord, Certified, GivenBody, Head, Overview, TransactionView,
};
use wardline_crypto::{AgreementPublic, Digest, PublicKey, Signature};
use wardline_ledger::{
    Access, Approval, Assent, Author, Body, BranchId, Canonical, Chain, Enrol, Grant, Link, Lookup, LookupId,
    NetworkId, Receipt, RecordId, Registry, RegistryEntry, StaffEntry, StaffId, Storage, Transaction,
};
use wardline_policy::{Purpose, RecordKind, Role, Roles};

/// Height of the block that most of these samples open.
const OPENED: u64 = 1203;

/// The state with this name.
pub(super) fn model(name: &str) -> Option<Model> {
    Some(match name {
        "chain" => chain(Role::Ward, data::overview_well()),
        "chain-side" => {
            let mut model = chain(Role::Operator, data::overview());
            let effects = press(&mut model, Key::Tab);
            answer(&mut model, effects);
            model
        }
        "chain-silent" => chain(Role::Ward, silent()),
        "chain-empty" => chain(Role::Ward, empty()),
        "chain-old" => {
            let mut model = chain(Role::Ward, data::overview_well());
            (0..3).for_each(|_| {
                let effects = press(&mut model, Key::PageDown);
                answer(&mut model, effects);
            });
            press(&mut model, Key::PageDown);
            model
        }
        "block" => block(Role::Ward, Chain::Main, whole(main_transactions())),
        "block-asking" => {
            let mut model = chain(Role::Ward, data::overview_well());
            press(&mut model, Key::Char('o'));
            model
        }
        "block-alarm" => {
            let alarms = vec![
                "North gave an answer that does not verify: a body for block 1203 whose root is not the one that \
                 the header commits to"
                    .to_owned(),
            ];
            let mut detail = detail(Chain::Main, whole(vec![agreed_noise(), storage(1)]));
            detail.alarms = alarms;
            opened(Role::Ward, detail)
        }
        "block-refused" => {
            let why = "needs role auditor; operators see no patient data".to_owned();
            block(Role::Operator, Chain::Side, BlockBody::Refused(why))
        }
        "block-side" => block(Role::Auditor, Chain::Side, whole(side_transactions())),
        "transaction" => {
            let mut model = block(Role::Ward, Chain::Main, whole(main_transactions()));
            press(&mut model, Key::Enter);
            model
        }
        "transaction-registry" => transaction(Role::Operator, Chain::Main, main_transactions(), 3),
        "transaction-lookup" => transaction(Role::Auditor, Chain::Side, side_transactions(), 2),
        _ => return None,
    })
}

/// The chain's screen after the branches answered this and gave their blocks.
pub(crate) fn chain(role: Role, known: Overview) -> Model {
    let mut model = overview(role, known.clone());
    update(&mut model, Message::Watched(Box::new(strip::watched(&known))));
    let effects = press(&mut model, Key::Char('3'));
    answer(&mut model, effects);
    let effects = update(&mut model, Message::Watched(Box::new(strip::watched(&known))));
    answer(&mut model, effects);
    model
}

/// Gives the blocks that were asked for; the branches have nothing for heights that they are asked for.
pub(crate) fn answer(model: &mut Model, effects: Vec<Effect>) {
    for effect in effects {
        if let Effect::FetchBlocks { ticket, heights, .. } = effect {
            let more = update(model, Message::Blocks(ticket, Ok(lines(heights))));
            answer(model, more);
        } else if let Effect::CheckStrip { ticket, .. } = effect {
            let more = update(model, Message::Checked(ticket, Vec::new()));
            answer(model, more);
        }
    }
}

fn block(role: Role, chain: Chain, body: BlockBody) -> Model {
    opened(role, detail(chain, body))
}

/// The page of a block that came back as this.
pub(crate) fn opened(role: Role, detail: BlockDetail) -> Model {
    let mut model = chain(role, data::overview_well());
    if detail.chain == Chain::Side {
        let effects = press(&mut model, Key::Tab);
        answer(&mut model, effects);
    }
    press(&mut model, Key::Down);
    let effects = press(&mut model, Key::Char('o'));
    let height = effects.iter().find_map(|effect| match effect {
        Effect::FetchBlock { height, .. } => Some(*height),
        _ => None,
    });
    let ticket: Ticket = asked(effects);
    let line = line(height.unwrap_or(OPENED));
    let detail = BlockDetail { line: BlockLine { transactions: detail.line.transactions, ..line }, ..detail };
    update(&mut model, Message::Block(ticket, Ok(Box::new(detail))));
    model
}

fn transaction(role: Role, chain: Chain, transactions: Vec<TransactionView>, at: usize) -> Model {
    let mut model = block(role, chain, whole(transactions));
    press(&mut model, Key::Enter);
    (0..at).for_each(|_| drop(press(&mut model, Key::Right)));
    model
}

/// No branch answers since ten o'clock.
fn silent() -> Overview {
    let mut overview = data::overview_well();
    for branch in &mut overview.branches {
        branch.word = BranchWord::Silent;
        (branch.main_height, branch.side_height, branch.head) = (None, None, None);
        branch.last_answer_s = Some(NOW_S - 7_200);
    }
    overview
}

/// A network that was made just now.
fn empty() -> Overview {
    let mut overview = data::overview_well();
    let genesis = Head { height: 0, digest: digest_of(0), time_s: NOW_S - 60 };
    (overview.main, overview.side) = (genesis, Some(genesis));
    for branch in &mut overview.branches {
        branch.main_height = Some(0);
        branch.side_height = branch.side_height.map(|_| 0);
    }
    overview
}

pub(super) fn digest_of(height: u64) -> Digest {
    // The heads that the overview shows.
    match height {
        1204 => Digest::of(b"main head"),
        3381 => Digest::of(b"side head"),
        height => Digest::of(&height.to_be_bytes()),
    }
}

/// Verified blocks, newest first.
pub(crate) fn lines(heights: RangeInclusive<u64>) -> Vec<BlockLine> {
    heights.rev().map(line).collect()
}

fn line(height: u64) -> BlockLine {
    let signers = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let certified = match height {
        0 => Certified::Genesis,
        height if height % 7 == 3 => Certified::ByLater,
        height if height % 5 == 2 => {
            Certified::Own { signers: signers(&["North", "East", "South", "West"]), of: 4 }
        }
        _ => Certified::Own { signers: signers(&["North", "South", "West"]), of: 4 },
    };
    BlockLine {
        height,
        time_s: match height {
            0 => NOW_S - 60,
            1..=1204 => NOW_S - 16 - 40 * (1204 - height),
            height => NOW_S - 18 - 14 * 3381_u64.abs_diff(height),
        },
        epoch: height / 256,
        digest: digest_of(height),
        transactions: u32::try_from(height % 4).unwrap_or(0) + u32::from(height > 0),
        certified,
    }
}

/// All of a block with this body.
pub(crate) fn detail(chain: Chain, body: BlockBody) -> BlockDetail {
    let count = match &body {
        BlockBody::Whole(given) => given.transactions.len(),
        _ => 2,
    };
    let line = BlockLine { transactions: u32::try_from(count).unwrap_or(0), ..line(OPENED) };
    BlockDetail {
        chain,
        line,
        parent: digest_of(OPENED - 1),
        transaction_root: Digest::of(b"transactions"),
        state_root: Digest::of(b"state"),
        body,
        alarms: Vec::new(),
        names: BTreeMap::from(data::BRANCHES.map(|(id, name, _)| (id, name.to_owned()))),
    }
}

fn whole(transactions: Vec<TransactionView>) -> BlockBody {
    let size = 163 + transactions.iter().map(|view| view.size + 4).sum::<usize>();
    BlockBody::Whole(GivenBody { from: "East".into(), size, transactions })
}

fn network() -> NetworkId {
    Digest::of(b"network")
}

fn view(body: Body, author: Author) -> TransactionView {
    let transaction = Transaction { network: network(), scope: body.scope(), body, author };
    let bytes = transaction.encode();
    TransactionView {
        id: Digest::of(&bytes),
        size: bytes.len(),
        transaction: Some(Box::new(transaction)),
        alarm: None,
    }
}

fn session(staff: u8) -> Author {
    let grant = Grant {
        network: network(),
        staff: StaffId::from_bytes([staff; 16]),
        key_epoch: 1,
        session: PublicKey::from_bytes([1; 32]),
        session_agreement: AgreementPublic::from_bytes([2; 32]),
        not_before_s: NOW_S - 3_600,
        not_after_s: NOW_S + 39_600,
        signature: Signature::from_bytes([3; 64]),
    };
    Author::Session { grant, signature: Signature::from_bytes([4; 64]) }
}

fn storage(number: u8) -> TransactionView {
    let receipt =
        |branch| Receipt { branch: BranchId(branch), signature: Signature::from_bytes([branch as u8; 64]) };
    let storage = Storage {
        record: RecordId::from_bytes([0xa0 + number; 16]),
        branch: BranchId(1),
        kind: if number == 0 { RecordKind::Visit } else { RecordKind::Prescription },
        pointer: Digest::of(&[number]),
        size: 4_310,
        version: 1,
        assent: Assent::NetworkDefault(1),
        receipts: vec![receipt(1), receipt(2), receipt(4)],
    };
    view(Body::Storage(storage), session(0))
}

/// What the main chain holds: records, an audit log's root, a person with a role.
fn main_transactions() -> Vec<TransactionView> {
    let access = Access {
        branch: BranchId(3),
        size: 812,
        root: Digest::of(b"log"),
        consistency: vec![Digest::of(b"one"), Digest::of(b"two")],
    };
    let node = Author::Branch { branch: BranchId(3), signature: Signature::from_bytes([5; 64]) };
    let staff = StaffEntry {
        id: StaffId::from_bytes([0x77; 16]),
        branch: BranchId(2),
        signing: PublicKey::from_bytes([6; 32]),
        agreement: AgreementPublic::from_bytes([7; 32]),
        roles: Roles::of(&[Role::Ward, Role::Registrar]),
        key_epoch: 1,
        active: true,
    };
    let approval = |person| Approval {
        staff: StaffId::from_bytes([person; 16]),
        signature: Signature::from_bytes([person; 64]),
    };
    let registry = Registry { version: 12, entry: RegistryEntry::Staff(staff) };
    vec![
        storage(0),
        storage(1),
        view(Body::Access(access), node),
        view(Body::Registry(registry), Author::Staff { approvals: vec![approval(3), approval(9)] }),
    ]
}

/// What the side chain holds: a patient, a record's link, a lookup.
fn side_transactions() -> Vec<TransactionView> {
    side_transactions_with("blood pressure control after four weeks of ramipril")
}

fn side_transactions_with(reason: &str) -> Vec<TransactionView> {
    let patient = patient_id();
    let record = RecordId::from_bytes([0xa0; 16]);
    let lookup = Lookup {
        lookup: LookupId::from_bytes([0x5a; 16]),
        patient,
        purpose: Purpose::Treatment,
        reason: reason.to_owned(),
    };
    vec![
        view(Body::Enrol(Enrol { patient, identity: vec![0; 612] }), session(1)),
        view(Body::Link(Link { record, patient, branch: BranchId(1) }), session(0)),
        view(Body::Lookup(lookup), session(0)),
    ]
}

/// Bytes that a quorum signed and nobody can read.
fn agreed_noise() -> TransactionView {
    TransactionView {
        id: Digest::of(b"noise"),
        size: 25,
        transaction: None,
        alarm: Some("it does not decode: unknown transaction kind `97`".into()),
    }
}

/// The page of a block in which everything that is text tries to command the terminal or to deceive the reader.
pub fn hostile_block() -> Model {
    let evil = hostile_text();
    let mut transactions = side_transactions_with(&evil);
    transactions.push(TransactionView { alarm: Some(evil.clone()), ..agreed_noise() });
    let given = GivenBody { from: evil.clone(), size: 1, transactions };
    let mut detail = detail(Chain::Side, BlockBody::Whole(given));
    detail.alarms = vec![evil.clone()];
    detail.names.values_mut().for_each(|name| name.clone_from(&evil));
    opened(Role::Auditor, detail)
}
