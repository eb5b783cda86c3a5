//! "None known" is a finding and differs from "nobody has asked": shared by allergies, conditions and family history.

use crate::{
    choice::choice,
    page::{Mark, Page},
};

choice! {
    /// What is known. A patient without any such record has not been asked, as far as the records tell.
    Finding {
        /// There is something, and the record says what.
        Present = "present",
        /// The patient was asked, and there is nothing known.
        NoneKnown = "none-known",
        /// The patient was not or could not be asked.
        NotAsked = "not-asked",
    }
}

impl Finding {
    /// The line for a list: what is present, or that it is none, or unasked.
    pub(crate) fn summary(finding: Option<Self>, noun: &str, present: String) -> String {
        match finding {
            Some(Self::NoneKnown) => format!("no known {noun}"),
            Some(Self::NotAsked) => format!("{noun} not asked about"),
            Some(Self::Present) | None => present,
        }
    }

    /// The sentence on a page where nothing is present: that the patient was asked, was not, or that nobody says.
    pub(crate) fn state(finding: Option<Self>, noun: &str, page: &mut Page) {
        match finding {
            Some(Self::NoneKnown) => {
                page.state(Mark::Good, format!("No known {noun}: the patient was asked."));
            }
            Some(Self::NotAsked) => page
                .state(Mark::Warning, format!("NOT ASKED about {noun}: this does not say there are none.")),
            Some(Self::Present) | None => {
                page.state(Mark::Warning, format!("Not said whether there are {noun}."));
            }
        }
    }
}

/// What to say when something is described although the finding is that there is nothing.
pub(crate) const NOT_WITH_NONE: &str = "leave this empty, or choose present";
