//! The import itself: files are read ahead, patients found or enrolled, records kept at all branches at once.

use super::{
    branches::Branches,
    load,
    plan::{self, Known},
    report::FileReport,
};
use crate::cli::{Result, visits::answer_words};
use futures::{StreamExt as _, future::join_all, stream};
use std::{
    collections::{BTreeMap, VecDeque},
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::sync::mpsc::{self, Receiver};
use wardline_client::{AnswerState, ClientError, Group, NewRecord, SearchOutcome};
use wardline_crypto::ImportKey;
use wardline_fhir::{Import, Shared};
use wardline_ledger::{PatientId, StaffId};
use wardline_policy::Purpose;
use wardline_record::{Identity, query_terms};

/// Files that are read ahead.
const AHEAD: usize = 2;
/// Records after which a batch is closed: enough to fill blocks, few enough to lie in memory.
const BATCH: usize = 2000;
/// Bytes of bundles after which a batch is closed.
const BATCH_BYTES: usize = 64 << 20;
/// Searches and histories under way at once.
const IN_FLIGHT: usize = 8;
/// Why the importer looks, as the patient and the supervisor will read it.
const REASON: &str = "import of records from another system";

/// Everything that an import works with.
pub struct Work<'a> {
    pub groups: BTreeMap<u16, Group>,
    pub ids: ImportKey,
    pub branches: &'a mut Branches,
}

/// One file on its way.
struct Bundle {
    report: FileReport,
    import: Import,
    /// Bytes of its JSON.
    size: usize,
}

/// A patient of the batch.
struct Person {
    /// Index of the bundle.
    bundle: usize,
    patient: wardline_fhir::Patient,
}

type Read = (PathBuf, std::result::Result<(Import, usize), String>);

/// A patient whom the group has, as a search gave them.
type Found = Option<(PatientId, Identity)>;

impl Work<'_> {
    /// Imports all bundles; one report for each, told as soon as it is known.
    pub async fn all(
        mut self,
        bundles: Vec<PathBuf>,
        shared: Shared,
        tell: impl Fn(&FileReport) -> Result<()>,
    ) -> Result<Vec<FileReport>> {
        let mut progress = Progress::new(bundles.len());
        let (sender, mut receiver) = mpsc::channel(AHEAD);
        let reader = tokio::task::spawn_blocking(move || {
            for path in bundles {
                let import = load(&path, &shared);
                if sender.blocking_send((path, import)).is_err() {
                    break;
                }
            }
        });
        let mut reports = Vec::new();
        let mut later = VecDeque::new();
        loop {
            let told = reports.len();
            let batch = gather(&mut receiver, &mut later, &mut reports).await;
            let over = batch.is_empty();
            reports.extend(self.batch(batch, &mut progress).await?);
            progress.clear();
            reports.iter().skip(told).try_for_each(&tell)?;
            if over {
                break;
            }
            progress.files = reports.len();
            progress.show();
        }
        reader.await?;
        Ok(reports)
    }

    /// Imports some bundles, no patient of which is in two of them.
    async fn batch(&mut self, bundles: Vec<Bundle>, progress: &mut Progress) -> Result<Vec<FileReport>> {
        let (mut reports, people) = apart(bundles);
        let found = self.find(&people).await;
        let known = self.known(&people, &found).await;

        let mut strangers: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        for (index, (person, found)) in people.iter().zip(&found).enumerate() {
            if matches!(found, Ok(None)) {
                strangers.entry(self.home(person)).or_default().push(index);
            }
        }
        let mut ids: BTreeMap<usize, std::result::Result<PatientId, String>> = BTreeMap::new();
        for (branch, indexes) in strangers {
            let identities: Vec<Identity> = indexes
                .iter()
                .filter_map(|index| Some(people.get(*index)?.patient.identity.clone()))
                .collect();
            let enrolled = match self.groups.get(&branch) {
                Some(group) => group.enrol_all(identities).await,
                None => continue,
            };
            ids.extend(indexes.into_iter().zip(enrolled.into_iter().map(|id| id.map_err(|e| e.to_string()))));
        }

        let importers: BTreeMap<u16, StaffId> =
            self.groups.iter().map(|(branch, group)| (*branch, group.session().staff().staff)).collect();
        let mut queues: BTreeMap<u16, Vec<(usize, NewRecord)>> = BTreeMap::new();
        for (index, ((person, found), known)) in people.into_iter().zip(found).zip(known).enumerate() {
            let Some(report) = reports.get_mut(person.bundle) else { continue };
            let id = match found {
                Ok(Some((id, identity))) => {
                    report.identity_differs |= identity != person.patient.identity;
                    Ok(id)
                }
                Ok(None) => ids.remove(&index).unwrap_or_else(|| Err("not enrolled".to_owned())),
                Err(reason) => Err(reason),
            };
            let planned = id
                .and_then(|id| plan::plan(id, person.patient, &known?, &self.ids, &importers, self.branches));
            match planned {
                Ok(plan) => {
                    report.planned(&plan);
                    for (branch, record) in plan.records {
                        queues.entry(branch).or_default().push((person.bundle, record));
                    }
                }
                Err(reason) => report.failed(reason),
            }
        }
        self.keep(queues, &mut reports, progress).await;
        Ok(reports)
    }

    /// The branch that enrols a patient: where most of the records were made.
    fn home(&mut self, person: &Person) -> u16 {
        let mut count: BTreeMap<u16, usize> = BTreeMap::new();
        for taken in &person.patient.records {
            if let Some(organization) = &taken.organization {
                *count.entry(self.branches.of(organization)).or_default() += 1;
            }
        }
        let most = count.into_iter().max_by_key(|(_, records)| *records);
        most.map_or(self.branches.keeper(), |(branch, _)| branch)
    }

    fn group(&self) -> Option<&Group> {
        self.groups.get(&self.branches.keeper())
    }

    /// For each patient who it is, if the group has them.
    async fn find(&self, people: &[Person]) -> Vec<std::result::Result<Found, String>> {
        let searches = people.iter().map(|person| async move {
            match self.group() {
                Some(group) => find(group, &person.patient.identity).await,
                None => Err("no branch keeps records".to_owned()),
            }
        });
        stream::iter(searches).buffered(IN_FLIGHT).collect().await
    }

    /// For each patient what the group holds of them.
    async fn known(
        &self,
        people: &[Person],
        found: &[std::result::Result<Found, String>],
    ) -> Vec<std::result::Result<Known, String>> {
        let histories = people.iter().zip(found).map(|(_, found)| async move {
            match (found, self.group()) {
                (Ok(Some((id, identity))), Some(group)) => {
                    known(group, *id, identity).await.map_err(|error| error.to_string())?
                }
                _ => Ok(Known::default()),
            }
        });
        stream::iter(histories).buffered(IN_FLIGHT).collect().await
    }

    /// Keeps everything, at all branches at once, and tells each file what became of its records.
    async fn keep(
        &self,
        queues: BTreeMap<u16, Vec<(usize, NewRecord)>>,
        reports: &mut [FileReport],
        progress: &mut Progress,
    ) {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let running = join_all(queues.into_iter().map(|(branch, queue)| {
            let sender = sender.clone();
            async move {
                let (bundles, records): (Vec<usize>, Vec<NewRecord>) = queue.into_iter().unzip();
                let results = match self.groups.get(&branch) {
                    Some(group) => group.keep_all(records, sender).await,
                    None => bundles.iter().map(|_| Err(ClientError::UnknownBranch(branch))).collect(),
                };
                (branch, bundles.into_iter().zip(results).collect::<Vec<_>>())
            }
        }));
        drop(sender);
        let show = async {
            while let Some(more) = receiver.recv().await {
                progress.agreed += more;
                progress.show();
            }
        };
        let (kept, ()) = tokio::join!(running, show);
        for (branch, results) in kept {
            for (bundle, result) in results {
                let Some(report) = reports.get_mut(bundle) else { continue };
                match result {
                    Ok(_) => report.kept(branch),
                    Err(error) => report.failed(error.to_string()),
                }
            }
        }
    }
}

/// The next bundles, until there are enough records. A patient who is in one of them already waits for the next batch:
/// what the first file brings must be readable when the second is compared with it.
async fn gather(
    receiver: &mut Receiver<Read>,
    later: &mut VecDeque<Bundle>,
    reports: &mut Vec<FileReport>,
) -> Vec<Bundle> {
    let mut batch: Vec<Bundle> = Vec::new();
    for bundle in std::mem::take(later) {
        take(bundle, &mut batch, later);
    }
    while !is_full(&batch) && later.len() < AHEAD {
        let next = if batch.is_empty() { receiver.recv().await } else { receiver.try_recv().ok() };
        match next {
            Some((path, Ok((import, size)))) => {
                let bundle = Bundle { report: FileReport::read(path, &import), import, size };
                take(bundle, &mut batch, later);
            }
            Some((path, Err(reason))) => reports.push(FileReport::refused(path, reason)),
            None => break,
        }
    }
    batch
}

fn is_full(batch: &[Bundle]) -> bool {
    let patients = batch.iter().flat_map(|bundle| &bundle.import.patients);
    patients.map(|patient| patient.records.len()).sum::<usize>() >= BATCH
        || batch.iter().map(|bundle| bundle.size).sum::<usize>() >= BATCH_BYTES
}

fn take(bundle: Bundle, batch: &mut Vec<Bundle>, later: &mut VecDeque<Bundle>) {
    let numbers = |bundle: &Bundle| -> Vec<wardline_record::Mrn> {
        bundle.import.patients.iter().flat_map(|patient| patient.identity.mrns.clone()).collect()
    };
    let own = numbers(&bundle);
    if batch.iter().any(|other| numbers(other).iter().any(|number| own.contains(number))) {
        later.push_back(bundle);
    } else {
        batch.push(bundle);
    }
}

fn apart(bundles: Vec<Bundle>) -> (Vec<FileReport>, Vec<Person>) {
    let mut people = Vec::new();
    let mut reports = Vec::new();
    for (bundle, Bundle { report, import, .. }) in bundles.into_iter().enumerate() {
        reports.push(report);
        people.extend(import.patients.into_iter().map(|patient| Person { bundle, patient }));
    }
    (reports, people)
}

/// The patient whom one of these numbers names. That nobody has them is believed only when every branch says so.
///
/// # Errors
/// Also when the number is somebody's of whom it cannot be said whether it is the same person.
async fn find(group: &Group, identity: &Identity) -> std::result::Result<Found, String> {
    for number in &identity.mrns {
        // What reads as a birth date would be looked for as one.
        let is_number = query_terms(&number.value).iter().all(|term| term.starts_with("mrn:"));
        let query = if is_number { number.value.to_string() } else { identity.name() };
        let outcome = search(group, &query).await?;
        for candidate in outcome.candidates {
            if !candidate.identity.mrns.contains(number) {
                continue;
            }
            match same_person(&candidate.identity, identity) {
                Some(true) => return Ok(Some((candidate.patient, candidate.identity))),
                Some(false) => {}
                None => {
                    return Err(
                        "the group has a patient with the same number and other particulars; whether \
                                they are one person must be settled first"
                            .to_owned(),
                    );
                }
            }
        }
        let silent = outcome.branches.iter().find(|branch| branch.state != AnswerState::Answered);
        if let Some(branch) = silent {
            return Err(format!(
                "nobody can say that the patient is new while {} does not answer ({}): try again later",
                branch.name,
                answer_words(&branch.state)
            ));
        }
        if outcome.more {
            return Err("a number of the patient is too many people's to tell them apart".to_owned());
        }
    }
    Ok(None)
}

/// A search that every branch has answered, if they do within some rounds: one that was hung a moment ago may need more
/// than one.
async fn search(group: &Group, query: &str) -> std::result::Result<SearchOutcome, String> {
    const ROUNDS: usize = 20;
    let mut outcome = group.search(query).await.map_err(|error| error.to_string())?;
    for _ in 1..ROUNDS {
        if outcome.branches.iter().all(|branch| branch.state == AnswerState::Answered) {
            break;
        }
        outcome = group.search(query).await.map_err(|error| error.to_string())?;
    }
    Ok(outcome)
}

/// Whether two with the same number are one person; nothing when it cannot be said. A number alone is not enough: some
/// are a family's, some are one server's own counting.
fn same_person(one: &Identity, other: &Identity) -> Option<bool> {
    let folded = |identity: &Identity| identity.name().to_lowercase();
    let same_name = folded(one) == folded(other);
    match (&one.birth_date, &other.birth_date) {
        (Some(a), Some(b)) if a == b => {
            // A married name changes one of these, not all.
            let any = same_name || one.given == other.given || one.family == other.family;
            (any || one.sex == other.sex).then_some(true)
        }
        (Some(_), Some(_)) => (!same_name).then_some(false),
        (None, None) if same_name => Some(true),
        _ => None,
    }
}

/// What the group holds of a patient, whom the side chain must prove to be the one that was found: a branch can answer a
/// search with somebody else.
async fn known(
    group: &Group,
    patient: PatientId,
    found: &Identity,
) -> std::result::Result<std::result::Result<Known, String>, ClientError> {
    let lookup = group.look_up(patient, Purpose::Treatment, REASON).await?;
    let history = group.history(patient, &lookup).await?;
    if history.identity.as_ref() != Some(found) {
        return Ok(Err("the side chain does not prove that the patient is who a search found".to_owned()));
    }
    Ok(Known::of(&history))
}

/// A figure on the terminal; nothing when standard error is not one.
struct Progress {
    files: usize,
    of_files: usize,
    agreed: usize,
    started: Instant,
    shown: Option<Instant>,
    terminal: bool,
}

impl Progress {
    /// How often the figure is written.
    const EVERY: Duration = Duration::from_millis(100);

    fn new(of_files: usize) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { files: 0, of_files, agreed: 0, started: Instant::now(), shown: None, terminal }
    }

    fn show(&mut self) {
        if !self.terminal || self.shown.is_some_and(|at| at.elapsed() < Self::EVERY) {
            return;
        }
        self.shown = Some(Instant::now());
        let millis = self.started.elapsed().as_millis().max(1);
        eprint!(
            "\r{} of {} files, {} records sealed, kept and agreed, {} a second ",
            self.files,
            self.of_files,
            self.agreed,
            self.agreed as u128 * 1000 / millis
        );
        let _ = std::io::stderr().flush();
    }

    /// Makes room for a line of the report.
    fn clear(&mut self) {
        if self.terminal && self.shown.take().is_some() {
            eprint!("\r\u{1b}[K");
            let _ = std::io::stderr().flush();
        }
    }
}
