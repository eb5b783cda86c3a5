//! The vault's file: envelopes by digest, header and the chain's pointer, what belongs to them, the audit log by its
//! own tree and the roots that are published.

use super::{CheckError, CheckProgress, CheckReport, Known, asked_branch};
use crate::node::CHAIN_FILES;
use std::collections::{BTreeMap, BTreeSet};
use wardline_crypto::{Content, Digest, Domain, Signature, Stanza, merkle, peek};
use wardline_ledger::{
    BranchId, Canonical, Chain, Key, PatientEntry, PatientId, RecordEntry, RecordId, StaffEntry,
    StateUnavailable, state,
};
use wardline_store::{Fault, Place, StoppedFile, StoredRow, checksums};
use wardline_wire::AuditEntry;

/// How often progress is told, rows.
const EVERY: u64 = 256;
/// Grants that are remembered as verified.
const GRANTS: usize = 1024;

/// What the chain says about an envelope.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Agreed,
    Earlier,
    Open,
}

/// Checks the vault's file against the chains as far as they are known.
pub(crate) fn check(
    file: &StoppedFile,
    known: &BTreeMap<Chain, Known>,
    report: &mut CheckReport,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<(), CheckError> {
    file.structure(&mut |fault| report.tell(fault));
    let main = known.get(&Chain::Main);
    if !main.is_some_and(|main| main.whole) {
        report.unchecked.push(format!("{}: what the main chain says after what is known of it", file.name()));
    }
    envelopes(file, known, report, progress).map_err(|error| CheckError::Tree(error.into()))?;
    tokens(file, report);
    audit(file, main, report, progress);
    Ok(())
}

/// What the chains say about an envelope, and the pointer's home when it is an agreed record.
pub(crate) fn standing(
    known: &BTreeMap<Chain, Known>,
    content: u8,
    object: [u8; 16],
    version: u32,
    pointer: &Digest,
) -> Result<(Standing, Option<BranchId>), StateUnavailable> {
    if content == Content::Record.code() {
        let Some(main) = known.get(&Chain::Main) else { return Ok((Standing::Open, None)) };
        let entry: Option<RecordEntry> = state::read(&main.store, Key::Record(RecordId::from_bytes(object)))?;
        return Ok(match entry {
            Some(entry) if entry.version == version && entry.pointer == *pointer => {
                (Standing::Agreed, Some(entry.branch))
            }
            Some(entry) if version < entry.version => (Standing::Earlier, None),
            _ => (Standing::Open, None),
        });
    }
    let Some(side) = known.get(&Chain::Side) else { return Ok((Standing::Open, None)) };
    let entry: Option<PatientEntry> = state::read(&side.store, Key::Patient(PatientId::from_bytes(object)))?;
    let agreed = entry.is_some_and(|entry| entry.identity == *pointer);
    Ok((if agreed { Standing::Agreed } else { Standing::Open }, None))
}

/// The first thing that is wrong with an envelope's row by itself, with the column.
pub(crate) fn envelope_fault(row: &StoredRow<'_>) -> Option<(&'static str, &'static str)> {
    let (bytes, content) = (row.bytes("bytes"), row.number("content"));
    if Digest::of(bytes).bytes() != row.bytes("pointer") {
        // One of the two was altered; the header tells which, where it still can.
        return Some(("bytes", "the envelope's SHA-256 is not its pointer"));
    }
    let Ok(header) = peek(bytes) else { return Some(("bytes", "not an envelope")) };
    if header.object != row.bytes("object") {
        return Some(("object", "the envelope names another object"));
    }
    if Some(u64::from(header.version)) != row.number("version") {
        return Some(("version", "the envelope names another version"));
    }
    if Some(u64::from(header.content.code())) != content {
        return Some(("content", "the envelope names another content"));
    }
    let checksum = row.array::<8>("checksum");
    let expected = checksums::of_envelope(
        row.bytes("object"),
        header.version,
        header.content.code(),
        row.number("home").and_then(|home| u16::try_from(home).ok()),
        row.has("author").then(|| row.bytes("author")),
        row.bytes("pointer"),
    );
    (row.has("checksum") && checksum != Some(expected))
        .then_some(("home", "home, author or checksum are not as they were written"))
}

/// What is wrong with a wrapped key, and whether it is only lost.
pub(crate) fn stanza_fault(row: &StoredRow<'_>, pointer: &[u8]) -> Option<(&'static str, bool)> {
    let bytes = row.bytes("bytes");
    if row.has("checksum") && row.array::<8>("checksum") != Some(checksums::of_stanza(pointer, bytes)) {
        return Some(("the wrapped key or its checksum is not as it was written", false));
    }
    if bytes.is_empty() {
        return Some((
            "the wrapped key is lost, as a repair has told: other branches' shares open the record",
            true,
        ));
    }
    Stanza::decode(bytes).is_err().then_some(("not a wrapped key", false))
}

fn envelopes(
    file: &StoppedFile,
    known: &BTreeMap<Chain, Known>,
    report: &mut CheckReport,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<(), StateUnavailable> {
    let custody = known.get(&Chain::Main).map(|main| main.gathered.custody.as_slice()).unwrap_or_default();
    let mut held = vec![false; custody.len()];
    let mut stanzas = file.rows("stanza").peekable();
    let mut kept: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    let mut unsummed = 0_u64;
    let (mut done, mut last_page) = (0_u64, None);
    for row in file.rows("envelope") {
        done += 1;
        if done.is_multiple_of(EVERY) {
            progress(CheckProgress::Envelopes(done));
        }
        last_page = Some(row.page());
        let number = row.number("number").unwrap_or_default();
        let counted = kept.entry(row.number("content").unwrap_or_default()).or_default();
        *counted = (counted.0 + 1, counted.1 + row.bytes("bytes").len() as u64);
        unsummed += u64::from(!row.has("checksum"));
        let fault = envelope_fault(&row);
        let stored = row.array("object").zip(row.array("pointer").map(Digest::from_bytes));
        let version =
            row.number("version").and_then(|version| u32::try_from(version).ok()).unwrap_or_default();
        let mut standing_here = Standing::Open;
        if let Some((object, pointer)) = stored {
            let content =
                row.number("content").and_then(|content| u8::try_from(content).ok()).unwrap_or_default();
            let (found, home) = standing(known, content, object, version, &pointer)?;
            standing_here = found;
            if fault.is_none() && home.is_some_and(|home| row.number("home") != Some(u64::from(home.0))) {
                report.tell(file.row_fault(&row, Some("home"), "the chain names another home branch"));
            }
            let start = pointer.bytes().first_chunk().copied().unwrap_or_default();
            if fault.is_none()
                && let Ok(index) = custody.binary_search(&(object, version, start))
                && let Some(held) = held.get_mut(index)
            {
                *held = true;
            }
        }
        match standing_here {
            _ if fault.is_some() => {}
            Standing::Agreed => report.vault.agreed += 1,
            Standing::Earlier => report.vault.earlier += 1,
            Standing::Open => report.vault.open += 1,
        }
        if let Some((column, what)) = fault {
            report.tell(file.row_fault(&row, Some(column), what));
        }
        while let Some(stray) = stanzas.next_if(|one| one.number("envelope").unwrap_or_default() < number) {
            report.tell(file.row_fault(&stray, None, "a wrapped key of no envelope"));
        }
        match stanzas.next_if(|one| one.number("envelope") == Some(number)) {
            Some(stanza) => {
                report.vault.stanzas += 1;
                unsummed += u64::from(!stanza.has("checksum"));
                if let Some((what, lost)) = stanza_fault(&stanza, row.bytes("pointer")) {
                    let mut fault = file.row_fault(&stanza, Some("bytes"), what);
                    fault.doubt = lost;
                    report.tell(fault);
                }
            }
            None => {
                let near = stanzas.peek().map(StoredRow::page);
                let what = "the wrapped key of this envelope is missing";
                report.tell(file.fault("stanza", Some(format!("envelope {number}")), near, what));
            }
        }
    }
    for stray in stanzas {
        report.tell(file.row_fault(&stray, None, "a wrapped key of no envelope"));
    }
    for ((object, version, _), _) in custody.iter().zip(&held).filter(|(_, held)| !**held) {
        let row = Some(format!("record {}, version {version}", RecordId::from_bytes(*object)));
        let what = "the envelope is missing or altered: this branch signed that it holds it";
        report.tell(file.fault("envelope", row, last_page, what));
    }
    counts(file, &mut kept, report);
    if unsummed > 0 {
        let what =
            format!("{}: {unsummed} rows from before format 3 have no checksum of their own", file.name());
        report.unchecked.push(what);
    }
    progress(CheckProgress::Envelopes(done));
    Ok(())
}

fn counts(file: &StoppedFile, kept: &mut BTreeMap<u64, (u64, u64)>, report: &mut CheckReport) {
    for row in file.rows("kept") {
        let (envelopes, bytes) =
            row.number("content").and_then(|code| kept.remove(&code)).unwrap_or_default();
        for (column, counted) in [("envelopes", envelopes), ("bytes", bytes)] {
            if row.number(column) != Some(counted) {
                report.tell(file.row_fault(&row, Some(column), format!("there are {counted} in the table")));
            }
        }
    }
    for (content, _) in std::mem::take(kept) {
        let row = Some(format!("content {content}"));
        report.tell(file.fault("kept", row, None, "the count is missing"));
    }
}

fn tokens(file: &StoppedFile, report: &mut CheckReport) {
    for row in file.rows("token") {
        report.vault.tokens += 1;
        let expected = checksums::of_token(row.bytes("token"), row.bytes("patient"));
        if row.has("checksum") && row.array::<8>("checksum") != Some(expected) {
            let what = "token, patient or checksum are not as they were written";
            report.tell(file.fault("token", None, Some(row.place()), what));
        }
    }
}

/// The audit log: entries and leaves, the tree's edge, the published roots.
fn audit(
    file: &StoppedFile,
    main: Option<&Known>,
    report: &mut CheckReport,
    progress: &mut dyn FnMut(CheckProgress),
) {
    let mut published =
        main.map(|main| main.gathered.published.as_slice()).unwrap_or_default().iter().peekable();
    let (mut by_leaf, mut by_entry) = (merkle::Frontier::new(), merkle::Frontier::new());
    let mut altered: Vec<(String, Place, Place)> = Vec::new();
    let mut grants = BTreeSet::new();
    // Since the root that was compared last.
    let mut first_since: Option<Place> = None;
    let mut agreed = 0;
    let mut heights: Vec<(Chain, u64)> =
        report.chains.iter().map(|found| (found.chain, found.height)).collect();
    for row in file.rows("audit") {
        let number = row.number("number").unwrap_or(u64::MAX);
        let next = report.vault.audit;
        if number != next {
            let what = format!("the log goes on with entry {number}: those between are missing");
            let fault = file.fault("audit", Some(format!("number {next}")), Some(row.page()), what);
            report.tell(fault);
            return;
        }
        report.vault.audit += 1;
        if next.is_multiple_of(EVERY) {
            progress(CheckProgress::Audit(next));
        }
        let (entry, leaf) = (row.bytes("entry"), Digest::from_bytes(row.array("leaf").unwrap_or_default()));
        by_leaf.append(leaf);
        by_entry.append(merkle::leaf_hash(entry));
        first_since.get_or_insert(row.place());
        if entry.is_empty() {
            let mut lost = file.row_fault(
                &row,
                Some("leaf"),
                "the entry is lost, as a repair has told; its leaf is kept",
            );
            lost.doubt = true;
            report.tell(lost);
        } else if merkle::leaf_hash(entry) != leaf {
            altered.push((row.label(), row.column("entry"), row.column("leaf")));
            altered.truncate(1000);
        } else if let Err(what) = entry_holds(entry, number, main, report, &mut grants) {
            report.tell(file.row_fault(&row, Some("entry"), what));
        } else {
            older_chain(entry, &mut heights, report);
        }
        while let Some((size, root)) = published.next_if(|(size, _)| *size <= by_leaf.size()) {
            if *size == by_leaf.size() && *root != by_leaf.root() {
                let place = first_since.map(|first| Place { end: row.place().end.max(first.end), ..first });
                let place = place.filter(|place| place.start < place.end).or(Some(row.place()));
                let what = "these entries do not lead to the root that is published on the main chain";
                let rows = Some(format!("numbers {agreed} to {}", size - 1));
                report.tell(file.fault("audit", rows, place, what));
                while published.next().is_some() {}
            }
            agreed = *size;
            first_since = None;
        }
    }
    if let Some((size, _)) = published.next_back() {
        let what = format!("the log ends here, and {size} entries are published on the main chain");
        report.tell(file.fault("audit", Some(format!("number {}", report.vault.audit)), None, what));
    }
    edge(file, &by_leaf, &by_entry, altered, report);
    progress(CheckProgress::Audit(report.vault.audit));
}

/// Tells, once, of a chain's file that ends before a block that an entry was decided at.
fn older_chain(entry: &[u8], heights: &mut Vec<(Chain, u64)>, report: &mut CheckReport) {
    let Ok(entry) = AuditEntry::decode(entry) else { return };
    heights.retain(|(chain, height)| {
        let at = if *chain == Chain::Main { entry.main_height } else { entry.side_height };
        if at > *height {
            let name = CHAIN_FILES.iter().find(|(one, _)| one == chain).map_or("", |(_, name)| *name).to_owned();
            let what = format!("the file ends with block {height}, and the audit log was written at block {at}: an older copy");
            report.tell(Fault { file: name, place: None, table: None, row: None, what, doubt: false });
        }
        at <= *height
    });
}

/// The stored edge of the tree, and which of leaf and entry is the altered one.
fn edge(
    file: &StoppedFile,
    by_leaf: &merkle::Frontier,
    by_entry: &merkle::Frontier,
    altered: Vec<(String, Place, Place)>,
    report: &mut CheckReport,
) {
    let stored = file.rows("audit_tree").next();
    let edge = stored.as_ref().map(|row| row.bytes("frontier"));
    let leaf_is_wrong = edge == Some(by_entry.encode().as_slice());
    for (row, entry, leaf) in altered {
        let (place, what) = match leaf_is_wrong {
            true => (leaf, "the leaf is not its entry's hash; the tree's edge speaks for the entry"),
            false => (entry, "the entry is not the one that its leaf is the hash of"),
        };
        report.tell(file.fault("audit", Some(row), Some(place), what));
    }
    match &stored {
        Some(row) if !leaf_is_wrong && row.bytes("frontier") != by_leaf.encode() => {
            let what = "the tree's edge is not that of the leaves";
            report.tell(file.row_fault(row, Some("frontier"), what));
        }
        None if by_leaf.size() > 0 => {
            report.tell(file.fault("audit_tree", None, None, "the tree's edge is missing"));
        }
        _ => {}
    }
}

/// That an entry says its own number, and that the request in it was signed by the session, and the session's grant by
/// the person, where the registry still has that key.
fn entry_holds(
    bytes: &[u8],
    number: u64,
    main: Option<&Known>,
    report: &CheckReport,
    grants: &mut BTreeSet<Digest>,
) -> Result<(), String> {
    let entry = AuditEntry::decode(bytes).map_err(|error| format!("not an entry: {error}"))?;
    if entry.sequence != number {
        return Err("the entry names another number".to_owned());
    }
    let asked = asked_branch(&entry.request_line, &report.network);
    if entry.grant.network != report.network
        || asked.is_none()
        || report.branch.is_some_and(|own| asked != Some(own))
    {
        return Err("the request in it was sent to another network or branch".to_owned());
    }
    let signature = Signature::from_bytes(entry.signature);
    if !entry.grant.session.verify(Domain::Request, &entry.request_line, &signature) {
        return Err("the request in it was not signed by its session".to_owned());
    }
    let grant = Digest::of(&entry.grant.encode());
    if grants.contains(&grant) {
        return Ok(());
    }
    let person = main.and_then(|main| state::staff(&main.store, entry.grant.staff).ok().flatten());
    // Somebody who was revoked since had the right then.
    let person = person.map(|person| StaffEntry { active: true, ..person });
    if let Some(person) = person.filter(|person| person.key_epoch == entry.grant.key_epoch)
        && entry.grant.verify(&report.network, &person, entry.grant.not_before_s, u32::MAX).is_err()
    {
        return Err("the session in it was not granted by its person".to_owned());
    }
    if grants.len() >= GRANTS {
        grants.clear();
    }
    grants.insert(grant);
    Ok(())
}
