//! The vault made anew: rows that hold are carried over, envelopes that the chain names are fetched, and what exists
//! nowhere else is told as lost.

use super::{Peers, RepairReport};
use crate::check::{CheckError, VAULT_FILE};
use crate::check::{CheckProgress, Known, Standing, envelope_fault, standing, stanza_fault};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};
use wardline_crypto::{Content, Digest, merkle};
use wardline_ledger::{
    Body, Canonical, Chain, Key, PatientEntry, PatientId, RecordEntry, RecordId, Transaction, TreeError,
    decode_body, state,
};
use wardline_store::{Envelope, NewVault, StoppedFile, StoreError, StoredRow, checksums};

/// A checksum, and the wrapped key under it.
type Stray = ([u8; 8], Vec<u8>);

/// Object, version and the pointer's first bytes, as custody has them: a draft of the same version is another one.
type Named = ([u8; 16], u32, [u8; 8]);

/// What is said of a wrapped key that is gone.
const NO_KEY: &str = "this branch can open it no more; other branches' shares do, while two of them are up";

pub(super) fn again(
    file: Option<&StoppedFile>,
    known: &BTreeMap<Chain, Known>,
    path: &Path,
    peers: &mut dyn Peers,
    report: &mut RepairReport,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<(), super::RepairError> {
    let mut new = NewVault::create(path)?;
    let (mut held, mut strays) = (BTreeSet::new(), Vec::new());
    match file {
        Some(file) => {
            envelopes(file, known, &new, peers, &mut held, &mut strays, report, progress)?;
            tokens(file, &new, report)?;
        }
        None => report.lost.push(format!(
            "{VAULT_FILE} is missing: all wrapped keys, search tokens and the audit log of this branch are lost. Its \
             records open by other branches' shares; its patients are found by other branches; the audit log does not \
             go on from what is published, which every auditor sees"
        )),
    }
    custody(known, &new, peers, &held, &strays, report)?;
    if let Some(file) = file {
        audit(file, known, &mut new, report)?;
    }
    Ok(new.finish(path)?)
}

fn unavailable(error: wardline_ledger::StateUnavailable) -> CheckError {
    CheckError::Tree(TreeError::from(error))
}

/// Carries rows over; what is altered and named by the chain comes from elsewhere.
#[allow(clippy::too_many_arguments)]
fn envelopes(
    file: &StoppedFile,
    known: &BTreeMap<Chain, Known>,
    new: &NewVault,
    peers: &mut dyn Peers,
    held: &mut BTreeSet<Named>,
    strays: &mut Vec<Stray>,
    report: &mut RepairReport,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<(), super::RepairError> {
    let mut stanzas = file.rows("stanza").peekable();
    for (done, row) in (1_u64..).zip(file.rows("envelope")) {
        let number = row.number("number").unwrap_or_default();
        while let Some(stray) = stanzas.next_if(|one| one.number("envelope").unwrap_or_default() < number) {
            strays.extend(stray_of(&stray));
        }
        let stanza = stanzas.next_if(|one| one.number("envelope") == Some(number));
        let Some(mut envelope) = taken(&row) else {
            report.lost.push(format!("an envelope's row cannot be read ({})", row.label()));
            continue;
        };
        let fault = envelope_fault(&row);
        if fault.is_some_and(|(column, _)| column != "home") {
            // Under whatever pointer the row has: the chain's own counts.
            match agreed(known, &row, peers)? {
                Some((bytes, home)) => {
                    (envelope.pointer, envelope.bytes, envelope.home) = (Digest::of(&bytes), bytes, home);
                    report.envelopes += 1;
                }
                None => {
                    let what = "an envelope is altered that no block names, or nobody gives: it is lost";
                    report.lost.push(format!("{}: {what}", name_of(&row)));
                    continue;
                }
            }
        }
        let (at, home) =
            standing(known, envelope.content, envelope.object, envelope.version, &envelope.pointer)
                .map_err(unavailable)?;
        if at == Standing::Agreed && envelope.content == Content::Record.code() {
            envelope.home = home.map(|home| home.0).or(envelope.home);
        }
        if fault.is_some_and(|(column, _)| column == "home") {
            envelope.author = None;
        }
        let stanza = stanza.filter(|row| stanza_fault(row, envelope.pointer.bytes()).is_none());
        match stanza {
            Some(stanza) => envelope.stanza = stanza.bytes("bytes").to_vec(),
            None => report.lost.push(format!("{}: the wrapped key is lost: {NO_KEY}", name_of(&row))),
        }
        if new.envelope(Some(number), &envelope)? {
            let start = envelope.pointer.bytes().first_chunk().copied().unwrap_or_default();
            held.insert((envelope.object, envelope.version, start));
        }
        progress(CheckProgress::Envelopes(done));
    }
    strays.extend(stanzas.filter_map(|stray| stray_of(&stray)));
    Ok(())
}

/// A wrapped key whose envelope's row is gone, and the checksum by which the envelope is known.
fn stray_of(row: &StoredRow<'_>) -> Option<Stray> {
    Some((row.array("checksum")?, row.bytes("bytes").to_vec()))
}

fn taken(row: &StoredRow<'_>) -> Option<Envelope> {
    let small = |column| row.number(column).and_then(|number| u32::try_from(number).ok());
    Some(Envelope {
        object: row.array("object")?,
        version: small("version")?,
        content: u8::try_from(small("content")?).ok()?,
        home: small("home").and_then(|home| u16::try_from(home).ok()),
        author: row.array("author"),
        pointer: Digest::from_bytes(row.array("pointer")?),
        bytes: row.bytes("bytes").to_vec(),
        stanza: Vec::new(),
        tokens: Vec::new(),
    })
}

fn name_of(row: &StoredRow<'_>) -> String {
    let object =
        row.array("object").map_or_else(String::new, |object| RecordId::from_bytes(object).to_string());
    let kind =
        if row.number("content") == Some(u64::from(Content::Record.code())) { "record" } else { "identity" };
    format!("{kind} {object}, version {}", row.number("version").unwrap_or_default())
}

/// An envelope's bytes, and the home of a record.
type Agreed = (Vec<u8>, Option<u16>);

/// The envelope that the chain names for a row's object and version, and its home.
fn agreed(
    known: &BTreeMap<Chain, Known>,
    row: &StoredRow<'_>,
    peers: &mut dyn Peers,
) -> Result<Option<Agreed>, super::RepairError> {
    let Some(object) = row.array::<16>("object") else { return Ok(None) };
    if row.number("content") == Some(u64::from(Content::Record.code())) {
        let record = RecordId::from_bytes(object);
        let entry = record_entry(known, record)?;
        let entry = entry.filter(|entry| row.number("version") == Some(u64::from(entry.version)));
        return Ok(entry.and_then(|entry| Some((fetch(peers, record, &entry)?, Some(entry.branch.0)))));
    }
    Ok(identity(known, PatientId::from_bytes(object))?.map(|bytes| (bytes, None)))
}

fn record_entry(known: &BTreeMap<Chain, Known>, record: RecordId) -> Result<Option<RecordEntry>, CheckError> {
    let Some(main) = known.get(&Chain::Main) else { return Ok(None) };
    state::read(&main.store, Key::Record(record)).map_err(unavailable)
}

/// Asks one peer after the other until one gives what the pointer names.
fn fetch(peers: &mut dyn Peers, record: RecordId, entry: &RecordEntry) -> Option<Vec<u8>> {
    (0..peers.names().len()).find_map(|peer| {
        let given = peers.envelope(peer, record).ok().flatten()?;
        (Digest::of(&given) == entry.pointer).then_some(given)
    })
}

/// A sealed identity, which its enrolment carries on the side chain.
fn identity(
    known: &BTreeMap<Chain, Known>,
    patient: PatientId,
) -> Result<Option<Vec<u8>>, super::RepairError> {
    let Some(side) = known.get(&Chain::Side) else { return Ok(None) };
    let entry: Option<PatientEntry> = state::read(&side.store, Key::Patient(patient)).map_err(unavailable)?;
    let Some(entry) = entry else { return Ok(None) };
    let Some(body) = side.store.body(entry.enrolled_height)? else { return Ok(None) };
    let transactions = decode_body(&body).unwrap_or_default();
    Ok(transactions.iter().find_map(|bytes| match Transaction::decode(bytes).ok()?.body {
        Body::Enrol(enrol) if Digest::of(&enrol.identity) == entry.identity => Some(enrol.identity),
        _ => None,
    }))
}

/// Fetches what this branch signed custody for and has no row of any more.
fn custody(
    known: &BTreeMap<Chain, Known>,
    new: &NewVault,
    peers: &mut dyn Peers,
    held: &BTreeSet<Named>,
    strays: &[Stray],
    report: &mut RepairReport,
) -> Result<(), super::RepairError> {
    let Some(main) = known.get(&Chain::Main) else { return Ok(()) };
    for (object, version, _) in main.gathered.custody.iter().filter(|named| !held.contains(*named)) {
        let record = RecordId::from_bytes(*object);
        let entry = record_entry(known, record)?.filter(|entry| entry.version == *version);
        let Some(entry) = entry else {
            report.lost.push(format!("record {record}, version {version}: replaced since, and lost here; nobody needs it to read the newest"));
            continue;
        };
        let Some(bytes) = fetch(peers, record, &entry) else {
            report.lost.push(format!("record {record}, version {version}: nobody gives the envelope; ask again when more branches are up"));
            continue;
        };
        let is_its =
            |(checksum, bytes): &&Stray| checksums::of_stanza(entry.pointer.bytes(), bytes) == *checksum;
        let stanza = strays.iter().find(is_its).map(|(_, bytes)| bytes.clone()).unwrap_or_default();
        let envelope = Envelope {
            object: *object,
            version: *version,
            content: Content::Record.code(),
            home: Some(entry.branch.0),
            author: None,
            pointer: entry.pointer,
            bytes,
            stanza,
            tokens: Vec::new(),
        };
        if new.envelope(None, &envelope)? {
            report.envelopes += 1;
        }
        if envelope.stanza.is_empty() {
            report
                .lost
                .push(format!("record {record}, version {version}: the wrapped key is lost: {NO_KEY}"));
        }
    }
    Ok(())
}

fn tokens(file: &StoppedFile, new: &NewVault, report: &mut RepairReport) -> Result<(), StoreError> {
    let mut lost = 0;
    for row in file.rows("token") {
        let (Some(token), Some(patient)) = (row.array("token"), row.array("patient")) else { continue };
        if row.has("checksum") && row.array("checksum") != Some(checksums::of_token(&token, &patient)) {
            lost += 1;
            continue;
        }
        new.token(&token, &patient)?;
    }
    if lost > 0 {
        report.lost.push(format!(
            "{lost} search tokens: searches at this branch by those terms do not find their patients; other branches do"
        ));
    }
    Ok(())
}

/// Carries the audit log over. Where entry and leaf differ, whichever the tree's edge or the published roots speak for
/// is kept; the log ends before the first entry of which nothing is left.
fn audit(
    file: &StoppedFile,
    known: &BTreeMap<Chain, Known>,
    new: &mut NewVault,
    report: &mut RepairReport,
) -> Result<(), StoreError> {
    let edge = file.rows("audit_tree").next().map(|row| row.bytes("frontier").to_vec());
    let (mut by_leaf, mut by_entry) = (merkle::Frontier::new(), merkle::Frontier::new());
    let published =
        known.get(&Chain::Main).map(|main| main.gathered.published.as_slice()).unwrap_or_default();
    let mut leaves_published = true;
    for row in file.rows("audit") {
        by_leaf.append(Digest::from_bytes(row.array("leaf").unwrap_or_default()));
        by_entry.append(merkle::leaf_hash(row.bytes("entry")));
        let root = published.iter().find(|(size, _)| *size == by_leaf.size());
        leaves_published &= root.is_none_or(|(_, root)| *root == by_leaf.root());
    }
    let trust_leaves = edge.as_ref() == Some(&by_leaf.encode())
        || (edge.as_ref() != Some(&by_entry.encode()) && leaves_published);
    let mut next = 0;
    for row in file.rows("audit") {
        if row.number("number") != Some(next) {
            break;
        }
        let (entry, leaf) = (row.bytes("entry"), Digest::from_bytes(row.array("leaf").unwrap_or_default()));
        let made = merkle::leaf_hash(entry);
        if made == leaf || !trust_leaves {
            new.audit(next, &made, entry)?;
        } else {
            new.audit(next, &leaf, &[])?;
            report.lost.push(format!("audit entry {next}: what it said is lost; its leaf is kept, so the log still leads to what is published"));
        }
        next += 1;
    }
    let size = published.last().map_or(0, |(size, _)| *size);
    if next < size {
        report.lost.push(format!(
            "audit entries {next} to {}: lost for good, and published: every auditor sees that they are missing, and this \
             branch cannot publish its log any more",
            size - 1
        ));
    }
    Ok(())
}
