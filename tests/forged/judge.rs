//! Who judges: the library, the built program, and the second verifier, over the same bytes.

use super::{case::Item, network::Network};
use crate::demo::{WARDLINE, text};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use wardline_client::{StaffPublic, verify_archive};
use wardline_crypto::{Cost, Digest, FileKind, OsEntropy, SecretBytes, lock, merkle, peek};
use wardline_ledger::{Canonical, StateProof, check_copy, evidence::Verdict};
use wardline_wire::evidence::check;

/// What a verifier says of an item: nothing, or why not.
pub type Judged = Result<(), String>;

/// The library.
pub fn library(network: &Network, item: &Item) -> Judged {
    match item {
        Item::History(export) => archive(network, &export.bytes()),
        Item::File(bytes) => archive(network, bytes),
        Item::Proof { root, key, value, proof } => StateProof::from_bytes(proof)
            .map_err(|error| error.to_string())?
            .verify(root, key, value.as_deref())
            .map_err(|error| error.to_string()),
        Item::Inclusion { transaction, index, size, proof, root } => {
            let leaf = merkle::leaf_hash(transaction);
            merkle::check_inclusion(&leaf, *index, *size, proof, root).map_err(|error| error.to_string())
        }
        Item::Evidence(bytes) => match check(bytes, &network.id) {
            Verdict::Holds(_) => Ok(()),
            Verdict::Refuted(error) => Err(error.to_string()),
            Verdict::NotEvidence(error) => Err(error.to_string()),
        },
        Item::Envelope { bytes, pointer, size } => envelope(bytes, pointer, *size),
    }
}

/// What the chain names, then what anybody can tell of an envelope without its key.
fn envelope(bytes: &[u8], pointer: &Digest, size: u32) -> Judged {
    check_copy(bytes, pointer, size).map_err(|error| error.to_string())?;
    peek(bytes).map(drop).map_err(|error| error.to_string())
}

/// An export, as `wardline_client` verifies it.
pub fn archive(network: &Network, mut bytes: &[u8]) -> Judged {
    let report =
        verify_archive(&network.genesis, &mut bytes, &mut |_| {}).map_err(|error| error.to_string())?;
    match report.faults.first() {
        Some(fault) => Err(format!("block {}: {}", fault.height, fault.what)),
        None if report.skipped.is_some() => Err(report.skipped.unwrap()),
        None => Ok(()),
    }
}

/// The built program at a terminal of its own: the network's genesis document, and an auditor's key file when it is to
/// ask branches.
pub struct Terminal {
    folder: tempfile::TempDir,
}

/// What everybody's passphrase is.
const PASSPHRASE: &str = "correct horse";

impl Terminal {
    pub fn new(network: &Network) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let genesis = folder.path().join("genesis");
        fs::write(&genesis, network.genesis.encode()).unwrap();
        let config = format!(
            "network_name = \"Forged\"\nnetwork = \"{}\"\ngenesis = {genesis:?}\nstate = \"state\"\n",
            network.id,
        );
        fs::write(folder.path().join("console.toml"), config).unwrap();
        fs::write(folder.path().join("key"), key_file(network)).unwrap();
        Self { folder }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(WARDLINE)
            .args(arguments)
            .env("WARDLINE_CONFIG", self.folder.path().join("console.toml"))
            .env("WARDLINE_KEY", self.folder.path().join("key"))
            .env("WARDLINE_PASSPHRASE", PASSPHRASE)
            .env_remove("WARDLINE_PASSPHRASE_FILE")
            .output()
            .unwrap()
    }

    /// `wardline verify --export`.
    pub fn verify_export(&self, bytes: &[u8]) -> Judged {
        let file = self.folder.path().join("forged.export");
        fs::write(&file, bytes).unwrap();
        let output = self.run(&["verify", "--json", "--export", file.to_str().unwrap()]);
        match output.status.code() {
            Some(0) => Ok(()),
            Some(4) => {
                let said: Value = serde_json::from_slice(&output.stdout).unwrap();
                Err(fault(&said[said["chain"].as_str().unwrap()]["faults"][0]))
            }
            _ => Err(sentence(&output)),
        }
    }

    /// `wardline verify` of what a branch gives, from a state as on the first day: the whole document, if it could
    /// begin at all.
    pub fn verify_branch(&self, branch: &str) -> Result<(Option<i32>, Value), String> {
        let _ = fs::remove_dir_all(self.folder.path().join("state"));
        let output = self.run(&["verify", "--json", "--all-copies", "--branch", branch]);
        match serde_json::from_slice(&output.stdout) {
            Ok(said) => Ok((output.status.code(), said)),
            Err(_) => Err(sentence(&output)),
        }
    }

    /// `wardline status`.
    pub fn status(&self) -> (Option<i32>, Value) {
        let _ = fs::remove_dir_all(self.folder.path().join("state"));
        let output = self.run(&["status", "--json"]);
        let said =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
        (output.status.code(), said)
    }
}

/// What the program says that it cannot do.
fn sentence(output: &Output) -> String {
    text(&output.stderr).trim_end().trim_start_matches("wardline: ").to_owned()
}

/// A fault as the library tells it.
pub fn fault(fault: &Value) -> String {
    format!("block {}: {}", fault["height"], fault["what"].as_str().unwrap())
}

/// The key file of an auditor of branch 1.
fn key_file(network: &Network) -> String {
    let keys = network.keys();
    let id = keys.staff_id("auditor");
    let entry = network.genesis.staff.iter().find(|staff| staff.id == id).unwrap();
    let public = StaffPublic {
        network: network.id,
        staff: entry.id,
        branch: entry.branch,
        name: "Auditor".to_owned(),
        roles: entry.roles,
        key_epoch: entry.key_epoch,
        signing: entry.signing,
        agreement: entry.agreement,
    };
    let secret = [keys.key("auditor").seed().as_slice(), keys.agreement("auditor").bytes()].concat();
    let (secret, passphrase) = (SecretBytes::new(secret), SecretBytes::new(PASSPHRASE.as_bytes().to_vec()));
    lock(FileKind::Staff, &public.encode(), &secret, &passphrase, Cost::FLOOR, &mut OsEntropy).unwrap()
}

/// What the second verifier says of files, in their order: whether it accepts each, and its own word for why not.
pub fn second(network: &Network, kind: &str, files: &[PathBuf]) -> Vec<(bool, String)> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/second_verifier/verify.py");
    let output = Command::new("python3")
        .arg(program)
        .args(files)
        .args(["--network", &network.id.to_string(), "--kind", kind])
        .output()
        .unwrap();
    let judged = |line: &str| {
        let said: Value = serde_json::from_str(line).unwrap();
        let why = [&said["reason"], &said["what"]].map(|text| text.as_str().unwrap_or_default());
        (said["accepted"].as_bool().unwrap(), why.join(": "))
    };
    let judged: Vec<_> = text(&output.stdout).lines().map(judged).collect();
    assert_eq!(judged.len(), files.len(), "{}", text(&output.stderr));
    judged
}
