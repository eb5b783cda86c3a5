//! Every branch's own blocks against the verified ones, as a table and as JSON.

use super::{NAMED, Result, fault_document, fault_text, line, more, note, shout};
use serde_json::{Value, json};
use wardline_client::{BranchChain, Standing, Verdict};

/// One row for programs.
pub fn document(one: &BranchChain) -> Value {
    let (standing, height, theirs, verified) = match &one.standing {
        Standing::Whole => ("whole", None, None, None),
        Standing::Behind(_) => ("behind", None, None, None),
        Standing::Differs { height, theirs, verified } => {
            ("differs", Some(*height), Some(theirs.to_string()), Some(verified.to_string()))
        }
        Standing::Damaged => ("damaged", None, None, None),
        Standing::Silent(_) => ("silent", None, None, None),
        Standing::NotAllowed(_) => ("not allowed", None, None, None),
    };
    let why = match &one.standing {
        Standing::Silent(why) | Standing::NotAllowed(why) => Some(why),
        _ => None,
    };
    let behind = match &one.standing {
        Standing::Behind(by) => Some(*by),
        _ => None,
    };
    json!({
        "branch": one.branch,
        "chain": one.chain.name(),
        "standing": standing,
        "behind": behind,
        "first_difference": height,
        "theirs": theirs,
        "verified": verified,
        "why": why,
        "headers": one.headers,
        "certificates": one.certificates,
        "bodies": one.bodies,
        "faults": one.faults.iter().map(fault_document).collect::<Vec<_>>(),
    })
}

/// All rows for people.
pub fn text(all: &[BranchChain]) -> Result<()> {
    let Some(worst) = all.iter().map(BranchChain::verdict).max() else { return Ok(()) };
    line("branches", shout(worst), "every branch's own blocks against the verified ones")?;
    let width = all.iter().map(|one| one.branch.chars().count()).max().unwrap_or_default();
    for one in all {
        note(&format!("{:<width$}  {}  {}", one.branch, one.chain, said(one)))?;
    }
    for one in all.iter().filter(|one| one.verdict() == Verdict::Wrong) {
        for fault in one.faults.iter().take(NAMED) {
            note(&format!("WRONG {} chain, {}", one.chain, fault_text(fault)))?;
        }
        more(one.faults.len())?;
    }
    Ok(())
}

fn said(one: &BranchChain) -> String {
    let bodies = match one.bodies {
        0 => String::new(),
        bodies => format!(", {bodies} bodies"),
    };
    let compared = format!("{} headers, {} certificates{bodies}", one.headers, one.certificates);
    match &one.standing {
        Standing::Whole => format!("whole: {compared}"),
        Standing::Behind(by) => format!("BEHIND by {by}: {compared}"),
        Standing::Differs { height, theirs, verified } => {
            format!("DIFFERS first at block {height}: {} instead of {}", theirs.short(), verified.short())
        }
        Standing::Damaged => format!("DAMAGED: {compared} hold"),
        Standing::Silent(why) => format!("SILENT: {why}"),
        Standing::NotAllowed(why) => format!("not asked: {why}"),
    }
}
