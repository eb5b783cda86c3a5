//! `wardline status`: the overview screen's twin.

use super::{NOT_WHOLE, Result, access::Access, audit, output};
use clap::Args;
use serde_json::{Value, json};
use std::process::ExitCode;
use wardline_client::{Alarm, BranchView, BranchWord, Head, Overview};
use wardline_ledger::{Chain, NetworkId, state_word};

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    access: Access,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(options: Options) -> Result<ExitCode> {
    let group = options.access.open()?;
    let overview = super::runtime()?.block_on(group.refresh());
    let mut alarms = group.alarms();
    alarms.retain(|alarm| alarm.closed.is_none());
    if options.json {
        let mut document = document(group.network(), &overview);
        if let Value::Object(fields) = &mut document {
            fields.insert("alarms".into(), alarms.iter().map(alarm_document).collect());
        }
        output::json(&document)?;
    } else {
        text(group.network(), &overview)?;
        alarms.iter().try_for_each(alarm_text)?;
    }
    let verified = overview.branches.iter().all(|branch| branch.word == BranchWord::Verified);
    let whole = verified && alarms.is_empty();
    Ok(if whole { ExitCode::SUCCESS } else { NOT_WHOLE.into() })
}

fn document(network: NetworkId, overview: &Overview) -> Value {
    let head = |chain, head: &Head| {
        json!({
            "verified_height": head.height,
            "digest": head.digest.to_string(),
            "state_word": state_word(&network, chain, head.height, &head.digest).as_str(),
        })
    };
    let branches: Vec<Value> = overview
        .branches
        .iter()
        .map(|branch| {
            json!({
                "branch": branch.id,
                "name": branch.name,
                "state": branch.word.text(),
                "detail": branch.detail,
                "main_height": branch.main_height,
                "side_height": branch.side_height,
                "head": branch.head.map(|head| head.to_string()),
                "behind": branch.main_height.map(|_| branch.behind),
                "verified_main": branch.verified_main,
                "verified_side": branch.verified_side,
                "fresh": branch.fresh,
                "round_trip_ms": branch.round_trip_ms,
                "last_answer_s": branch.last_answer_s,
                "waiting": branch.waiting,
                "envelopes": branch.envelopes,
            })
        })
        .collect();
    json!({
        "main": head(Chain::Main, &overview.main),
        "side": overview.side.as_ref().map(|side| head(Chain::Side, side)),
        "branches": branches,
        "auditors": overview.verdicts.as_ref().map(|all| all.iter().map(audit::said_document).collect::<Vec<_>>()),
        "warning": overview.warning,
    })
}

fn alarm_document(alarm: &Alarm) -> Value {
    json!({
        "id": alarm.id,
        "kind": alarm.kind.name(),
        "branch": alarm.branch,
        "what": alarm.what,
        "seen_s": alarm.seen_s,
        "evidence": alarm.evidence,
    })
}

fn alarm_text(alarm: &Alarm) -> Result<()> {
    output::text(&format!("ALARM {} ({}): {}", alarm.kind.text(), alarm.id, alarm.what))?;
    match &alarm.evidence {
        Some(path) => output::text(&format!("    evidence: {}", path.display())),
        None => Ok(()),
    }
}

fn text(network: NetworkId, overview: &Overview) -> Result<()> {
    let rows: Vec<Vec<String>> = overview.branches.iter().map(row).collect();
    output::table(
        &["BRANCH", "STATE", "MAIN", "SIDE", "HEAD", "BEHIND", "VERIFIED", "ms", "RECORDS", "DETAIL"],
        &rows,
    )?;
    let side =
        overview.side.as_ref().map_or_else(String::new, |side| format!(", side chain up to {}", side.height));
    let heights = format!("main chain up to {}{side}", overview.main.height);
    if overview.branches.iter().any(|branch| branch.last_answer_s.is_some()) {
        output::text(&format!("verified by this terminal: {heights}"))?;
    } else {
        output::text(&format!("NOTHING VERIFIED NOW: no branch answered; verified earlier: {heights}"))?;
    }
    // To compare two terminals by telephone, at the same height.
    let word = |chain, head: &Head| {
        format!("{chain} {} {}", head.height, state_word(&network, chain, head.height, &head.digest))
    };
    let side = overview.side.as_ref().map(|side| format!(", {}", word(Chain::Side, side)));
    output::text(&format!("state words: {}{}", word(Chain::Main, &overview.main), side.unwrap_or_default()))?;
    for said in overview.verdicts.iter().flatten() {
        output::text(&audit::said(said))?;
    }
    if let Some(warning) = &overview.warning {
        output::text(warning)?;
    }
    Ok(())
}

fn row(branch: &BranchView) -> Vec<String> {
    let number = |value: Option<u64>| value.map_or_else(|| "-".into(), |value| value.to_string());
    vec![
        branch.name.clone(),
        branch.word.text().into(),
        number(branch.main_height),
        number(branch.side_height),
        branch.head.map_or_else(|| "-".into(), |head| head.short()),
        number(branch.main_height.map(|_| branch.behind)),
        format!("{}/{}", number(branch.verified_main), number(branch.verified_side)),
        number(branch.round_trip_ms),
        number(branch.envelopes),
        branch.detail.clone().unwrap_or_default(),
    ]
}
