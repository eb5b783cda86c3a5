//! `wardline lookup`: who is looked up, by whom, for what; and the patient that every other command needs.

use super::{NOT_WHOLE, Result, access::Access, evidence, output};
use clap::Args;
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};
use wardline_client::{AnswerState, Candidate, FinalLookup, Group, ToProve};
use wardline_ledger::{MAX_REASON, PatientId};
use wardline_policy::Purpose;
use wardline_record::Identity;

/// Who is meant, and why.
#[derive(Debug, Args)]
pub struct Who {
    /// Medical record number, name, birth date (YYYY-MM-DD) or patient ID (32 hex digits)
    patient: String,
    /// treatment, payment, research, statistics, emergency or administration
    #[arg(long, value_parser = purpose, value_name = "PURPOSE")]
    purpose: Purpose,
    /// Why you look; recorded on the side chain under your name
    #[arg(long, value_parser = reason, value_name = "TEXT")]
    reason: String,
}

fn purpose(text: &str) -> std::result::Result<Purpose, String> {
    Purpose::parse(text).map_err(|_| {
        "not a purpose; choose treatment, payment, research, statistics, emergency or administration".into()
    })
}

/// A reason that the ledger takes, told before anything is asked of anybody.
fn reason(text: &str) -> std::result::Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_REASON || text.chars().any(char::is_control) {
        return Err(format!("say in 1 to {MAX_REASON} bytes on one line why you look"));
    }
    Ok(text.to_owned())
}

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    who: Who,
    /// Write a proof that the lookup is on the side chain into this new file
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(options: Options) -> Result<ExitCode> {
    if let Some(path) = options.evidence.as_deref().filter(|path| path.symlink_metadata().is_ok()) {
        return Err(format!("{} exists already; choose another name", path.display()).into());
    }
    let group = options.access.open()?;
    let (who, proven) = super::runtime()?.block_on(async {
        let who = options.who.look_up(&group).await?;
        let FinalLookup { id, height } = who.lookup;
        if let Some(path) = &options.evidence {
            evidence::keep(path, &group.evidence(ToProve::Lookup { id, height }).await?)?;
        }
        let proven = group.proven_identity(who.patient, &who.lookup).await?;
        Ok::<_, super::Failure>((who, proven))
    })?;
    let person = who.proven(proven.as_ref());
    let LookedUp { patient, lookup, .. } = who;
    if options.json {
        output::json(&json!({
            "lookup": lookup.id.to_string(),
            "side_height": lookup.height,
            "evidence": options.evidence,
            "patient": patient.to_string(),
            "identity_proven": person.is_some(),
            "family": person.map(|person| &person.family),
            "given": person.map(|person| &person.given),
            "birth_date": person.map(|person| &person.birth_date),
        }))?;
    } else {
        output::text(&name_line(person))?;
        output::text(&format!("patient {patient}"))?;
        output::text(&format!(
            "lookup {} is final on the side chain at height {}",
            lookup.id, lookup.height
        ))?;
        if let Some(path) = &options.evidence {
            evidence::told(path, &group.network())?;
        }
    }
    Ok(if person.is_some() { ExitCode::SUCCESS } else { NOT_WHOLE.into() })
}

/// Said instead of a name that nothing proves.
pub const NOT_PROVEN: &str =
    "IDENTITY NOT PROVEN: no search showed the identity that the side chain has of this patient";

/// The patient's name, if it is proven, or that it is not.
pub fn name_line(person: Option<&Identity>) -> String {
    person.map_or_else(|| NOT_PROVEN.into(), Identity::name)
}

/// A patient under a final lookup.
pub struct LookedUp {
    pub patient: PatientId,
    /// Who that is, when the patient was searched for.
    pub candidate: Option<Candidate>,
    pub lookup: FinalLookup,
}

impl LookedUp {
    /// Who the side chain proves the patient to be, unless the search showed somebody else.
    pub fn proven<'a>(&self, proven: Option<&'a Identity>) -> Option<&'a Identity> {
        let shown = self.candidate.as_ref().map(|candidate| &candidate.identity);
        proven.filter(|proven| shown.is_none_or(|shown| shown == *proven))
    }
}

impl Who {
    /// Finds the one patient that is meant and makes the lookup final.
    pub async fn look_up(&self, group: &Group) -> Result<LookedUp> {
        let (patient, candidate) = match self.patient.parse::<PatientId>() {
            Ok(patient) => (patient, None),
            Err(_) => {
                let candidate = self.find(group).await?;
                (candidate.patient, Some(candidate))
            }
        };
        let lookup = group.look_up(patient, self.purpose, &self.reason).await?;
        Ok(LookedUp { patient, candidate, lookup })
    }

    /// Exactly one patient, or an error that says what to do.
    async fn find(&self, group: &Group) -> Result<Candidate> {
        let outcome = group.search(&self.patient).await?;
        let silent: Vec<&str> = outcome
            .branches
            .iter()
            .filter(|branch| branch.state != AnswerState::Answered)
            .map(|branch| branch.name.as_str())
            .collect();
        let many = outcome.more || outcome.candidates.len() > 1;
        let first = outcome.candidates.into_iter().next();
        match first {
            Some(_) if many => {
                Err("more than one patient matches; search by medical record number or patient ID".into())
            }
            Some(candidate) => Ok(candidate),
            None if silent.is_empty() => Err("every branch answered and none knows a patient by that".into()),
            None => Err(format!(
                "no patient found by that, but not every branch answered ({}); this is not proof that there is none",
                silent.join(", ")
            )
            .into()),
        }
    }
}
