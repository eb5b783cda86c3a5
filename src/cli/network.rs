//! A new group of branches: genesis, keys, and one directory per branch with its secrets apart.

use super::{
    Result,
    node::NodeFile,
    private::{folder_name, private_folder, write_private, write_public},
};
use data_encoding::BASE32_NOPAD;
use std::{collections::BTreeMap, fs, io::IsTerminal as _, net::SocketAddr, path::PathBuf};
use wardline_client::{NewStaff, Settings, StaffKeys};
use wardline_crypto::{Cost, Entropy, SecretBytes, Suite, array};
use wardline_ledger::{BranchId, Canonical as _, Genesis, NetworkPolicy, Participant, StaffEntry, StaffId};
use wardline_node::{BranchAddresses, BranchSecrets};
use wardline_policy::{Role, Roles};

/// Blocks of an epoch: a pending change of validators takes at most this many filler blocks to come into force.
const EPOCH_LENGTH: u64 = 512;
/// The genesis document's file, in the group's folder and in every branch's.
pub const GENESIS: &str = "genesis.bin";
/// Where a console that is started with the group's console.toml keeps what it has verified.
pub const CONSOLE_STATE: &str = "console";
/// Where the consoles of one machine remember what they verified, beside that.
pub const CONSOLE_MEMORY: &str = "console-memory";

/// A group to be.
#[derive(Debug, Clone)]
pub struct Plan {
    pub name: String,
    pub branches: Vec<BranchPlan>,
    pub staff: Vec<StaffPlan>,
    /// One passphrase for all staff, as in a demo; else each person has one.
    pub one_passphrase: bool,
}

/// One participant to be.
#[derive(Debug, Clone)]
pub struct BranchPlan {
    pub name: String,
    /// On the side chain, and a voter of both; else it follows the main chain alone.
    pub trusted: bool,
    pub api: SocketAddr,
    pub main: SocketAddr,
    pub side: Option<SocketAddr>,
}

/// One key file to be.
#[derive(Debug, Clone)]
pub struct StaffPlan {
    /// File name without its ending.
    pub file: String,
    /// Shown to its owner.
    pub name: String,
    /// Index into the branches.
    pub branch: usize,
    pub roles: Vec<Role>,
}

/// Where everything lies.
#[derive(Debug, Clone)]
pub struct Layout {
    pub root: PathBuf,
}

impl Layout {
    pub fn genesis(&self) -> PathBuf {
        self.root.join(GENESIS)
    }
    pub fn console(&self) -> PathBuf {
        self.root.join("console.toml")
    }
    /// Held by a running demo.
    pub fn lock(&self) -> PathBuf {
        self.root.join("running")
    }
    /// One passphrase for all staff of a demo.
    pub fn passphrase(&self) -> PathBuf {
        self.root.join("staff").join("passphrase")
    }
    pub fn staff(&self, file: &str) -> PathBuf {
        self.root.join("staff").join(format!("{file}.key"))
    }
    /// The passphrase of one person, until it is handed over.
    pub fn passphrase_of(&self, file: &str) -> PathBuf {
        self.root.join("staff").join(format!("{file}.passphrase"))
    }
    pub fn branch(&self, name: &str) -> PathBuf {
        self.root.join("branches").join(folder_name(name))
    }
    pub fn node(&self, name: &str) -> PathBuf {
        self.branch(name).join("node.toml")
    }
}

/// Makes the group's files but console.toml under `layout.root`, which must not hold a group yet.
pub fn create(layout: &Layout, plan: &Plan, now_s: u64, entropy: &mut dyn Entropy) -> Result<Genesis> {
    let Plan { name, branches, staff, one_passphrase } = plan;
    private_folder(&layout.root)?;
    private_folder(&layout.root.join("staff"))?;
    private_folder(&layout.root.join("branches"))?;

    let mut secrets = Vec::new();
    let mut participants: Vec<Participant> = Vec::new();
    for (plan, number) in branches.iter().zip(1u16..) {
        let branch = BranchSecrets::generate(plan.trusted, entropy)?;
        let addresses = BranchAddresses {
            api: format!("https://{}", plan.api),
            main: plan.main.to_string(),
            side: plan.side.map(|address| address.to_string()),
        };
        participants.push(branch.participant(BranchId(number), &plan.name, plan.trusted, &addresses)?);
        secrets.push(branch);
    }

    let mut staff_files = Vec::new();
    let mut staff_entries: Vec<StaffEntry> = Vec::new();
    for plan in staff {
        let branch =
            participants.get(plan.branch).ok_or("a staff member's branch is not among the branches")?;
        let who = NewStaff {
            staff: StaffId::draw(entropy),
            branch: branch.id,
            name: plan.name.clone(),
            roles: Roles::of(&plan.roles),
            key_epoch: wardline_ledger::FIRST_KEY_EPOCH,
        };
        let keys = StaffKeys::draw(who, entropy)?;
        staff_entries.push(keys.entry());
        staff_files.push((plan, keys));
    }
    staff_entries.sort_by_key(|entry| entry.id);

    let genesis = Genesis {
        name: name.clone(),
        created_s: now_s,
        epoch_length: EPOCH_LENGTH,
        participants,
        staff: staff_entries,
        suites_writable: Suite::ALL.iter().fold(0, |bits, suite| bits | 1 << (suite.code() - 1)),
        policy: NetworkPolicy::default(),
    };
    genesis.check()?;
    let network = genesis.network();

    let mut sealed = Sealed { done: 0, all: staff.len() + branches.len() };
    let mut passphrase = draw_passphrase(entropy);
    if *one_passphrase {
        write_private(&layout.passphrase(), passphrase.expose())?;
    }
    for (person, keys) in staff_files {
        if !one_passphrase {
            passphrase = draw_passphrase(entropy);
            write_private(&layout.passphrase_of(&person.file), passphrase.expose())?;
        }
        let text = keys.lock(network, &passphrase, Cost::FLOOR, entropy)?;
        write_private(&layout.staff(&person.file), text.as_bytes())?;
        sealed.one_more();
    }
    write_public(&layout.genesis(), &genesis.encode())?;
    for ((branch, secrets), number) in branches.iter().zip(&secrets).zip(1u16..) {
        write_branch(layout, branch, number, secrets, entropy)?;
        sealed.one_more();
    }
    Ok(genesis)
}

/// Sealing a key takes a good part of a second on purpose, so a terminal is told how far it is.
struct Sealed {
    done: usize,
    all: usize,
}

impl Sealed {
    fn one_more(&mut self) {
        self.done += 1;
        if std::io::stderr().is_terminal() {
            let end = if self.done == self.all { "\n" } else { "" };
            eprint!("\rKeys sealed {}/{} {end}", self.done, self.all);
        }
    }
}

/// What console.toml says where it stays on this machine: its paths hold wherever the file is copied here.
pub fn console_settings(layout: &Layout, genesis: &Genesis) -> Settings {
    Settings {
        network_name: genesis.name.clone(),
        network: genesis.network(),
        genesis: layout.genesis(),
        state: layout.root.join(CONSOLE_STATE),
        memory: Some(layout.root.join(CONSOLE_MEMORY)),
        urls: BTreeMap::new(),
        deadline_ms: wardline_client::DEADLINE_MS,
    }
}

/// Everything that the branch's machine needs, and nothing of any other branch.
fn write_branch(
    layout: &Layout,
    plan: &BranchPlan,
    number: u16,
    secrets: &BranchSecrets,
    entropy: &mut dyn Entropy,
) -> Result<()> {
    let folder = layout.branch(&plan.name);
    private_folder(&folder)?;
    let passphrase = draw_passphrase(entropy);
    write_private(&folder.join("passphrase"), passphrase.expose())?;
    write_private(&folder.join("branch.key"), secrets.seal(&passphrase, entropy)?.as_bytes())?;
    write_public(&folder.join(GENESIS), &fs::read(layout.genesis())?)?;
    let file = NodeFile {
        genesis: GENESIS.into(),
        branch: number,
        directory: "data".into(),
        secrets: "branch.key".into(),
        passphrase_file: "passphrase".into(),
        api_listen: plan.api,
        main_listen: plan.main,
        side_listen: plan.side,
        addresses: BTreeMap::new(),
    };
    write_public(&layout.node(&plan.name), file.to_text().as_bytes())
}

/// 125 bits as five groups that can be read aloud and typed.
fn draw_passphrase(entropy: &mut dyn Entropy) -> SecretBytes {
    let bytes: [u8; 16] = array(entropy);
    let text = BASE32_NOPAD.encode(&bytes).to_lowercase();
    let groups: Vec<&str> = (0..5).filter_map(|group| text.get(group * 5..group * 5 + 5)).collect();
    SecretBytes::new(groups.join("-").into_bytes())
}
