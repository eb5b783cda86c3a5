//! Figures of an import into four branches that are processes of their own: the public histories, then one large document
//! and one large bundle.
//!
//! `cargo bench --bench import` prints them; nothing here is a test. The histories are read from `../shared/data`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot run says so by failing"
)]
#![allow(dead_code, reason = "the benchmarks share measure.rs, and none needs all of it")]

mod measure;

use measure::{
    WARDLINE, cpu_seconds, cpu_seconds_of_children, histories, print, resident_kib, signal, status_kib,
};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// The patient with most visits: 97.
const LONGEST: &str = "S99971300";
const HISTORIES: usize = 30;
/// How often the importer's memory is looked at.
const LOOK: Duration = Duration::from_millis(20);
const DOCUMENT_BYTES: usize = 20 * 1024 * 1024;

fn main() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    assert!(data.is_dir(), "{} is missing", data.display());
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let (demo, ready) = measure::demo(&dir, &["--processes", "--people", "0"]);
    let branches: Vec<(String, u32)> = ready["branches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|branch| (branch["name"].as_str().unwrap().to_owned(), branch["pid"].as_u64().unwrap() as u32))
        .collect();
    let work = Work { dir, branches };

    work.import("public histories", &[data.join("patients"), data.join("shared-resources")]);
    work.import("the same again", &[data.join("patients"), data.join("shared-resources")]);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut took = runtime.block_on(histories(&work.dir, LONGEST, HISTORIES));
    println!("longest history, the first: {:.1} ms", measure::ms(took[0]));
    print("longest history, fetched, proven, verified, opened", &mut took);
    for (name, pid) in work.branches.iter().filter(|(name, _)| name != "Institute") {
        signal(*pid, "-STOP");
        let mut took = runtime.block_on(histories(&work.dir, LONGEST, HISTORIES));
        println!("{name} hung, the first: {:.1} ms", measure::ms(took[0]));
        print(&format!("{name} hung"), &mut took);
        signal(*pid, "-CONT");
        runtime.block_on(measure::all_verified(&work.dir));
    }
    let resident = measure::console(&work.dir, LONGEST);
    println!("console process with the longest history open, resident memory: {} MiB", resident / 1024);

    let document = folder.path().join("document.json");
    fs::write(&document, with_document()).unwrap();
    work.import("one document of 20 MiB", &[document]);
    let many = folder.path().join("many.json");
    fs::write(&many, with_many_entries()).unwrap();
    work.import("a bundle of 100,000 entries", &[many]);
    measure::end(demo);
}

struct Work {
    dir: PathBuf,
    branches: Vec<(String, u32)>,
}

impl Work {
    fn import(&self, what: &str, paths: &[PathBuf]) {
        let before: Vec<f64> = self.branches.iter().map(|(_, pid)| cpu_seconds(*pid)).collect();
        let (children, at) = (cpu_seconds_of_children(), Instant::now());
        let report = self.dir.join("report.json");
        let mut importer = Command::new(WARDLINE)
            .args(["import", "--json", "--config"])
            .arg(self.dir.join("console.toml"))
            .arg("--passphrase-file")
            .arg(self.dir.join("staff/passphrase"))
            .args(paths)
            .stdin(Stdio::null())
            .stdout(fs::File::create(&report).unwrap())
            .spawn()
            .unwrap();
        let mut peak = 0;
        let status = loop {
            if let Some(status) = importer.try_wait().unwrap() {
                break status;
            }
            peak = peak.max(status_kib(importer.id(), "VmHWM").unwrap_or(0));
            std::thread::sleep(LOOK);
        };
        let seconds = at.elapsed().as_secs_f64();
        let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
        assert!(status.success(), "{:#}", report["files"]);
        let count = |name: &str| report["totals"][name].as_u64().unwrap();
        println!(
            "{what}: {} records kept, {} unchanged in {seconds:.1} s, {:.0} records/s",
            count("kept"),
            count("unchanged"),
            count("records") as f64 / seconds
        );
        println!(
            "  importer: {:.1} s of CPU, at most {} MiB",
            cpu_seconds_of_children() - children,
            peak / 1024
        );
        for ((name, pid), before) in self.branches.iter().zip(before) {
            let (cpu, now) = (cpu_seconds(*pid) - before, resident_kib(*pid) / 1024);
            let most = status_kib(*pid, "VmHWM").unwrap() / 1024;
            println!("  {name}: {cpu:.1} s of CPU, resident memory {now} MiB, at most {most} MiB");
        }
    }
}

fn bundle(patient: &str, resources: impl Iterator<Item = Value>) -> String {
    let person = json!({"resourceType": "Patient", "id": patient, "birthDate": "1970-01-01",
        "name": [{"family": "Large", "given": ["Bundle"]}],
        "identifier": [{"system": "urn:example:bench", "value": format!("BENCH-{patient}")}]});
    let entries: Vec<Value> =
        std::iter::once(person).chain(resources).map(|resource| json!({ "resource": resource })).collect();
    json!({"resourceType": "Bundle", "type": "collection", "entry": entries}).to_string()
}

fn visit(patient: &str, number: usize) -> Value {
    json!({"resourceType": "Encounter", "id": format!("v{number}"), "status": "finished",
        "subject": {"reference": format!("Patient/{patient}")},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "type": [{"text": "check-up"}],
        "period": {"start": "2024-03-01T09:00:00+01:00", "end": "2024-03-01T10:00:00+01:00"}})
}

/// One visit with one scan of 20 MiB.
fn with_document() -> String {
    let bytes: Vec<u8> = (0..DOCUMENT_BYTES).map(|at| (at * 31 % 251) as u8).collect();
    let scan = json!({"resourceType": "DocumentReference", "id": "d", "status": "current",
        "subject": {"reference": "Patient/1"}, "context": {"encounter": [{"reference": "Encounter/v0"}]},
        "content": [{"attachment": {"contentType": "application/dicom", "title": "scan",
            "data": data_encoding::BASE64.encode(&bytes)}}]});
    bundle("1", [visit("1", 0), scan].into_iter())
}

/// 2,000 visits, each with 49 values: one patient, 100,001 entries.
fn with_many_entries() -> String {
    let resources = (0..2_000).flat_map(|number| {
        let values = (0..49).map(move |value| {
            json!({"resourceType": "Observation", "id": format!("o{number}-{value}"), "status": "final",
                "subject": {"reference": "Patient/2"}, "encounter": {"reference": format!("Encounter/v{number}")},
                "category": [{"coding": [{"code": "vital-signs"}]}],
                "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}], "text": "Heart rate"},
                "effectiveDateTime": "2024-03-01T09:30:00+01:00",
                "valueQuantity": {"value": 60 + value, "unit": "/min"}})
        });
        std::iter::once(visit("2", number)).chain(values)
    });
    bundle("2", resources)
}
