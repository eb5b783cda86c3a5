//! One entry of a branch's audit log (`docs/format/node.md`).
//!
//! An entry holds the request as the session signed it, so that an auditor can check, with the registry's keys alone,
//! that the person really asked, and a node cannot put a request into somebody's mouth.

use wardline_crypto::Digest;
use wardline_ledger::{Canonical, DecodeError, Grant, LookupId, PatientId, Reader, RecordId, Writer};
use wardline_policy::{Operation, Purpose};

/// The layout's version.
pub const AUDIT_VERSION: u8 = 1;

/// What was decided about one object: a record, or at a search a patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuditOutcome {
    /// Its envelope was handed out, or its key was to be released.
    Released = 1,
    /// The policy refused, or it is not final on the main chain here.
    Withheld = 2,
    /// This branch holds nothing for it.
    Absent = 3,
    /// It was left here and is kept.
    Kept = 4,
}

impl AuditOutcome {
    fn from_code(code: u8) -> Option<Self> {
        [Self::Released, Self::Withheld, Self::Absent, Self::Kept]
            .into_iter()
            .find(|outcome| *outcome as u8 == code)
    }
}

/// One object of a request and what was decided about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditObject {
    /// The record's temporary ID; at a search the patient's ID.
    pub object: [u8; 16],
    pub outcome: AuditOutcome,
}

impl Canonical for AuditObject {
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.object);
        w.u8(self.outcome as u8);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let object = r.array("audited object")?;
        let code = r.u8("outcome")?;
        let outcome = AuditOutcome::from_code(code)
            .ok_or(DecodeError::UnknownCode { what: "outcome", code: u32::from(code) })?;
        Ok(Self { object, outcome })
    }
}

/// One entry: who asked for what, why, and what was decided, at which heights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Number in the branch's log, from 0.
    pub sequence: u64,
    /// Unix seconds.
    pub time_s: u64,
    pub operation: Operation,
    /// Heights at which it was decided.
    pub main_height: u64,
    pub side_height: u64,
    /// Whether the request was allowed; single objects may still be withheld.
    pub allowed: bool,
    /// Why not, for people; empty when allowed.
    pub reason: String,
    pub patient: Option<PatientId>,
    pub lookup: Option<LookupId>,
    pub purpose: Option<Purpose>,
    pub objects: Vec<AuditObject>,
    /// The session grant, by which the staff key answers for the session key.
    pub grant: Grant,
    /// The signed bytes of the request line; they end in the SHA-256 of the body.
    pub request_line: Vec<u8>,
    /// The session key's signature over them.
    pub signature: [u8; 64],
    /// The request's body where it holds identifiers only; empty for searches, whose terms are a patient's data.
    pub body: Vec<u8>,
}

const REASON_MAX: usize = 2_000;
const OBJECTS_MAX: usize = 512;
const LINE_MAX: usize = 16 * 1024;
const BODY_MAX: usize = 64 * 1024;

impl AuditEntry {
    /// The leaf hash by which releases name the entry, and with which it stands in the branch's log.
    pub fn leaf(&self) -> Digest {
        wardline_crypto::merkle::leaf_hash(&self.encode())
    }
}

impl Canonical for AuditEntry {
    fn write(&self, w: &mut Writer) {
        w.u8(AUDIT_VERSION);
        w.u64(self.sequence);
        w.u64(self.time_s);
        w.u8(self.operation.code());
        w.u64(self.main_height);
        w.u64(self.side_height);
        w.bool(self.allowed);
        w.text(&self.reason);
        w.option(self.patient.as_ref(), |w, patient| patient.write(w));
        w.option(self.lookup.as_ref(), |w, lookup| lookup.write(w));
        w.option(self.purpose.as_ref(), |w, purpose| purpose.write(w));
        w.list(&self.objects);
        self.grant.write(w);
        w.bytes(&self.request_line);
        w.fixed(&self.signature);
        w.bytes(&self.body);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = r.u8("audit entry version")?;
        if version != AUDIT_VERSION {
            return Err(DecodeError::UnknownCode { what: "audit entry version", code: u32::from(version) });
        }
        Ok(Self {
            sequence: r.u64("sequence")?,
            time_s: r.u64("time")?,
            operation: {
                let code = r.u8("operation")?;
                Operation::from_code(code)
                    .ok_or(DecodeError::UnknownCode { what: "operation", code: u32::from(code) })?
            },
            main_height: r.u64("main height")?,
            side_height: r.u64("side height")?,
            allowed: r.bool("allowed")?,
            reason: r.text(REASON_MAX, "reason")?,
            patient: r.option("patient", PatientId::read)?,
            lookup: r.option("lookup", LookupId::read)?,
            purpose: r.option("purpose", Purpose::read)?,
            objects: r.list(OBJECTS_MAX, "audited objects")?,
            grant: Grant::read(r)?,
            request_line: r.bytes(LINE_MAX, "request line")?.to_vec(),
            signature: r.array("signature")?,
            body: r.bytes(BODY_MAX, "body")?.to_vec(),
        })
    }
}

/// An audited record.
impl From<(RecordId, AuditOutcome)> for AuditObject {
    fn from((record, outcome): (RecordId, AuditOutcome)) -> Self {
        Self { object: *record.bytes(), outcome }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardline_crypto::{AgreementPublic, PublicKey, Signature};
    use wardline_ledger::StaffId;

    fn entry() -> AuditEntry {
        AuditEntry {
            sequence: 7,
            time_s: 1_800_000_000,
            operation: Operation::ReleaseKeys,
            main_height: 3,
            side_height: 4,
            allowed: true,
            reason: String::new(),
            patient: Some(PatientId::from_bytes([1; 16])),
            lookup: None,
            purpose: Some(Purpose::Treatment),
            objects: vec![(RecordId::from_bytes([2; 16]), AuditOutcome::Withheld).into()],
            grant: Grant {
                network: Digest::ZERO,
                staff: StaffId::from_bytes([3; 16]),
                key_epoch: 1,
                session: PublicKey::from_bytes([4; 32]),
                session_agreement: AgreementPublic::from_bytes([5; 32]),
                not_before_s: 1,
                not_after_s: 2,
                signature: Signature::from_bytes([6; 64]),
            },
            request_line: b"line".to_vec(),
            signature: [8; 64],
            body: b"{}".to_vec(),
        }
    }

    #[test]
    fn an_entry_has_one_spelling() {
        let bytes = entry().encode();
        assert_eq!(AuditEntry::decode(&bytes), Ok(entry()));
        for cut in 0..bytes.len() {
            assert!(AuditEntry::decode(&bytes[..cut]).is_err(), "{cut} bytes");
        }
        assert!(AuditEntry::decode(&[&bytes[..], &[0]].concat()).is_err());
        let mut other = bytes.clone();
        other[0] = 2;
        assert!(AuditEntry::decode(&other).is_err(), "another version");
        assert_ne!(AuditEntry { sequence: 8, ..entry() }.leaf(), entry().leaf());
    }

    #[test]
    fn unknown_outcomes_are_refused() {
        let mut bytes = AuditObject::from((RecordId::from_bytes([2; 16]), AuditOutcome::Absent)).encode();
        assert!(AuditObject::decode(&bytes).is_ok());
        *bytes.last_mut().unwrap() = 5;
        assert!(AuditObject::decode(&bytes).is_err());
    }
}
