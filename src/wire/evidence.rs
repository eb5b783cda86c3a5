//! Evidence files (`docs/format/evidence.md`): how they are spelled, and how the bodies in them are read.
//!
//! What they prove is judged by the ledger; this room must not know it. No file names: callers bring bytes.

use crate::{Base64, text};
use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};
use std::{fmt, marker::PhantomData};
use wardline_crypto::Digest;
use wardline_ledger::evidence::{
    Answered, Bodies, CertifiedBytes, Entry, Evidence, Fault, FinalBlock, GivenLinks, HeadersIn, Included,
    Kind, MAX_EVIDENCE, Member, NotEvidence, Part, Verdict, Witness, judge,
};
use wardline_ledger::{Chain, NetworkId, PatientId, RecordId, Step};

/// What the first line calls itself.
const TITLE: &str = "evidence";
/// The format of this build.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    wardline: String,
    version: u32,
    kind: String,
    #[serde(with = "text")]
    network: Digest,
    chain: String,
    genesis: Base64,
}

/// Every other line: no two have the same names.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Step(StepLine),
    Participant(ParticipantLine),
    Staff(StaffLine),
    Block(BlockLine),
    Transaction(TransactionLine),
    Tip(TipLine),
    Answer(AnswerLine),
    End(EndLine),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepLine {
    step: u64,
    header: Base64,
    certificate: Base64,
    set: Base64,
    proof: Base64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ParticipantLine {
    participant: Base64,
    headers: Vec<Base64>,
    certificate: Base64,
    proof: Base64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StaffLine {
    staff: Base64,
    headers: Vec<Base64>,
    certificate: Base64,
    proof: Base64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockLine {
    headers: Vec<Base64>,
    certificate: Base64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransactionLine {
    transaction: Base64,
    index: u64,
    #[serde(with = "text::list")]
    inclusion: Vec<Digest>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TipLine {
    tip: Base64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerLine {
    answer: Base64,
    request: Base64,
    asked: Base64,
    body: Base64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndLine {
    #[serde(with = "text")]
    sha256: Digest,
    #[serde(deserialize_with = "there")]
    seen_s: Option<u64>,
    #[serde(deserialize_with = "there")]
    grant: Option<Base64>,
    #[serde(deserialize_with = "there")]
    signature: Option<Base64>,
}

/// A value that is spelled as an object: a list of its values in their order would be read too.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// `null` or a value, and never left out.
fn there<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// Judges an evidence file. `told` is the network that the reader has from elsewhere.
pub fn check(file: &[u8], told: &NetworkId) -> Verdict {
    match read(file) {
        Ok(evidence) => judge(&evidence, told, &Json),
        Err(fault) => Verdict::NotEvidence(NotEvidence::Form(fault)),
    }
}

/// Reads a file whose sum is right; nothing in it is judged.
///
/// # Errors
/// The first thing that is not as a file must be.
pub fn read(file: &[u8]) -> Result<Evidence, Fault> {
    if file.len() > MAX_EVIDENCE {
        return Err(Fault::TooLarge);
    }
    let mut lines = file.split_inclusive(|byte| *byte == b'\n').zip(1..);
    let (first, _) = lines.next().ok_or(Fault::NoEnd)?;
    let mut evidence = head(whole(first)?)?;
    let mut read = first.len();
    for (bytes, line) in lines.by_ref() {
        let expected = "a line of evidence";
        let parsed = json(whole(bytes)?).ok_or(Fault::Line { line, expected })?;
        if let Line::End(end) = parsed {
            let (before, _) = file.split_at_checked(read).ok_or(Fault::NoEnd)?;
            evidence.witness = ended(end, before)?;
            return match lines.next() {
                Some((_, line)) => Err(Fault::AfterEnd(line)),
                None => Ok(evidence),
            };
        }
        take(&mut evidence, parsed).ok_or(Fault::Place(line))?;
        read += bytes.len();
    }
    Err(Fault::NoEnd)
}

/// A line with its end.
fn whole(line: &[u8]) -> Result<&[u8], Fault> {
    line.strip_suffix(b"\n").ok_or(Fault::Cut)
}

fn head(line: &[u8]) -> Result<Evidence, Fault> {
    let wrong = Fault::Line { line: 1, expected: "the first line of evidence" };
    let head: Head = json(line).ok_or(wrong.clone())?;
    if head.wardline != TITLE || head.version != VERSION {
        return Err(Fault::Version);
    }
    Ok(Evidence {
        kind: Kind::from_name(&head.kind).ok_or(Fault::Kind)?,
        network: head.network,
        chain: Chain::ALL.into_iter().find(|chain| chain.name() == head.chain).ok_or(wrong)?,
        genesis: head.genesis.0,
        steps: Vec::new(),
        members: Vec::new(),
        parts: Vec::new(),
        witness: None,
    })
}

/// Puts a line where it belongs; nothing where it stands in the wrong place.
fn take(evidence: &mut Evidence, line: Line) -> Option<()> {
    let Evidence { steps, members, parts, .. } = evidence;
    let begun = (!members.is_empty(), !parts.is_empty());
    match line {
        Line::Step(line) if begun == (false, false) => {
            let StepLine { step, header, certificate, set, proof } = line;
            let bytes = Step { header: header.0, certificate: certificate.0, set: set.0, proof: proof.0 };
            steps.push((step, bytes));
        }
        Line::Participant(line) if !begun.1 => {
            let entry = Entry::Participant(line.participant.0);
            members.push(Member { entry, block: block(line.headers, line.certificate), proof: line.proof.0 });
        }
        Line::Staff(line) if !begun.1 => {
            let entry = Entry::Staff(line.staff.0);
            members.push(Member { entry, block: block(line.headers, line.certificate), proof: line.proof.0 });
        }
        Line::Block(line) => parts.push(Part::Block(block(line.headers, line.certificate))),
        Line::Transaction(line) => {
            let TransactionLine { transaction, index, inclusion } = line;
            parts.push(Part::Transaction(Included { transaction: transaction.0, index, inclusion }));
        }
        Line::Tip(line) => parts.push(Part::Tip(line.tip.0)),
        Line::Answer(line) => {
            let AnswerLine { answer, request, asked, body } = line;
            let answered = Answered { answer: answer.0, request: request.0, asked: asked.0, body: body.0 };
            parts.push(Part::Answer(answered));
        }
        Line::Step(_) | Line::Participant(_) | Line::Staff(_) | Line::End(_) => return None,
    }
    Some(())
}

fn block(headers: Vec<Base64>, certificate: Base64) -> FinalBlock {
    FinalBlock { headers: headers.into_iter().map(|bytes| bytes.0).collect(), certificate: certificate.0 }
}

fn ended(end: EndLine, before: &[u8]) -> Result<Option<Witness>, Fault> {
    let sum = Digest::of(before);
    if end.sha256 != sum {
        return Err(Fault::Sum);
    }
    match (end.seen_s, end.grant, end.signature) {
        (None, None, None) => Ok(None),
        (Some(seen_s), Some(grant), Some(signature)) => {
            Ok(Some(Witness { sum, seen_s, grant: grant.0, signature: signature.0 }))
        }
        _ => Err(Fault::Witness),
    }
}

/// The headers in an answer, whatever it is to: what whoever makes evidence has to find validators for.
pub fn headers_in(answered: &Answered) -> Vec<Vec<u8>> {
    let places = [HeadersIn::Headers, HeadersIn::Block, HeadersIn::Stream];
    let found = places.into_iter().find_map(|place| Json.headers(place, &answered.body));
    found.unwrap_or_default().into_iter().map(|(header, _)| header).collect()
}

/// A file, signed by nobody where `witness` makes nothing of its sum.
pub fn write(evidence: &Evidence, witness: impl FnOnce(Digest) -> Option<Witness>) -> Vec<u8> {
    let mut file = Vec::new();
    let head = Head {
        wardline: TITLE.to_owned(),
        version: VERSION,
        kind: evidence.kind.name().to_owned(),
        network: evidence.network,
        chain: evidence.chain.name().to_owned(),
        genesis: evidence.genesis.as_slice().into(),
    };
    push(&mut file, &head);
    for (step, bytes) in &evidence.steps {
        let Step { header, certificate, set, proof } = bytes;
        push(
            &mut file,
            &StepLine {
                step: *step,
                header: header.as_slice().into(),
                certificate: certificate.as_slice().into(),
                set: set.as_slice().into(),
                proof: proof.as_slice().into(),
            },
        );
    }
    for Member { entry, block, proof } in &evidence.members {
        let BlockLine { headers, certificate } = block_line(block);
        let proof = proof.as_slice().into();
        match entry {
            Entry::Participant(value) => {
                let participant = value.as_slice().into();
                push(&mut file, &ParticipantLine { participant, headers, certificate, proof });
            }
            Entry::Staff(value) => {
                let staff = value.as_slice().into();
                push(&mut file, &StaffLine { staff, headers, certificate, proof });
            }
        }
    }
    for part in &evidence.parts {
        match part {
            Part::Block(block) => push(&mut file, &block_line(block)),
            Part::Transaction(included) => push(
                &mut file,
                &TransactionLine {
                    transaction: included.transaction.as_slice().into(),
                    index: included.index,
                    inclusion: included.inclusion.clone(),
                },
            ),
            Part::Tip(tip) => push(&mut file, &TipLine { tip: tip.as_slice().into() }),
            Part::Answer(answered) => push(
                &mut file,
                &AnswerLine {
                    answer: answered.answer.as_slice().into(),
                    request: answered.request.as_slice().into(),
                    asked: answered.asked.as_slice().into(),
                    body: answered.body.as_slice().into(),
                },
            ),
        }
    }
    let sha256 = Digest::of(&file);
    let witness = witness(sha256);
    push(
        &mut file,
        &EndLine {
            sha256,
            seen_s: witness.as_ref().map(|witness| witness.seen_s),
            grant: witness.as_ref().map(|witness| witness.grant.as_slice().into()),
            signature: witness.as_ref().map(|witness| witness.signature.as_slice().into()),
        },
    );
    file
}

fn block_line(block: &FinalBlock) -> BlockLine {
    BlockLine {
        headers: block.headers.iter().map(|bytes| bytes.as_slice().into()).collect(),
        certificate: block.certificate.as_slice().into(),
    }
}

fn push(file: &mut Vec<u8>, line: &impl Serialize) {
    // Text keys and whole numbers only, which always can be written.
    file.extend(serde_json::to_vec(line).unwrap_or_default());
    file.push(b'\n');
}

/// The JSON of bodies, as far as evidence rests on it; names that are not here are passed over.
struct Json;

#[derive(Deserialize)]
struct HeadersBody {
    headers: Vec<Object<HeaderBody>>,
}

#[derive(Deserialize)]
struct HeaderBody {
    header: Base64,
    certificate: Option<Base64>,
}

#[derive(Deserialize)]
struct StreamBody {
    block: Option<Object<HeaderBody>>,
}

#[derive(Deserialize)]
struct RecordsBody {
    #[serde(with = "text::list")]
    records: Vec<RecordId>,
}

#[derive(Deserialize)]
struct EnvelopesBody {
    envelopes: Vec<Option<Base64>>,
}

#[derive(Deserialize)]
struct PatientBody {
    #[serde(with = "text")]
    patient: PatientId,
}

#[derive(Deserialize)]
struct LinksBody {
    header: Base64,
    patient: Object<ValueBody>,
    #[serde(with = "text::list")]
    records: Vec<RecordId>,
    #[serde(default)]
    branches: Vec<u16>,
}

#[derive(Deserialize)]
struct ValueBody {
    value: Option<Base64>,
    proof: Base64,
}

impl From<HeaderBody> for CertifiedBytes {
    fn from(body: HeaderBody) -> Self {
        (body.header.0, body.certificate.map(|bytes| bytes.0))
    }
}

fn json<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok().map(|Object(value)| value)
}

impl Bodies for Json {
    fn headers(&self, place: HeadersIn, body: &[u8]) -> Option<Vec<CertifiedBytes>> {
        let headers = match place {
            HeadersIn::Headers => json::<HeadersBody>(body)?.headers,
            HeadersIn::Block => vec![Object(json(body)?)],
            HeadersIn::Stream => json::<StreamBody>(body)?.block.into_iter().collect(),
        };
        Some(headers.into_iter().map(|Object(header)| header.into()).collect())
    }

    fn records(&self, asked: &[u8]) -> Option<Vec<RecordId>> {
        Some(json::<RecordsBody>(asked)?.records)
    }

    fn envelopes(&self, body: &[u8]) -> Option<Vec<Option<Vec<u8>>>> {
        let envelopes = json::<EnvelopesBody>(body)?.envelopes;
        Some(envelopes.into_iter().map(|envelope| envelope.map(|bytes| bytes.0)).collect())
    }

    fn patient(&self, asked: &[u8]) -> Option<PatientId> {
        Some(json::<PatientBody>(asked)?.patient)
    }

    fn links(&self, body: &[u8]) -> Option<GivenLinks> {
        let links: LinksBody = json(body)?;
        Some(GivenLinks {
            header: links.header.0,
            value: links.patient.0.value.map(|bytes| bytes.0),
            proof: links.patient.0.proof.0,
            records: links.records,
            branches: links.branches,
        })
    }
}

#[cfg(test)]
mod tests;
