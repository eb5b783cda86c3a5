//! `wardline demo`: four branches and a research institute with made-up patients, in this process or each in its own.
//!
//! Same code, same wire as in a hospital: the nodes answer over TLS on loopback and agree over the engine's own
//! network; the patients go through the same sealing and agreeing as any record.

pub mod lock;
mod people;
mod processes;
mod seed;

use super::{
    Result,
    network::{self, BranchPlan, Layout, Plan, StaffPlan},
    node,
};
use clap::Args;
use processes::{Process, Processes};
use serde::Serialize;
use serde_json::json;
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};
use tokio::task::JoinHandle;
use wardline_client::{Clock as _, SystemClock};
use wardline_crypto::OsEntropy;
use wardline_ledger::{Canonical as _, Genesis};
use wardline_node::{DEMO, Node};
use wardline_policy::Role;

const BRANCHES: [&str; 4] = ["North", "South", "East", "West"];
const INSTITUTE: &str = "Institute";
/// Written when the made-up patients are all in, so that a broken first start is not taken for a whole one.
const SEEDED: &str = "seeded";

#[derive(Debug, Args)]
pub struct Options {
    /// Keep everything in this folder and start again from it (else a temporary folder, removed at the end)
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// No console: print one line of JSON when ready and run until SIGTERM
    #[arg(long)]
    headless: bool,
    /// Every branch as a process of its own, which may be stopped, killed and started again
    #[arg(long)]
    processes: bool,
    /// Seed of the made-up patients
    #[arg(long, default_value_t = 2026, value_name = "NUMBER")]
    seed: u64,
    /// Fewer made-up patients than the seed would give
    #[arg(long, value_name = "NUMBER")]
    people: Option<usize>,
}

/// The branches, wherever they run.
enum Branches {
    Here(Vec<Node>, lock::Hold),
    Apart(Processes, JoinHandle<()>),
}

pub fn run(options: Options) -> Result<ExitCode> {
    let (_temporary, root) = folder(options.dir.as_deref())?;
    let layout = Layout { root };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let genesis = open(&layout)?;
    log_to(&layout)?;
    let hold = lock::take(&layout.lock())?;
    let branches = if options.processes {
        let processes = Processes::start(&layout, &genesis, hold)?;
        let watch = runtime.spawn(processes.watch());
        Branches::Apart(processes, watch)
    } else {
        Branches::Here(runtime.block_on(start(&layout, &genesis))?, hold)
    };
    let outcome =
        runtime.block_on(seed::once(&layout, &genesis, options.seed, options.people)).and_then(|()| {
            if options.headless {
                println!("{}", ready(&layout, &genesis, &branches));
                runtime.block_on(node::terminated())?;
                Ok(())
            } else {
                open_console(&layout, &genesis)
            }
        });
    match branches {
        Branches::Here(nodes, _hold) => runtime.block_on(async {
            for node in nodes {
                node.stop().await;
            }
        }),
        Branches::Apart(processes, watch) => {
            // from here on they end because they should
            watch.abort();
            drop(processes);
        }
    }
    outcome.map(|()| ExitCode::SUCCESS)
}

/// The folder, and the guard that removes a temporary one.
fn folder(dir: Option<&Path>) -> Result<(Option<Temporary>, PathBuf)> {
    match dir {
        // what the demo writes and prints must hold wherever the next command is run
        Some(dir) => Ok((None, std::path::absolute(dir)?)),
        None => {
            let path = std::env::temp_dir().join(format!("wardline-demo-{}", std::process::id()));
            Ok((Some(Temporary(path.clone())), path))
        }
    }
}

/// Removes the folder when the demo ends, also by an error.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Reads the network in the folder, or makes one.
fn open(layout: &Layout) -> Result<Genesis> {
    if layout.genesis().exists() {
        let genesis = Genesis::decode(&fs::read(layout.genesis())?)?;
        if genesis.name != DEMO {
            return Err(format!("{} holds a network that is not a demo", layout.root.display()).into());
        }
        return Ok(genesis);
    }
    if layout.root.exists() && fs::read_dir(&layout.root)?.next().is_some() {
        return Err(format!(
            "{} is not empty and holds no demo; choose an empty or a new folder",
            layout.root.display()
        )
        .into());
    }
    let plan =
        Plan { name: DEMO.into(), branches: branch_plans()?, staff: staff_plans(), one_passphrase: true };
    let genesis = network::create(layout, &plan, SystemClock.now_s(), &mut OsEntropy)?;
    network::console_settings(layout, &genesis).save(&layout.console())?;
    Ok(genesis)
}

fn branch_plans() -> Result<Vec<BranchPlan>> {
    let mut ports = free_ports(BRANCHES.len() * 3 + 2)?.into_iter();
    let mut address = || {
        ports
            .next()
            .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .ok_or("no free port on the loopback address")
    };
    let mut plans = Vec::new();
    for name in BRANCHES {
        plans.push(BranchPlan {
            name: name.into(),
            trusted: true,
            api: address()?,
            main: address()?,
            side: Some(address()?),
        });
    }
    plans.push(BranchPlan {
        name: INSTITUTE.into(),
        trusted: false,
        api: address()?,
        main: address()?,
        side: None,
    });
    Ok(plans)
}

/// Distinct ports that are free now: all are held until the last one is found.
fn free_ports(count: usize) -> Result<Vec<u16>> {
    let listeners = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<std::io::Result<Vec<_>>>()?;
    Ok(listeners
        .iter()
        .map(|listener| listener.local_addr().map(|a| a.port()))
        .collect::<std::io::Result<_>>()?)
}

/// The staff that the unlock screen offers, and each branch's import key that seeds the patients.
fn staff_plans() -> Vec<StaffPlan> {
    let person = |file: &str, name: &str, branch: usize, roles: &[Role]| StaffPlan {
        file: file.into(),
        name: name.into(),
        branch,
        roles: roles.to_vec(),
    };
    let mut staff = vec![
        person("ward", "Nurse Ada Lindqvist, North", 0, &[Role::Ward]),
        person("registrar", "Registrar Tomás Peña, South", 1, &[Role::Registrar]),
        person("supervisor", "Dr Miriam Okafor, East", 2, &[Role::Supervisor]),
        person("operator", "IT Jonas Weber, West", 3, &[Role::Operator]),
        person("auditor", "Auditor Priya Nair, East", 2, &[Role::Auditor]),
        person("auditor-2", "Auditor Luka Horvat, North", 0, &[Role::Auditor]),
        person("admin-1", "First administrator", 0, &[Role::Operator, Role::Supervisor]),
        person("admin-2", "Second administrator", 1, &[Role::Operator, Role::Supervisor]),
        person("researcher", "Research Dr Noor Haddad, Institute", 4, &[Role::Researcher]),
    ];
    for (branch, name) in BRANCHES.iter().enumerate() {
        let file = format!("import-{}", name.to_lowercase());
        staff.push(person(&file, &format!("Import key of {name}"), branch, &[Role::Ward, Role::Registrar]));
    }
    staff
}

/// Starts every participant's node.
async fn start(layout: &Layout, genesis: &Genesis) -> Result<Vec<Node>> {
    let mut nodes = Vec::new();
    for participant in &genesis.participants {
        let settings = node::settings(&layout.node(&participant.name), true)?;
        let started = Node::start(settings)
            .await
            .map_err(|error| format!("{} does not start: {}", participant.name, super::chain(&error)))?;
        nodes.push(started);
    }
    Ok(nodes)
}

/// What the ready line says of a branch.
#[derive(Serialize)]
struct BranchLine<'a> {
    name: &'a str,
    url: &'a str,
    #[serde(flatten)]
    process: Option<Process>,
}

/// The line that tells programs where everything is.
fn ready(layout: &Layout, genesis: &Genesis, running: &Branches) -> serde_json::Value {
    let staff: serde_json::Map<String, serde_json::Value> =
        staff_plans().iter().map(|plan| (plan.file.clone(), json!(layout.staff(&plan.file)))).collect();
    let branches: Vec<_> = genesis
        .participants
        .iter()
        .map(|branch| BranchLine {
            name: &branch.name,
            url: &branch.api,
            process: match running {
                Branches::Here(..) => Some(Process { pid: std::process::id(), log: None, command: None }),
                Branches::Apart(processes, _) => processes.of(&branch.name),
            },
        })
        .collect();
    json!({
        "network": genesis.network().to_string(),
        "config": layout.console(),
        "staff": staff,
        "passphrase_file": layout.passphrase(),
        "branches": branches,
    })
}

/// The screen belongs to the console, so the log goes to a file.
fn log_to(layout: &Layout) -> Result<()> {
    let file = fs::File::options().create(true).append(true).open(layout.root.join("demo.log"))?;
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()),
        )
        .with_ansi(false)
        .with_writer(Arc::new(file))
        .init();
    Ok(())
}

#[cfg(feature = "console")]
fn open_console(layout: &Layout, genesis: &Genesis) -> Result<()> {
    let staff_files = ["ward", "registrar", "supervisor", "operator", "auditor"]
        .iter()
        .map(|file| super::console::staff_choice(layout.staff(file)))
        .collect::<Result<_>>()?;
    let passphrase = super::access::passphrase(Some(&layout.passphrase()))?;
    let start = wardline_console::Start {
        settings: network::console_settings(layout, genesis),
        genesis: genesis.clone(),
        staff_files,
        passphrase_hint: Some(format!(
            "Demo: the passphrase is filled in (it lies in {})",
            layout.passphrase().display()
        )),
        prefilled_passphrase: Some(passphrase),
        idle_lock_s: 300,
        bell: true,
        clock: Arc::new(SystemClock),
    };
    super::runtime()?.block_on(wardline_console::run(start))?;
    Ok(())
}

#[cfg(not(feature = "console"))]
fn open_console(_: &Layout, _: &Genesis) -> Result<()> {
    Err("this build has no console; use --headless".into())
}
