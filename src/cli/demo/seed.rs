//! The made-up patients' way into the demo: enrolled, sealed, kept and agreed like any other.

use super::{BRANCHES, SEEDED, people};
use crate::cli::{
    Result, access,
    network::{self, Layout},
    private,
};
use serde_json::json;
use std::{
    fs,
    io::{IsTerminal as _, Write as _},
    sync::Arc,
    time::Instant,
};
use wardline_client::{Clock as _, Group, NewRecord, SystemClock};
use wardline_crypto::OsEntropy;
use wardline_ledger::{Genesis, RecordId};

/// Seeds the demo unless it was seeded before.
pub async fn once(layout: &Layout, genesis: &Genesis, seed: u64, limit: Option<usize>) -> Result<()> {
    let marker = layout.root.join(SEEDED);
    if marker.exists() {
        return Ok(());
    }
    let started = Instant::now();
    let today = jiff::Zoned::now().date();
    let mut plan = people::plan(seed, &BRANCHES, today);
    plan.people.truncate(limit.unwrap_or(usize::MAX));
    let list = layout.root.join("people.json");
    if !list.exists() {
        private::write_private(&list, directory(&plan)?.as_bytes())?;
    }
    let groups = importers(layout, genesis)?;
    let total = plan.people.iter().map(|person| person.records.len()).sum::<usize>();
    let mut progress = Progress::new(plan.people.len(), total);

    // Everybody at once at the branch of the first record, whose registrar signs.
    let mut at: Vec<Vec<people::Person>> = groups.iter().map(|_| Vec::new()).collect();
    for person in plan.people {
        let home = person.records.first().map_or(0, |(branch, _)| *branch);
        at.get_mut(home).ok_or("a made-up patient's branch is not in the demo")?.push(person);
    }
    let mut enrolments = Vec::new();
    for (group, people) in groups.iter().zip(&at) {
        let (group, identities) = (group.clone(), people.iter().map(|person| person.identity.clone()));
        let identities = identities.collect();
        enrolments.push(tokio::spawn(async move { group.enrol_all(identities).await }));
    }
    let mut enrolled = Vec::new();
    for enrolment in enrolments {
        enrolled.extend(enrolment.await?);
    }
    let mut records: Vec<Vec<NewRecord>> = groups.iter().map(|_| Vec::new()).collect();
    for (person, patient) in at.into_iter().flatten().zip(enrolled) {
        let patient = patient?;
        progress.enrolled += 1;
        progress.show();
        for (branch, record) in person.records {
            if let Some(records) = records.get_mut(branch) {
                records.push(NewRecord { patient, id: RecordId::draw(&mut OsEntropy), version: 1, record });
            }
        }
    }
    // All branches at once: each branch's import key signs its own records.
    let (agreed, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let mut kept = Vec::new();
    for (group, records) in groups.into_iter().zip(records) {
        let agreed = agreed.clone();
        kept.push(tokio::spawn(async move { group.keep_all(records, agreed).await }));
    }
    drop(agreed);
    while let Some(count) = heard.recv().await {
        progress.agreed += count;
        progress.show();
    }
    for outcomes in kept {
        for outcome in outcomes.await? {
            outcome?;
        }
    }
    progress.finish(started);
    fs::write(marker, b"")?;
    Ok(())
}

/// Who was made up, so that a stranger knows whom to search for.
fn directory(plan: &people::Plan) -> Result<String> {
    let people: Vec<_> = plan
        .people
        .iter()
        .map(|person| {
            let identity = &person.identity;
            json!({
                "family": identity.family,
                "given": identity.given,
                "birth_date": identity.birth_date,
                "mrn": identity.mrns.first().map(|mrn| &mrn.value),
                "records": person.records.len(),
            })
        })
        .collect();
    Ok(serde_json::to_string_pretty(&people)?)
}

/// One signed-in group per branch, by its import key.
fn importers(layout: &Layout, genesis: &Genesis) -> Result<Vec<Group>> {
    let passphrase = access::passphrase(Some(&layout.passphrase()))?;
    let clock = Arc::new(SystemClock);
    BRANCHES
        .iter()
        .map(|name| {
            let file = layout.staff(&format!("import-{}", name.to_lowercase()));
            let mut settings = network::console_settings(layout, genesis);
            settings.state = settings.state.join(name.to_lowercase());
            settings.memory = settings.memory.map(|memory| memory.join(name.to_lowercase()));
            let length_s = wardline_client::session_length_s(&settings, genesis)?;
            let (text, now_s) = (access::read(&file)?, clock.now_s());
            let session = wardline_client::unlock(&text, &passphrase, now_s, length_s, &mut OsEntropy)?;
            Ok(Group::open(settings, genesis.clone(), session, clock.clone())?)
        })
        .collect()
}

/// A figure on the terminal; nothing when standard error is not one.
struct Progress {
    people: usize,
    records: usize,
    enrolled: usize,
    agreed: usize,
    terminal: bool,
}

impl Progress {
    fn new(people: usize, records: usize) -> Self {
        Self { people, records, enrolled: 0, agreed: 0, terminal: std::io::stderr().is_terminal() }
    }

    fn show(&self) {
        if self.terminal {
            eprint!(
                "\rMade-up patients enrolled {}/{}, records sealed, kept and agreed {}/{} ",
                self.enrolled, self.people, self.agreed, self.records
            );
            let _ = std::io::stderr().flush();
        }
    }

    fn finish(&self, started: Instant) {
        let seconds = started.elapsed().as_millis().max(1);
        eprintln!(
            "{}{} patients and {} records in {}.{} s",
            if self.terminal { "\n" } else { "" },
            self.people,
            self.records,
            seconds / 1000,
            seconds % 1000 / 100
        );
    }
}
