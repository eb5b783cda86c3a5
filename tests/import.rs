//! Histories that none of us wrote: imported into a group of processes, read back by the built program and compared with
//! tables that others made; and files that must be refused.

use crate::{
    demo::{self, Demo, text},
    processes::{Process, signal, states, until},
};
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

const WHY: [&str; 4] = ["--purpose", "treatment", "--reason", "test of the import"];

/// The shared demo takes one import at a time.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The public histories; nothing where they are not, and that is said aloud.
fn public_data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", folder.display());
    eprintln!("SKIPPED: {} is missing, nothing was compared", folder.display());
    None
}

fn unpacked(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    MultiGzDecoder::new(File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

fn import(demo: &Demo, paths: &[&Path]) -> Output {
    let paths: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
    demo.run("ward", &[&["import", "--json"], paths.as_slice()].concat())
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
}

/// One line of the independent table.
struct Encounter {
    id: String,
    subject: String,
    status: String,
    class: String,
    start: String,
    end: String,
    organization: String,
}

fn table(data: &Path) -> Vec<Encounter> {
    let table = String::from_utf8(unpacked(&data.join("visits.tsv.gz"))).unwrap();
    let mut lines = table.lines();
    assert_eq!(lines.next().unwrap(), "file\tpatient\tencounter\tstatus\tcls\tstart\tend\ttype\torg_id\torg");
    let encounter = |line: &str| {
        let mut cells = line.split('\t').map(str::to_owned);
        let mut next = || cells.next().unwrap_or_default();
        let [_file, subject, id, status, class, start, end, _kind, _organization_id, organization] =
            std::array::from_fn(|_| next());
        let subject = subject.trim_start_matches("Patient/").to_owned();
        Encounter { id, subject, status, class, start, end, organization }
    };
    lines.map(encounter).collect()
}

/// For each patient of the table a number by which the group finds them, from the bundles themselves.
fn numbers(data: &Path, table: &[Encounter]) -> BTreeMap<String, String> {
    let mut numbers = BTreeMap::new();
    for entry in fs::read_dir(data.join("patients")).unwrap() {
        let bundle: Value = serde_json::from_slice(&unpacked(&entry.unwrap().path())).unwrap();
        for entry in bundle["entry"].as_array().unwrap() {
            let resource = &entry["resource"];
            if resource["resourceType"] == "Patient" {
                let number = resource["identifier"].as_array().into_iter().flatten().find_map(|identifier| {
                    let value = identifier["value"].as_str()?;
                    let usable = value.bytes().any(|b| b.is_ascii_digit()) && !value.contains(' ');
                    usable.then(|| value.to_owned())
                });
                let id = resource["id"].as_str().unwrap().to_owned();
                numbers.insert(id.clone(), number.unwrap_or(id));
            }
        }
    }
    // Some visits are of people who are in no file: they have their id alone.
    for encounter in table {
        numbers.entry(encounter.subject.clone()).or_insert_with(|| encounter.subject.clone());
    }
    numbers
}

/// The same instant, in whatever offset; dates without a time must be spelled alike.
fn same_instant(a: &str, b: &str) -> bool {
    a == b || a.parse::<jiff::Timestamp>().ok().zip(b.parse().ok()).is_some_and(|(a, b)| a == b)
}

/// Whole units and units of 10^-20: sums of money that this test makes for itself.
fn add(sum: &mut i128, amount: &str) {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    *sum += format!("{whole}{fraction:0<20}").parse::<i128>().unwrap();
}

#[test]
fn public_histories_come_back_whole_whichever_branch_dies() {
    let Some(data) = public_data() else { return };
    let demo = Demo::processes(0);
    let started = Instant::now();
    let paths = [&*data.join("patients"), &data.join("shared-resources")];
    let output = import(&demo, &paths);
    let imported = document(&output);
    assert!(output.status.success(), "{:#} {}", imported["files"], text(&output.stderr));
    let records = imported["totals"]["records"].as_u64().unwrap();
    assert_eq!(imported["totals"]["kept"], records);
    eprintln!("imported {records} records in {} ms", started.elapsed().as_millis());

    let again = document(&import(&demo, &paths));
    assert_eq!((&again["totals"]["kept"], &again["totals"]["unchanged"]), (&json!(0), &json!(records)));

    let table = table(&data);
    let seen = read_back(&demo, &numbers(&data, &table));
    compare_visits(&table, &seen);
    compare_counts_and_money(&data, &seen);

    let longest = seen.iter().max_by_key(|(_, history)| history["visits"].as_array().unwrap().len()).unwrap();
    survive(&demo, &numbers(&data, &table)[longest.0], longest.1);
    demo.stop();
}

/// Every patient's history, through the built program.
fn read_back(demo: &Demo, numbers: &BTreeMap<String, String>) -> BTreeMap<String, Value> {
    let mut seen = BTreeMap::new();
    for (subject, number) in numbers {
        let history = demo.json("supervisor", &[&["visits", number, "--contents"], &WHY[..]].concat());
        assert_eq!(
            (&history["whole"], &history["identity_proven"]),
            (&json!(true), &json!(true)),
            "{number}"
        );
        let verified = history["records"].as_array().unwrap().iter().all(|row| row["state"] == "VERIFIED");
        assert!(verified, "{number}");
        seen.insert(subject.clone(), history);
    }
    seen
}

fn compare_visits(table: &[Encounter], seen: &BTreeMap<String, Value>) {
    let mut visits = BTreeMap::new();
    for (subject, history) in seen {
        for visit in history["visits"].as_array().unwrap() {
            let id = visit["encounter"].as_str().unwrap().to_owned();
            assert!(visits.insert((subject.clone(), id), visit).is_none(), "{visit:#} twice");
        }
    }
    let mut with_place = 0;
    for row in table {
        let visit = visits
            .remove(&(row.subject.clone(), row.id.clone()))
            .unwrap_or_else(|| panic!("no visit {} of {}", row.id, row.subject));
        assert!(visit["source"]["subject"] == format!("Patient/{}", row.subject), "{visit:#}");
        assert!(visit["state"] == "VERIFIED" && visit["status"] == *row.status, "{visit:#}");
        assert_eq!(visit["class_code"], *row.class);
        assert!(same_instant(visit["start"].as_str().unwrap(), &row.start), "{} {visit:#}", row.start);
        assert!(same_instant(visit["end"].as_str().unwrap_or_default(), &row.end), "{} {visit:#}", row.end);
        assert_eq!(visit["organization"], *row.organization, "{visit:#}");
        assert_eq!(visit["branch"].is_null(), row.organization.is_empty(), "{visit:#}");
        let records: Vec<&str> =
            visit["records"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        assert!(records.contains(&visit["record"].as_str().unwrap()), "{visit:#}");
        with_place += usize::from(!row.organization.is_empty());
    }
    assert!(visits.is_empty(), "visits that the table does not have: {:?}", visits.keys());
    eprintln!(
        "{} of {} visits as the table has them, {with_place} at a known place",
        table.len(),
        table.len()
    );
}

fn compare_counts_and_money(data: &Path, seen: &BTreeMap<String, Value>) {
    let manifest: Value = serde_json::from_slice(&fs::read(data.join("manifest.json")).unwrap()).unwrap();
    let (mut counts, mut expected): (BTreeMap<String, u64>, BTreeMap<String, u64>) = Default::default();
    let (mut claimed, mut submitted, mut claimed_here, mut submitted_here) = (0, 0, 0, 0);
    for file in manifest.as_array().unwrap() {
        for kind in
            ["Claim", "ExplanationOfBenefit", "MedicationRequest", "Immunization", "AllergyIntolerance"]
        {
            let count = if file["kind"] == "patient-bundle" { file["counts"][kind].as_u64() } else { None };
            *expected.entry(kind.to_owned()).or_default() += count.unwrap_or(0);
        }
        for (total, sum) in [("claims_total", &mut claimed), ("eob_submitted_total", &mut submitted)] {
            for (currency, amount) in file[total].as_object().into_iter().flatten() {
                assert_eq!(currency, "USD");
                add(sum, amount.as_str().unwrap());
            }
        }
    }
    let mut ids = BTreeSet::new();
    for record in seen.values().flat_map(|history| history["records"].as_array().unwrap()) {
        let content = &record["content"];
        let sources = content["source"]["ids"].as_array().unwrap();
        for id in sources {
            let id = id.as_str().unwrap();
            let kind = id.split_once('/').unwrap().0;
            let subject = content["source"]["subject"].as_str().unwrap();
            if expected.contains_key(kind) {
                assert!(ids.insert(format!("{subject} {id}")), "{id} twice");
                *counts.entry(kind.to_owned()).or_default() += 1;
            }
        }
        if record["kind"] == "receipt" {
            assert_eq!(content["body"]["currency"], "USD");
            if sources[0].as_str().unwrap().starts_with("Claim/") {
                add(&mut claimed_here, content["body"]["total"].as_str().unwrap());
            }
            for benefit in content["body"]["benefits"].as_array().into_iter().flatten() {
                add(&mut submitted_here, benefit["submitted"].as_str().unwrap());
            }
        }
    }
    assert_eq!(counts, expected);
    assert_eq!((claimed_here, submitted_here), (claimed, submitted));
    eprintln!("{counts:?}, claims of {claimed} and benefits of {submitted} x 10^-20 USD, as the bundles say");
}

/// Each branch in turn dies: the history stays whole, the branch is named in time, and comes back.
fn survive(demo: &Demo, number: &str, before: &Value) {
    let visits = [&["visits", number, "--json"], &WHY[..]].concat();
    let mut nodes = Vec::new();
    for name in ["North", "South", "East", "West"] {
        let branch = demo.branch(name);
        signal(branch["pid"].as_u64().unwrap(), "-KILL");
        let died = Instant::now();
        let status = demo.run("operator", &["status", "--json"]);
        let silent = states(&status).into_iter().find(|(of, _)| of == name).unwrap().1;
        assert_eq!(silent, "SILENT", "{name}");
        let named = died.elapsed();

        let output = demo.run("supervisor", &visits);
        assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
        let history = document(&output);
        assert_eq!(history["whole"], true);
        assert_eq!(history["visits"], before["visits"], "{name} is dead");
        let told: Vec<&Value> = history["branches"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|branch| branch["state"] != "answered")
            .map(|branch| &branch["name"])
            .collect();
        assert_eq!(told, [name]);

        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec {}", branch["command"].as_str().unwrap())]);
        nodes.push(Process::answering(&mut shell));
        until("the branch catches up", || {
            states(&demo.run("operator", &["status", "--json"])).iter().all(|(_, state)| state == "VERIFIED")
        });
        assert!(demo.run("supervisor", &visits).status.success());
        eprintln!("{name} died, was named after {} ms, and caught up", named.as_millis());
        assert!(named < Duration::from_secs(3), "{named:?}");
    }
}

/// A bundle of one patient with one visit and one bill.
fn bundle(reason: &str, total: &str) -> String {
    let entries = [
        json!({"resourceType": "Patient", "id": "p-77", "birthDate": "1971-02-03", "gender": "female",
            "identifier": [{"system": "urn:example:mrn", "value": "IMP-77041"}],
            "name": [{"family": "Wiśniewska", "given": ["Zofia"]}]}),
        json!({"resourceType": "Organization", "id": "o-1", "name": "Harbour Clinic"}),
        json!({"resourceType": "Encounter", "id": "e-1", "status": "finished", "subject": {"reference": "Patient/p-77"},
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "type": [{"text": "check-up"}], "reasonCode": [{"text": reason}],
            "period": {"start": "2024-05-06T08:00:00+02:00", "end": "2024-05-06T08:20:00+02:00"},
            "serviceProvider": {"reference": "Organization/o-1"}}),
        json!({"resourceType": "Encounter", "id": "e-2", "status": "finished", "subject": {"reference": "Patient/p-77"},
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "period": {"start": "2024-06-06T08:00:00Z"}}),
        json!({"resourceType": "Claim", "id": "c-1", "status": "active", "use": "claim", "patient": {"reference": "Patient/p-77"},
            "created": "2024-05-06", "item": [{"sequence": 1, "productOrService": {"text": "visit"},
            "encounter": [{"reference": "Encounter/e-1"}]}], "type": {"text": "institutional"}, "provider": {"reference": "Organization/o-1"},
            "total": {"value": "TOTAL", "currency": "EUR"}}),
    ];
    let entries: Vec<Value> = entries.into_iter().map(|resource| json!({ "resource": resource })).collect();
    json!({"resourceType": "Bundle", "type": "collection", "entry": entries})
        .to_string()
        .replace("\"TOTAL\"", total)
}

#[test]
fn a_file_twice_adds_nothing_and_a_changed_one_adds_versions() {
    let _turn = turn();
    let demo = demo::shared();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.json");
    let map = folder.path().join("import.toml");
    fs::write(&path, bundle("sore throat", "129.16000000000003")).unwrap();
    fs::write(&map, "[organizations]\n\"Harbour Clinic\" = \"West\"\n").unwrap();
    let run = |json: &str| {
        fs::write(&path, json).unwrap();
        let arguments = ["import", "--json", "--map", map.to_str().unwrap(), path.to_str().unwrap()];
        let output = demo.run("ward", &arguments);
        assert!(output.status.success(), "{} {}", text(&output.stdout), text(&output.stderr));
        let document = document(&output);
        let totals = &document["totals"];
        let figure = |name: &str| totals[name].as_u64().unwrap();
        (figure("kept"), figure("new_versions"), figure("unchanged"), figure("not_in_file_any_more"))
    };
    assert_eq!(run(&bundle("sore throat", "129.16000000000003")), (3, 0, 0, 0));
    assert_eq!(run(&bundle("sore throat", "129.16000000000003")), (0, 0, 3, 0));
    assert_eq!(run(&bundle("tonsillitis", "129.16000000000003")), (1, 1, 2, 0));
    let fewer = bundle("tonsillitis", "129.16000000000003").replace("Claim", "Basic");
    assert_eq!(run(&fewer), (0, 0, 2, 1), "what is missing stays and is told");

    let history = demo.json("supervisor", &[&["visits", "IMP-77041", "--contents"], &WHY[..]].concat());
    assert_eq!(history["links"], 3);
    let find = |id: &str| {
        let records = history["records"].as_array().unwrap();
        records.iter().find(|row| row["content"]["source"]["ids"][0] == id).unwrap()
    };
    let visit = find("Encounter/e-1");
    assert_eq!((&visit["version"], &visit["branch_name"]), (&json!(2), &json!("West")));
    assert_eq!(visit["content"]["body"]["reason"], "tonsillitis");
    assert_eq!(visit["content"]["occurred"], "2024-05-06T08:00:00+02:00", "as it came");
    assert_eq!(find("Claim/c-1")["content"]["body"]["total"], "129.16000000000003");
    let placeless =
        history["visits"].as_array().unwrap().iter().find(|visit| visit["encounter"] == "e-2").unwrap();
    assert_eq!((&placeless["branch"], &placeless["branch_name"]), (&Value::Null, &json!("unknown")));

    // what has become another kind corrects what it was, once
    let stay = bundle("tonsillitis", "129.16000000000003").replace("AMB", "IMP");
    assert_eq!(run(&stay), (2, 2, 1, 0));
    assert_eq!(run(&stay), (0, 0, 3, 0));
    let history = demo.json("supervisor", &[&["visits", "IMP-77041", "--contents"], &WHY[..]].concat());
    let corrects = |row: &Value| row["content"]["corrects"].as_str() == visit["record"].as_str();
    let stays: Vec<&Value> =
        history["records"].as_array().unwrap().iter().filter(|row| corrects(row)).collect();
    assert!(stays.len() == 1 && stays[0]["kind"] == "hospital-stay", "{stays:#?}");

    fs::write(&path, fewer).unwrap();
    let shown = demo.run("ward", &["import", "--check", path.to_str().unwrap()]);
    assert!(text(&shown.stdout).contains("not taken over, "), "{}", text(&shown.stdout));
    assert!(text(&shown.stdout).contains("Basic 1"), "{}", text(&shown.stdout));
}

#[test]
fn nobody_is_taken_for_another_and_nobody_twice() {
    let _turn = turn();
    let demo = demo::shared();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.json");
    let import = |json: &str| {
        fs::write(&path, json).unwrap();
        let output = import(demo, &[&path]);
        let file = document(&output)["files"][0].clone();
        (output.status.code(), file["state"].as_str().unwrap().to_owned(), file["reason"].clone())
    };
    let one = bundle("cough", "1.00").replace("IMP-77041", "IMP-88001");
    assert_eq!(import(&one).1, "imported");
    let links =
        || demo.json("supervisor", &[&["visits", "IMP-88001 Zofia"], &WHY[..]].concat())["links"].clone();
    assert_eq!(links(), 3);

    // the same name and number with another birth date: a corrected one, or somebody else?
    let (code, state, reason) = import(&one.replace("1971-02-03", "1971-03-02"));
    assert_eq!((code, &*state), (Some(3), "FAILED"));
    assert!(reason.as_str().unwrap().contains("same number and other particulars"), "{reason}");
    assert_eq!(links(), 3);
    let (code, state, _) = import(&one.replace("1971-02-03", "1971"));
    assert_eq!((code, &*state), (Some(3), "FAILED"));

    // a number that a family shares
    let sister = one.replace("1971-02-03", "1975-05-05").replace("Zofia", "Hanna");
    assert_eq!(import(&sister).1, "imported");
    assert_eq!(import(&sister).1, "imported");

    // two patients of one bundle with one number
    let twins = one.replace(
        "\"entry\":[",
        r#""entry":[{"resource":{"resourceType":"Patient","id":"p-78",
        "identifier":[{"system":"urn:example:mrn","value":"IMP-88001"}],"name":[{"family":"X"}]}},"#,
    );
    assert_eq!(import(&twins).2, "two patients of this bundle have the same number");

    // the same ids from another server are other records
    let elsewhere = one.replace(r#"{"resource":{"#, r#"{"fullUrl":"FULL","resource":{"#);
    let mut full = String::new();
    for (part, type_and_id) in elsewhere.split("FULL").zip([
        "Patient/p-77",
        "Organization/o-1",
        "Encounter/e-1",
        "Encounter/e-2",
        "Claim/c-1",
        "",
    ]) {
        full += part;
        if !type_and_id.is_empty() {
            full += &format!("https://two.example/fhir/{type_and_id}");
        }
    }
    assert_eq!(import(&full).1, "imported");
    assert_eq!(links(), 6);
    let history = demo.json("supervisor", &[&["visits", "IMP-88001 Zofia"], &WHY[..]].concat());
    let visits = history["visits"].as_array().unwrap();
    assert_eq!(visits.len(), 4);
    for visit in visits {
        let with_bill = 1 + usize::from(visit["encounter"] == "e-1");
        assert_eq!(visit["records"].as_array().unwrap().len(), with_bill, "{visits:#?}");
    }

    // one import at a time
    let running = File::options().append(true).open(demo.dir.join("console/import/running")).unwrap();
    running.lock().unwrap();
    let output = demo.run("ward", &["import", path.to_str().unwrap()]);
    assert!(
        text(&output.stderr).contains("another import of this group is running"),
        "{}",
        text(&output.stderr)
    );
}

fn heights(demo: &Demo) -> (u64, u64) {
    let status = demo.json("operator", &["status"]);
    let height = |chain: &str| status[chain]["verified_height"].as_u64().unwrap();
    (height("main"), height("side"))
}

#[test]
fn hostile_files_are_refused_whole_each_with_its_reason_and_nothing_is_stored() {
    let demo = Demo::start(0);
    let folder = tempfile::tempdir().unwrap();
    let hostile = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundles/hostile");
    let mut expected = BTreeMap::new();
    let messages = fs::read_to_string(hostile.join("messages.txt")).unwrap();
    let mut lines = messages.lines();
    while let (Some(name), Some(message)) = (lines.next(), lines.next()) {
        // These two are about the choice that the command makes itself: with a patient or without.
        if ["no-patient.json", "shared-with-a-patient.json"].contains(&name) {
            continue;
        }
        expected.insert(hostile.join(name), message.trim().to_owned());
    }
    let whole = gzip(bundle("sore throat", "1.00").as_bytes());
    let mut wrong_sum = whole.clone();
    let at = wrong_sum.len() - 8;
    wrong_sum[at] ^= 1;
    let too_long = "is longer than 256 MiB when unpacked";
    for (name, bytes, message) in [
        (
            "of-nobody.json",
            bundle("x", "1.00").replace("\"Patient\"", "\"Basic\"").into_bytes(),
            "entry[2].resource.subject: names a patient who is not in this bundle",
        ),
        ("nothing.json", br#"{"resourceType": "Bundle", "type": "collection"}"#.to_vec(), "holds no patient"),
        ("cut.json.gz", whole[..whole.len() / 2].to_vec(), "is cut off: the gzip data ends in the middle"),
        ("bomb.json.gz", gzip(&vec![b' '; (256 << 20) + 1]), too_long),
        (
            "broken.json.gz",
            wrong_sum,
            "is not whole gzip data: corrupt gzip stream does not have a matching checksum",
        ),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        expected.insert(path, message.to_owned());
    }
    let huge = folder.path().join("huge.json");
    File::create(&huge).unwrap().set_len((256 << 20) + 1).unwrap();
    expected.insert(huge, "is longer than 256 MiB".to_owned());

    let before = heights(&demo);
    let paths: Vec<&Path> = expected.keys().map(PathBuf::as_path).collect();
    let output = import(&demo, &paths);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let files = document(&output)["files"].as_array().unwrap().clone();
    assert_eq!(files.len(), expected.len());
    for file in files {
        let path = PathBuf::from(file["file"].as_str().unwrap());
        assert_eq!(file["state"], "REFUSED", "{file:#}");
        assert_eq!(file["reason"], *expected[&path], "{}", path.display());
    }
    assert_eq!(heights(&demo), before, "nothing is on a chain");
    let kept = demo.json("operator", &["status"]);
    assert!(kept["branches"].as_array().unwrap().iter().all(|branch| branch["envelopes"] == 0));

    // a good file beside bad ones is taken
    let good = folder.path().join("good.json.gz");
    fs::write(&good, whole).unwrap();
    let output = import(&demo, &[&hostile.join("delete.json"), &good]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(document(&output)["totals"]["kept"], 3);
    demo.stop();
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn an_import_says_what_is_missing_before_it_begins() {
    let _turn = turn();
    let demo = demo::shared();
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().to_str().unwrap();
    for (arguments, says) in [
        (vec!["import", "/nowhere.json"], "cannot read /nowhere.json"),
        (vec!["import", empty], "holds no .json and no .json.gz file"),
    ] {
        let output = demo.run("ward", &arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).contains(says), "{arguments:?}: {}", text(&output.stderr));
    }
    let path = folder.path().join("one.json");
    fs::write(&path, bundle("cough", "1.00")).unwrap();
    let path = path.to_str().unwrap();
    let output = demo.run("ward", &["import", "--keys", empty, path]);
    assert!(text(&output.stderr).contains("import-north.key"), "{}", text(&output.stderr));
    fs::write(folder.path().join("import.toml"), "[organizations]\n\"Harbour Clinic\" = \"Nort\"\n").unwrap();
    let map = folder.path().join("import.toml");
    let output = demo.run("ward", &["import", "--map", map.to_str().unwrap(), path]);
    assert!(text(&output.stderr).contains("line 2: `Nort` is no branch"), "{}", text(&output.stderr));
}
