//! Documents → attachments of the record that they belong to: letters, notes, photographs.
//!
//! DocumentReference, Media, DiagnosticReport with a document, and notes that are kept as text. It must not know what a
//! document says: a document is bytes with a title.

use crate::{
    Refusal, Taken,
    bundle::{Context, Resource},
    json::Node,
    narrative, organization, read,
};
use std::collections::BTreeMap;
use wardline_record::{Attachment, Bytes, MAX_BYTES, Record, Text, When};

/// What a record keeps free for everything but its documents, in bytes.
const ROOM_FOR_THE_REST: usize = 1 << 20;

/// The most documents of one record, as of every list in it.
const MOST: usize = 1000;

/// Puts documents onto the record that was made of their resource, else onto that of its visit; the same bytes come
/// once to a record. What has no visit, or whose bytes are elsewhere, is counted.
///
/// # Errors
/// When a date is none.
pub(crate) fn attach(cx: &Context<'_>, records: &mut [Taken]) -> Result<(), Refusal> {
    let mut made_of: BTreeMap<Text, usize> = BTreeMap::new();
    for (at, taken) in records.iter().enumerate() {
        for id in taken.record.source.iter().flat_map(|source| &source.ids) {
            made_of.entry(id.clone()).or_insert(at);
        }
    }
    let mut resources: Vec<(i64, &Resource<'_>)> = Vec::new();
    for kind in ["DocumentReference", "Media", "DiagnosticReport", "Composition", "ClinicalImpression"] {
        for r in cx.of_kind(kind) {
            resources.push((date(r)?.map_or(i64::MAX, |date| date.utc_seconds()), r));
        }
    }
    // The documents of a stay in the order of its days.
    resources.sort_by_key(|(seconds, _)| *seconds);
    for (_, r) in resources {
        let documents = documents(r);
        if documents.is_empty() {
            continue;
        }
        let own = made_of.get(&Text::from(r.name()));
        let of_visit = || made_of.get(&Text::from(organization::visit_of(cx, r)?.name()));
        match own.or_else(of_visit).and_then(|at| records.get_mut(*at)) {
            Some(taken) => attach_to(cx, r, documents, taken)?,
            None => cx.leave(r, "no visit to attach it to"),
        }
    }
    Ok(())
}

/// The date of a document.
fn date(r: &Resource<'_>) -> Result<Option<When>, Refusal> {
    let dates = ["date", "createdDateTime", "effectiveDateTime", "issued"];
    dates.into_iter().find_map(|element| r.node.get(element)).map(read::when).transpose()
}

/// A document as its resource has it.
enum Document<'n, 'a> {
    /// A FHIR Attachment.
    Attached(&'n Node<'a>),
    /// Text in elements.
    Written(String),
}

fn documents<'n, 'a>(r: &'n Resource<'a>) -> Vec<Document<'n, 'a>> {
    let in_contents = r.node.list("content").iter().filter_map(|content| content.get("attachment"));
    let forms = r.node.list("presentedForm").iter();
    let media = r.node.get("content").filter(|content| content.is_object());
    let attached = in_contents.chain(forms).chain(media).map(Document::Attached);
    attached.chain(narrative::text(r).map(Document::Written)).collect()
}

fn attach_to(
    cx: &Context<'_>,
    r: &Resource<'_>,
    documents: Vec<Document<'_, '_>>,
    taken: &mut Taken,
) -> Result<(), Refusal> {
    let about = about(cx, r, taken)?;
    let mut attached = false;
    let mut left: Vec<&str> = Vec::new();
    for document in documents {
        match read_document(document, &about, &taken.record.attachments) {
            Ok(document) => {
                attached = true;
                taken.record.attachments.extend(document);
            }
            Err(reason) => left.push(reason),
        }
    }
    match left.split_first() {
        Some((reason, _)) if !attached => cx.leave(r, reason),
        _ => left.iter().for_each(|reason| cx.note(format!("{}: {reason}", r.kind))),
    }
    if attached {
        name_source(&mut taken.record, Text::from(r.name()));
    }
    Ok(())
}

/// The document as an attachment, nothing when the record has the same bytes, or why it cannot be taken over.
fn read_document(
    document: Document<'_, '_>,
    about: &About,
    others: &[Attachment],
) -> Result<Option<Attachment>, &'static str> {
    let room = MAX_BYTES - ROOM_FOR_THE_REST;
    let room = room.saturating_sub(others.iter().map(|other| encoded(other.data.as_slice().len())).sum());
    let too_long = "document longer than a record may be";
    if others.len() >= MOST {
        return Err("more documents than a record may have");
    }
    let (title, content_type, data) = match document {
        Document::Written(text) if encoded(text.len()) > room => return Err(too_long),
        Document::Written(text) => {
            (Text::default(), Text::from("text/plain"), Bytes::from(text.into_bytes()))
        }
        Document::Attached(node) => {
            let written = node.peek_str("data").ok_or("document not in the file")?;
            if written.len() > room {
                return Err(too_long);
            }
            let data = Bytes::from_base64(written).ok_or("document not in base64")?;
            // What the bytes say themselves.
            for said in ["data", "size", "hash"] {
                node.skip(said);
            }
            (read::line_at(node, "title"), read::line_at(node, "contentType"), data)
        }
    };
    if others.iter().any(|other| other.data == data) {
        return Ok(None);
    }
    let what = if title.is_empty() { &about.what } else { &title };
    let title = read::join(": ", &[what, &about.description]);
    Ok(Some(Attachment { title: Text::from(read::join(", ", &[&title, &about.more])), content_type, data }))
}

/// The length of so many bytes in base64.
fn encoded(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// Adds a resource to those that a record was made of: the leading one first, the others sorted.
fn name_source(record: &mut Record, name: Text) {
    let Some(source) = &mut record.source else { return };
    let at = match source.ids.split_first() {
        Some((leading, _)) if *leading == name => return,
        Some((_, others)) => match others.binary_search(&name) {
            Ok(_) => return,
            Err(at) => at + 1,
        },
        None => 0,
    };
    source.ids.insert(at, name);
}

/// What the resource says about its documents.
struct About {
    /// "Nurse Note".
    what: Text,
    /// "Night shift, day 3".
    description: Text,
    /// "2024-10-14T00:00:00Z, Belinda House, superseded".
    more: Text,
}

fn about(cx: &Context<'_>, r: &Resource<'_>, taken: &Taken) -> Result<About, Refusal> {
    let node = &r.node;
    let what = [read::line_at(node, "title"), read::words_at(node, "type"), read::words_at(node, "code")];
    let date = date(r)?;
    let people = ["author", "performer"].into_iter().flat_map(|element| node.list(element));
    let mut names = read::Once::default();
    for person in people.chain(node.get("operator")).chain(node.get("assessor")) {
        names.add(read::name_at(cx, r, person));
    }
    let names = names.joined(", ");
    let settled = ["current", "final", "completed"];
    let status = ["status", "docStatus"]
        .map(|element| node.str(element).filter(|status| !settled.contains(status)).unwrap_or_default());
    let [status, doc_status] = status;
    let dated = date.as_ref().map(When::as_str).unwrap_or_default();
    skip_repeated(cx, r, taken, dated);
    Ok(About {
        what: what.into_iter().find(|words| !words.is_empty()).unwrap_or_default(),
        // An impression's description is its text.
        description: if r.kind == "DocumentReference" {
            read::line_at(node, "description")
        } else {
            Text::default()
        },
        more: read::line(&read::join(", ", &[dated, &names, status, doc_status])),
    })
}

/// Marks what says again what the record says: the house that keeps the document where it is the record's, the time
/// where it is the document's or the visit's, the format where it only says to go by the media type.
fn skip_repeated(cx: &Context<'_>, r: &Resource<'_>, taken: &Taken, dated: &str) {
    if let Some(custodian) = r.node.get("custodian") {
        let keeper = cx.resolve(r, custodian).map(organization::of);
        if keeper.is_some() && keeper == taken.organization {
            r.node.skip("custodian");
        }
    }
    if let Some(context) = r.node.get("context") {
        let start = context.get("period").and_then(|period| period.peek_str("start"));
        if start.is_some_and(|start| start == dated || start == taken.record.occurred.as_str()) {
            context.skip("period");
        }
    }
    for content in r.node.list("content") {
        let format = content.get("format").and_then(|format| format.peek_str("code"));
        if format == Some("urn:ihe:iti:xds:2017:mimeTypeSufficient") {
            content.skip("format");
        }
    }
}
