//! Transaction: all that one entry of a block says, in words, and what this console checked of it.
//!
//! It must not decide what a transaction does; the branches that signed the block executed it.

use super::{
    block::OpenBlock,
    draw::{count, listed},
};
use crate::{
    effects::Effect,
    message::Action,
    model::{Model, Screen},
    screens::history::kind_word,
    theme::Tone,
    when::date_time,
    widgets::{
        canvas::{Canvas, below, indent, left, row, wrap},
        table::moved,
    },
};
use ratatui::layout::Rect;
use wardline_client::{BlockDetail, TransactionView};
use wardline_crypto::Signature;
use wardline_ledger::{
    Approval, Assent, Author, Body, BranchId, Participant, Registry, RegistryEntry, Scope, StaffEntry,
    StaffId, Transaction,
};

/// Columns of the labels.
const LABEL: u16 = 14;

/// One label with its text.
type Fact = (&'static str, String);

/// Kind, what it is about in one line, how that is meant.
pub fn summary<'a>(
    model: &Model,
    detail: &BlockDetail,
    view: &'a TransactionView,
) -> (&'a str, String, Tone) {
    let Some(transaction) = &view.transaction else {
        let why = view.alarm.as_deref().unwrap_or("it cannot be read");
        return ("ALARM", why.to_owned(), Tone::Bad);
    };
    let names = Names { model, detail };
    let by = names.author_briefly(&transaction.author);
    let text = match &transaction.body {
        Body::Storage(storage) => {
            let again =
                if storage.version > 1 { format!(", version {}", storage.version) } else { String::new() };
            let branch = names.branch(storage.branch);
            format!("{} {} of {branch}{again}, by {by}", kind_word(storage.kind), storage.record.short())
        }
        Body::Registry(registry) => format!("{}, by {by}", names.entry_briefly(&registry.entry)),
        Body::Access(access) => {
            let entries =
                if access.size == 1 { "1 entry".into() } else { format!("{} entries", access.size) };
            format!("audit log of {}: {entries}", names.branch(access.branch))
        }
        Body::Enrol(enrol) => format!("patient {}, by {by}", enrol.patient.short()),
        Body::Link(link) => {
            let (record, patient) = (link.record.short(), link.patient.short());
            format!("record {record} of {} to patient {patient}, by {by}", names.branch(link.branch))
        }
        Body::Lookup(lookup) => format!("patient {} for {}, by {by}", lookup.patient.short(), lookup.purpose),
        Body::Verdict(verdict) => {
            let (records, bad) = (count(verdict.records, "record"), verdict.bad);
            format!("{records} up to block {}: {bad} bad, by {by}", verdict.height)
        }
    };
    match &view.alarm {
        Some(alarm) => (transaction.body.name(), format!("ALARM: {alarm}; {text}"), Tone::Bad),
        None => (transaction.body.name(), text, Tone::Plain),
    }
}

/// What an action does here.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    let area = text_area(crate::draw::body_of(model.size, &model.alarms));
    let rows = usize::from(area.height).max(1);
    let count = model.chain.open.as_ref().map_or(0, |open| lines(model, open, area.width).len());
    let Some(open) = &mut model.chain.open else {
        model.screen = Screen::Chain;
        return Vec::new();
    };
    let last = count.saturating_sub(rows);
    match action {
        Action::Up => open.scroll = open.scroll.saturating_sub(1),
        Action::Down => open.scroll = (open.scroll + 1).min(last),
        Action::PageUp => open.scroll = open.scroll.saturating_sub(rows),
        Action::PageDown => open.scroll = (open.scroll + rows).min(last),
        Action::First => open.scroll = 0,
        Action::Last => open.scroll = last,
        Action::Next | Action::Previous => {
            let to = moved(
                open.transaction,
                open.transactions().len(),
                if action == Action::Next { 1 } else { -1 },
            );
            // The list behind the page goes with it.
            open.selected = (open.selected + to).saturating_sub(open.transaction);
            (open.transaction, open.scroll) = (to, 0);
        }
        Action::Back => model.screen = Screen::Block,
        _ => {}
    }
    Vec::new()
}

fn text_area(area: Rect) -> Rect {
    indent(below(area, 1), 1)
}

/// Draws the page.
pub fn draw(model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
    let Some(open) = &model.chain.open else { return };
    let inside = text_area(area);
    let lines = lines(model, open, inside.width);
    let rows = usize::from(inside.height);
    let mut head = indent(row(area, 0), 1);
    if lines.len() > rows {
        let last = lines.len().min(open.scroll + rows);
        let position = format!(" lines {}-{last} of {} ", open.scroll + 1, lines.len());
        head = canvas.write_right(head, &position, Tone::Quiet);
    }
    let (at, count) = (open.transaction + 1, open.transactions().len());
    let title = format!("Transaction {at} of {count}, block {} of the {} chain", open.height, open.chain);
    canvas.write(head, &title, Tone::Strong);
    let shown = lines.iter().skip(open.scroll).take(rows);
    for (at, (label, text, tone)) in shown.enumerate() {
        let line = row(inside, u16::try_from(at).unwrap_or(u16::MAX));
        canvas.write(left(line, LABEL), label, Tone::Quiet);
        canvas.write(indent(line, LABEL), text, *tone);
    }
    canvas.set_cursor(inside.x, inside.y);
}

/// The whole page, wrapped: label, text, tone.
fn lines(model: &Model, open: &OpenBlock, columns: u16) -> Vec<(&'static str, String, Tone)> {
    let view = open.transactions().get(open.transaction);
    let (Some(view), Some(detail)) = (view, &open.detail) else { return Vec::new() };
    let names = Names { model, detail };
    let mut facts: Vec<(&'static str, String, Tone)> = Vec::new();
    if let Some(alarm) = &view.alarm {
        facts.push((
            "ALARM",
            format!("{alarm}. The validators signed it all the same: tell the operators."),
            Tone::Bad,
        ));
    }
    let plain = |(label, text): Fact| (label, text, Tone::Plain);
    match &view.transaction {
        Some(transaction) => facts.extend(names.facts(transaction).into_iter().map(plain)),
        None => facts.push(plain(("Kind", "not known".into()))),
    }
    facts.push(plain(("ID", view.id.to_string())));
    facts.push(plain(("Size", format!("{} bytes", view.size))));
    let checked = format!(
        "its bytes are under the transaction root of block {}. That its author may say this was checked by the \
         branches that signed the block, not by this console.",
        open.height
    );
    facts.push(plain(("Checked", checked)));
    let columns = columns.saturating_sub(LABEL);
    let mut lines = Vec::new();
    for (label, text, tone) in facts {
        for (at, text) in wrap(&text, columns).into_iter().enumerate() {
            lines.push((if at == 0 { label } else { "" }, text, tone));
        }
    }
    lines
}

/// Who is who in a block's transactions.
struct Names<'a> {
    model: &'a Model,
    detail: &'a BlockDetail,
}

impl Names<'_> {
    fn branch(&self, id: BranchId) -> String {
        self.detail.names.get(&id.0).cloned().unwrap_or_else(|| format!("branch {id}"))
    }

    fn branches(&self, ids: impl Iterator<Item = BranchId>) -> String {
        listed(&ids.map(|id| self.branch(id)).collect::<Vec<_>>())
    }

    fn you(&self, staff: StaffId) -> &'static str {
        if self.model.who.as_ref().is_some_and(|who| who.staff == staff) { " (you)" } else { "" }
    }

    fn author_briefly(&self, author: &Author) -> String {
        match author {
            Author::Session { grant, .. } => {
                format!("staff {}{}", grant.staff.short(), self.you(grant.staff))
            }
            Author::Branch { branch, .. } => format!("{}'s node", self.branch(*branch)),
            Author::Staff { approvals } => count(approvals.len() as u64, "person"),
        }
    }

    /// Everything that a transaction says.
    fn facts(&self, transaction: &Transaction) -> Vec<Fact> {
        let scope = match transaction.scope {
            Scope::Main => "the main chain",
            Scope::Side => "the side chain",
            Scope::Both => "both chains",
        };
        let mut facts = vec![("Kind", format!("{}, for {scope}", transaction.body.name()))];
        facts.extend(self.body(&transaction.body));
        facts.extend(self.author(&transaction.author));
        facts
    }

    fn author(&self, author: &Author) -> Vec<Fact> {
        match author {
            Author::Session { grant, signature } => {
                let zone = &self.model.zone;
                let (from, to) = (date_time(grant.not_before_s, zone), date_time(grant.not_after_s, zone));
                vec![
                    ("Author", format!("staff {}{}", grant.staff, self.you(grant.staff))),
                    ("Session", format!("{from} to {to}, key epoch {}", grant.key_epoch)),
                    ("Session key", grant.session.to_string()),
                    ("Signature", in_two_lines(signature)),
                ]
            }
            Author::Branch { branch, signature } => vec![
                ("Author", format!("{}'s node", self.branch(*branch))),
                ("Signature", in_two_lines(signature)),
            ],
            Author::Staff { approvals } => {
                let signed = |approval: &Approval| {
                    let staff = format!("staff {}{}", approval.staff, self.you(approval.staff));
                    [("Approved by", staff), ("Signature", in_two_lines(&approval.signature))]
                };
                approvals.iter().flat_map(signed).collect()
            }
        }
    }

    fn body(&self, body: &Body) -> Vec<Fact> {
        match body {
            Body::Storage(storage) => vec![
                ("Record kind", kind_word(storage.kind).to_owned()),
                ("Made at", self.branch(storage.branch)),
                ("Temporary ID", storage.record.to_string()),
                ("Version", storage.version.to_string()),
                ("Pointer", storage.pointer.to_string()),
                ("Envelope", format!("{} bytes, sealed", storage.size)),
                ("Receipts of", self.branches(storage.receipts.iter().map(|receipt| receipt.branch))),
                ("Assent", assent(storage.assent)),
            ],
            Body::Registry(registry) => self.registry(registry),
            Body::Access(access) => vec![
                ("Audit log of", self.branch(access.branch)),
                ("Entries", access.size.to_string()),
                ("Log root", access.root.to_string()),
                ("Consistency", count(access.consistency.len() as u64, "digest")),
            ],
            Body::Enrol(enrol) => vec![
                ("Patient", enrol.patient.to_string()),
                ("Identity", format!("{} bytes, sealed; its key is not on the chain", enrol.identity.len())),
            ],
            Body::Link(link) => vec![
                ("Temporary ID", link.record.to_string()),
                ("Patient", link.patient.to_string()),
                ("Made at", self.branch(link.branch)),
            ],
            Body::Lookup(lookup) => vec![
                ("Lookup", lookup.lookup.to_string()),
                ("Patient", lookup.patient.to_string()),
                ("Purpose", lookup.purpose.to_string()),
                ("Reason", lookup.reason.clone()),
            ],
            Body::Verdict(verdict) => vec![
                ("Up to block", verdict.height.to_string()),
                ("Its digest", verdict.digest.to_string()),
                ("Fetched since", format!("block {}", verdict.since)),
                ("Records", format!("{}, each at two branches", verdict.records)),
                ("Bad copies", verdict.bad.to_string()),
                ("Unanswered", verdict.unheard.to_string()),
            ],
        }
    }

    fn entry_briefly(&self, entry: &RegistryEntry) -> String {
        match entry {
            RegistryEntry::Participant(participant) => format!("participant {}", participant.name),
            RegistryEntry::Staff(staff) => {
                format!("staff {} of {}: {}", staff.id.short(), self.branch(staff.branch), staff.roles)
            }
            RegistryEntry::Suites(suites) => format!("suites that may be written: {}", suite_list(*suites)),
            RegistryEntry::Policy(policy) => format!("network policy, version {}", policy.version),
            RegistryEntry::Validators { chain, set } => {
                format!("validators of the {chain} chain: {}", self.branches(set.iter().copied()))
            }
        }
    }

    fn registry(&self, registry: &Registry) -> Vec<Fact> {
        let mut facts = vec![
            ("Sets", self.entry_briefly(&registry.entry)),
            ("Registry", format!("version {}", registry.version)),
        ];
        match &registry.entry {
            RegistryEntry::Participant(participant) => facts.extend(participant_facts(participant)),
            RegistryEntry::Staff(staff) => facts.extend(staff_facts(staff)),
            RegistryEntry::Policy(policy) => facts.extend([
                ("Tips", format!("count for {} s", policy.tip_max_age_s)),
                ("Sessions", format!("of at most {} s", policy.grant_max_s)),
                ("Copies", format!("at least {}", policy.copies_min)),
                ("Roles", format!("table {}", policy.roles_table)),
            ]),
            RegistryEntry::Suites(_) | RegistryEntry::Validators { .. } => {}
        }
        facts
    }
}

/// 128 digits, broken in the middle, as the other values are 64.
fn in_two_lines(signature: &Signature) -> String {
    let text = signature.to_string();
    text.split_at_checked(64).map_or(text.clone(), |(head, tail)| format!("{head}\n{tail}"))
}

fn participant_facts(participant: &Participant) -> Vec<Fact> {
    let yes = |is: bool| if is { "yes" } else { "no" };
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".into());
    vec![
        ("Number", participant.id.to_string()),
        ("Active", yes(participant.active).to_owned()),
        ("Side chain", yes(participant.trusted).to_owned()),
        ("May vote", yes(participant.votes).to_owned()),
        ("API", participant.api.clone()),
        ("Engine", participant.main_address.clone()),
        ("Side engine", or_none(participant.side_address.clone())),
        ("Signing key", participant.signing.to_string()),
        ("Main key", participant.main_validator.to_string()),
        ("Side key", or_none(participant.side_validator.map(|key| key.to_string()))),
        ("Wrapping key", participant.wrap.to_string()),
        ("TLS key", participant.tls.to_string()),
    ]
}

fn staff_facts(staff: &StaffEntry) -> Vec<Fact> {
    vec![
        ("Staff", staff.id.to_string()),
        ("Active", if staff.active { "yes" } else { "no: left, or the key was lost" }.to_owned()),
        ("Key epoch", staff.key_epoch.to_string()),
        ("Signing key", staff.signing.to_string()),
        ("Sealing key", staff.agreement.to_string()),
    ]
}

fn suite_list(suites: u8) -> String {
    let codes = (0..8).filter(|bit| suites >> bit & 1 == 1).map(|bit| (bit + 1).to_string());
    codes.collect::<Vec<_>>().join(", ")
}

fn assent(assent: Assent) -> String {
    match assent {
        Assent::Commitment(commitment) => format!("a patient's policy, {commitment}"),
        Assent::Emergency(reason) => format!("emergency, reason code {reason}"),
        Assent::UnableToAsk(reason) => format!("the patient could not be asked, reason code {reason}"),
        Assent::NetworkDefault(version) => format!("the network's default policy, version {version}"),
    }
}
