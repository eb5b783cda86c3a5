//! `wardline init`: a new group of branches, ready to be carried to its machines.

mod plan;

use super::{
    Result,
    network::{self, Layout, Plan},
    output::{self, shell_word},
    private,
};
use clap::Args;
use plan::{ADMINISTRATORS, TOLERANT_LEAST, Wish};
use serde_json::{Value, json};
use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};
use wardline_client::{Clock as _, Settings, SystemClock};
use wardline_crypto::OsEntropy;
use wardline_ledger::Genesis;
use wardline_policy::{Operation, Request, Roles, decide};

#[derive(Debug, Args)]
pub struct Options {
    /// Folder to make the group in; new or empty
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Branches that keep records and vote: NAME, NAME=IP or NAME=IP:PORT, with commas between
    #[arg(long, required = true, value_delimiter = ',', value_name = "NAME[=IP],…")]
    branches: Vec<String>,
    /// Participants of the main chain alone, such as a research institute, written in the same way
    #[arg(long, value_delimiter = ',', value_name = "NAME[=IP],…")]
    participants: Vec<String>,
    /// The group's name, for people [default: the folder's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// First of a branch's three ports: consoles, main chain, side chain
    #[arg(long, default_value_t = 7443, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    base_port: u16,
    /// How many administrators' keys to make; any two of them change the registry [default: 3, with two branches 2]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(2..=9))]
    administrators: Option<u8>,
    /// A person's key file (may be given several times), as in lee:Nurse Lee:North:ward+registrar
    #[arg(long, value_name = "FILE:NAME:BRANCH:ROLE+ROLE")]
    staff: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(options: Options) -> Result<ExitCode> {
    let root = std::path::absolute(&options.dir)?;
    let folder = root.file_name().map(|name| name.to_string_lossy().into_owned());
    let wish = Wish {
        name: options.name.as_deref().or(folder.as_deref()).unwrap_or_default(),
        branches: &options.branches,
        participants: &options.participants,
        base_port: options.base_port,
        administrators: options.administrators.map(usize::from),
        staff: &options.staff,
    };
    let plan = wish.plan()?;
    let making = Making::begin(&root)?;
    let layout = Layout { root };
    let genesis = network::create(&layout, &plan, SystemClock.now_s(), &mut OsEntropy)?;
    // with paths beside itself, so that it can be carried to a terminal together with the genesis
    let console = Settings {
        genesis: network::GENESIS.into(),
        state: network::CONSOLE_STATE.into(),
        // in the home folder of whoever uses it
        memory: None,
        ..network::console_settings(&layout, &genesis)
    };
    console.save(&layout.console())?;
    making.finish();
    let made = Made { layout, plan, genesis };
    if options.json {
        output::json(&made.document())?
    } else {
        made.text()?
    }
    Ok(ExitCode::SUCCESS)
}

/// A folder in which something is being made: what is not finished is taken away again.
struct Making {
    root: PathBuf,
    /// Whether the folder itself was not there before.
    new: bool,
    finished: bool,
}

impl Making {
    fn begin(root: &Path) -> Result<Self> {
        let new = match fs::read_dir(root) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(
                        format!("{} is not empty: choose an empty or a new folder", root.display()).into()
                    );
                }
                false
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // key files and passphrases will lie in it
                fs::DirBuilder::new()
                    .mode(0o700)
                    .create(root)
                    .map_err(|error| format!("cannot make the folder {}: {error}", root.display()))?;
                true
            }
            Err(error) => return Err(format!("cannot use {} as a folder: {error}", root.display()).into()),
        };
        Ok(Self { root: root.to_path_buf(), new, finished: false })
    }

    fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        // it was empty when we began, so all that is in it is ours
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            let path = entry.path();
            let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        }
        if self.new {
            let _ = fs::remove_dir(&self.root);
        }
    }
}

/// A group that was made.
struct Made {
    layout: Layout,
    plan: Plan,
    genesis: Genesis,
}

impl Made {
    fn voters(&self) -> usize {
        self.plan.branches.iter().filter(|branch| branch.trusted).count()
    }

    /// How many branches may fail or lie: agreement takes more than two thirds.
    fn tolerated(&self) -> usize {
        self.voters().saturating_sub(1) / 3
    }

    fn loopback(&self) -> bool {
        self.plan.branches.iter().all(|branch| branch.api.ip().is_loopback())
    }

    /// What the group cannot stand, or lacks.
    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.voters() < TOLERANT_LEAST {
            warnings.push(format!(
                "{} branches tolerate no failure: while one is down, nothing new is agreed on. {TOLERANT_LEAST} tolerate one.",
                self.voters()
            ));
        }
        let administer = |roles: Roles| {
            decide(&Request { trusted_branch: true, ..Request::new(Operation::SubmitRegistry, roles) })
                .allowed
        };
        let administrators = self.plan.staff.iter().filter(|person| {
            self.plan.branches.get(person.branch).is_some_and(|branch| branch.trusted)
                && administer(Roles::of(&person.roles))
        });
        if administrators.count() < ADMINISTRATORS {
            warnings.push(
                "Two persons must sign for the registry and there are two: if one loses a key, it can never be changed \
                 again. Make three (--administrators 3)."
                    .into(),
            );
        }
        if self.loopback() {
            warnings.push(
                "All addresses are of this machine alone, which is good for a trial. For machines of their own: \
                 --branches North=10.1.0.10,South=10.2.0.10,…"
                    .into(),
            );
        }
        warnings
    }

    fn key(&self, file: &str) -> String {
        shell_word(&self.layout.staff(file).display().to_string())
    }

    /// Commands that work by copy and paste, in their order.
    fn next(&self) -> Vec<String> {
        let (program, console) = (program(), shell_word(&self.layout.console().display().to_string()));
        let branches = shell_word(&self.layout.root.join("branches").display().to_string());
        let start = if self.loopback() {
            format!(
                "for b in {branches}/*; do {program} node --config \"$b\"/node.toml 2>> \"$b\"/node.log & done"
            )
        } else {
            format!("{program} node --config node.toml")
        };
        let passphrase = shell_word(&self.layout.passphrase_of("admin-1").display().to_string());
        vec![
            start,
            format!(
                "{program} status --config {console} --key {} --passphrase-file {passphrase}",
                self.key("admin-1")
            ),
            format!("{program} console --config {console}"),
        ]
    }

    fn document(&self) -> Value {
        let branches: Vec<_> = self
            .plan
            .branches
            .iter()
            .zip(&self.genesis.participants)
            .map(|(plan, participant)| {
                json!({
                    "branch": participant.id.0,
                    "name": plan.name,
                    "trusted": plan.trusted,
                    "directory": self.layout.branch(&plan.name),
                    "config": self.layout.node(&plan.name),
                    "url": participant.api,
                    "main": plan.main,
                    "side": plan.side,
                })
            })
            .collect();
        let staff: Vec<_> = self
            .plan
            .staff
            .iter()
            .map(|person| {
                json!({
                    "file": person.file,
                    "name": person.name,
                    "branch": self.plan.branches.get(person.branch).map(|branch| &branch.name),
                    "roles": Roles::of(&person.roles),
                    "key": self.layout.staff(&person.file),
                    "passphrase_file": self.layout.passphrase_of(&person.file),
                })
            })
            .collect();
        json!({
            "network": self.genesis.network().to_string(),
            "name": self.plan.name,
            "directory": self.layout.root,
            "genesis": self.layout.genesis(),
            "config": self.layout.console(),
            "branches": branches,
            "staff": staff,
            "tolerated_failures": self.tolerated(),
            "warnings": self.warnings(),
            "next": self.next(),
        })
    }

    fn text(&self) -> Result<()> {
        let root = self.layout.root.display();
        output::text(&format!(
            "Made `{}` in {root}: {} branches that vote, of which {} may fail or lie.\n\nThe network's identity, to be published; every console is pinned to it:\n{}\n",
            self.plan.name,
            self.voters(),
            self.tolerated(),
            self.genesis.network()
        ))?;
        let branches: Vec<_> = self
            .plan
            .branches
            .iter()
            .map(|plan| {
                let ports: Vec<_> =
                    [plan.api, plan.main].iter().chain(&plan.side).map(|a| a.port().to_string()).collect();
                vec![
                    plan.name.clone(),
                    format!("branches/{}", private::folder_name(&plan.name)),
                    plan.api.ip().to_string(),
                    ports.join(" "),
                ]
            })
            .collect();
        output::table(&["BRANCH", "FOLDER, FOR ITS MACHINE ALONE", "ADDRESS", "PORTS"], &branches)?;
        output::text("")?;
        let staff: Vec<_> = self
            .plan
            .staff
            .iter()
            .map(|person| {
                let branch = self.plan.branches.get(person.branch).map(|branch| branch.name.clone());
                vec![
                    format!("staff/{}.key", person.file),
                    branch.unwrap_or_default(),
                    Roles::of(&person.roles).to_string(),
                ]
            })
            .collect();
        output::table(&["KEY FILE", "BRANCH", "ROLES"], &staff)?;
        output::text(
            "\nBeside each key file lies its own passphrase (.passphrase). Hand over key file and\n\
             passphrase by different ways, then remove both here, and each branch's folder\n\
             once it is at its machine.\n\
             Every terminal needs console.toml and genesis.bin.",
        )?;
        for warning in self.warnings() {
            output::text(&format!("\nWARNING: {warning}"))?;
        }
        let where_to =
            if self.loopback() { "all branches, here" } else { "on each branch's machine, in its folder" };
        let says = [format!("Start {where_to}:"), "Ask every branch:".into(), "Open the console:".into()];
        output::text("\nNext:")?;
        for (what, command) in says.iter().zip(self.next()) {
            output::text(&format!("{what}\n  {command}"))?;
        }
        output::text("\nMore: docs/operations.md")
    }
}

/// How this program was called, so that the same words call it again.
fn program() -> String {
    let called = std::env::args_os().next().map(PathBuf::from).unwrap_or_else(|| "wardline".into());
    let path =
        if called.components().count() > 1 { std::path::absolute(&called).unwrap_or(called) } else { called };
    shell_word(&path.display().to_string())
}
