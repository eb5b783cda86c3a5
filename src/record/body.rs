//! The closed enum of the twelve kinds, and the ways into each.
//!
//! It must not know any kind's fields.

use crate::{DecodeError, Record, RecordKind, check::Checker, kinds::*, page::Page, when::When};

/// What a kind can do. One file in `kinds` for each.
pub(crate) trait Kind {
    fn check(&self, checker: &mut Checker);
    /// One line for lists; what is missing leaves no trace in it.
    fn summary(&self) -> String;
    /// Whether the summary says by itself what became of it, so that the source's status would only repeat it.
    fn tells_outcome(&self) -> bool {
        false
    }
    /// Its part of the page; the record says when, by whom and where.
    fn page(&self, record: &Record, page: &mut Page);
    /// When it happened, with its end where there is one.
    fn when(&self, occurred: &When) -> String {
        occurred.words()
    }
}

macro_rules! bodies {
    ($($kind:ident,)+) => {
        /// A record's kind with its fields.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Body {
            $(#[doc = concat!("See [`", stringify!($kind), "`].")] $kind($kind),)+
        }

        impl Body {
            /// Its kind.
            pub const fn kind(&self) -> RecordKind {
                match self { $(Self::$kind(_) => RecordKind::$kind,)+ }
            }

            /// An empty form of a kind, to be filled in.
            pub fn empty(kind: RecordKind) -> Self {
                match kind { $(RecordKind::$kind => Self::$kind($kind::default()),)+ }
            }

            pub(crate) fn content(&self) -> &dyn Kind {
                match self { $(Self::$kind(content) => content,)+ }
            }

            pub(crate) fn encode(&self, record: &Record) -> Vec<u8> {
                match self { $(Self::$kind(content) => record.encode_with(content),)+ }
            }

            pub(crate) fn decode(kind: RecordKind, bytes: &[u8]) -> Result<Record, DecodeError> {
                match kind { $(RecordKind::$kind => Record::decode_with(bytes, Self::$kind),)+ }
            }
        }

        $(impl From<$kind> for Body {
            fn from(content: $kind) -> Self { Self::$kind(content) }
        })+
    };
}

bodies! {
    Visit,
    HospitalStay,
    Prescription,
    MedicationGiven,
    LaboratoryResult,
    ImagingReport,
    Allergy,
    Condition,
    FamilyHistory,
    Immunization,
    Operation,
    Receipt,
}
