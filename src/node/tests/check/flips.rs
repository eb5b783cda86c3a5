//! One bit of every byte flipped, every length cut: named, or every answer is byte for byte the same.

use super::{copy, lived};
use crate::{
    check::{self, CheckReport, Known, chain_alone, vault_alone},
    tests::world::World,
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};
use tempfile::TempDir;
use wardline_crypto::{DataKey, Digest, open, peek};
use wardline_ledger::{BranchId, Chain, PatientId, StateView, tree};
use wardline_store::{ChainStore, FileKind, StoppedFile, Vault};

/// What is flipped in a usual run of the tests; the full run is `cargo test -- --ignored every_bit`.
const SHARE: usize = 60;

/// Fast where there is memory to write to: every flip opens the file as a node does.
fn memory() -> TempDir {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() { TempDir::new_in(shared).unwrap() } else { TempDir::new().unwrap() }
}

/// What was found out about the undamaged file: every name that it answers to.
struct Names {
    top: u64,
    keys: Vec<Vec<u8>>,
    transactions: Vec<Digest>,
    patients: Vec<PatientId>,
    envelopes: Vec<([u8; 16], u32, u8, Digest)>,
    tokens: Vec<[u8; 16]>,
}

impl Names {
    fn of(file: &StoppedFile) -> Self {
        let transaction = |table: &str| -> Vec<Digest> {
            file.rows(table).map(|row| Digest::from_bytes(row.array("id").unwrap())).collect()
        };
        Self {
            top: file.rows("header").last().map_or(0, |row| row.number("height").unwrap()),
            keys: file.rows("state").map(|row| row.bytes("key").to_vec()).collect(),
            transactions: transaction("tx"),
            patients: file
                .rows("link")
                .map(|row| PatientId::from_bytes(row.array("patient").unwrap()))
                .collect(),
            envelopes: file
                .rows("envelope")
                .map(|row| {
                    let number = |column| u32::try_from(row.number(column).unwrap()).unwrap();
                    let pointer = Digest::from_bytes(row.array("pointer").unwrap());
                    (row.array("object").unwrap(), number("version"), number("content") as u8, pointer)
                })
                .collect(),
            tokens: file.rows("token").map(|row| row.array("token").unwrap()).collect(),
        }
    }

    /// Every answer of a chain's file, errors too.
    fn chain(&self, path: &Path) -> Digest {
        let Ok(store) = ChainStore::open(path) else { return Digest::ZERO };
        let mut all = String::new();
        let mut add = |answer: &dyn std::fmt::Debug| all += &format!("{answer:?}\n");
        add(&store.applied());
        add(&store.headers(0, 1000));
        add(&store.waiting(usize::MAX));
        for height in 0..=self.top + 1 {
            add(&(
                store.header(height),
                store.body(height),
                store.certificate(height),
                store.handover(height),
            ));
        }
        self.keys.iter().for_each(|key| add(&store.get(key)));
        self.transactions.iter().for_each(|id| add(&store.find_transaction(id)));
        self.patients.iter().for_each(|patient| add(&store.links_of(patient)));
        add(&store.view(|view| {
            let root = tree::root(view, self.top);
            Ok((root, self.keys.iter().map(|key| tree::prove(view, self.top, key)).collect::<Vec<_>>()))
        }));
        Digest::of(all.as_bytes())
    }

    /// Every answer of the vault, errors too.
    fn vault(&self, path: &Path) -> Digest {
        let Ok(vault) = Vault::open(path) else { return Digest::ZERO };
        let mut all = String::new();
        let mut add = |answer: &dyn std::fmt::Debug| all += &format!("{answer:?}\n");
        for (object, version, content, pointer) in &self.envelopes {
            add(&vault.first_kept(object, *version, *content));
            add(&(vault.envelope(object, *version, pointer), vault.stanza(object, *version, pointer)));
        }
        self.tokens.iter().for_each(|token| add(&vault.search(&[*token], 100)));
        add(&(vault.counts(1), vault.counts(2)));
        let root = vault.audit_root();
        add(&root);
        add(&vault.audit(0, 1000));
        add(&root.map(|(size, _)| vault.audit_leaves(size)));
        Digest::of(all.as_bytes())
    }
}

/// What came of a campaign.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    bytes: usize,
    flips: usize,
    cuts: usize,
    named: usize,
    same: usize,
}

struct Campaign<'a> {
    world: &'a World,
    /// Where the undamaged files are.
    whole: PathBuf,
    room: TempDir,
    known: BTreeMap<Chain, Known>,
}

impl Campaign<'_> {
    /// Judges one file with these bytes.
    fn judge(
        &self,
        name: &str,
        chain: Option<Chain>,
        bytes: &[u8],
        base: &(Digest, Digest, Names),
        tally: &mut Tally,
        what: &str,
    ) {
        let path = self.room.path().join(name);
        for ending in ["-wal", "-shm"] {
            let _ = fs::remove_file(self.room.path().join(format!("{name}{ending}")));
        }
        fs::write(&path, bytes).unwrap();
        let kind = if chain.is_some() { FileKind::Chain } else { FileKind::Vault };
        let file = StoppedFile::open(&path, kind).unwrap().unwrap();
        let mut named = false;
        file.structure(&mut |_| named = true);
        let (rows, answers, names) = base;
        if !named && file.digest_of_rows() != *rows {
            let mut report = CheckReport::of(&self.world.genesis, BranchId(1));
            match chain {
                Some(chain) => {
                    drop(chain_alone(&self.world.genesis, chain, &file, self.room.path(), &mut report))
                }
                None => vault_alone(&file, &self.known, &mut report),
            }
            named = !report.faults.is_empty() || !report.unchecked.is_empty();
        }
        drop(file);
        if named {
            tally.named += 1;
            return;
        }
        tally.same += 1;
        let now = if chain.is_some() { names.chain(&path) } else { names.vault(&path) };
        assert_eq!(now, *answers, "{name}: {what}: nothing was named, and an answer is another");
    }

    fn file(
        &self,
        name: &str,
        chain: Option<Chain>,
        pick: &mut dyn FnMut(usize) -> Option<u8>,
        cut: &mut dyn FnMut(usize) -> bool,
    ) -> Tally {
        let original = fs::read(self.whole.join(name)).unwrap();
        let kind = if chain.is_some() { FileKind::Chain } else { FileKind::Vault };
        let file = StoppedFile::open(&self.whole.join(name), kind).unwrap().unwrap();
        file.structure(&mut |fault| panic!("{fault:?}"));
        let names = Names::of(&file);
        let fresh = copy(&self.whole, &self.room.path().join(format!("fresh-{name}"))).join(name);
        let answers = if chain.is_some() { names.chain(&fresh) } else { names.vault(&fresh) };
        let base = (file.digest_of_rows(), answers, names);
        let mut tally = Tally { bytes: original.len(), ..Tally::default() };
        let mut bytes = original.clone();
        for at in 0..original.len() {
            if let Some(bit) = pick(at) {
                bytes[at] ^= 1 << bit;
                self.judge(name, chain, &bytes, &base, &mut tally, &format!("bit {bit} of byte {at}"));
                bytes[at] = original[at];
                tally.flips += 1;
            }
            if cut(at) {
                self.judge(name, chain, &original[..at], &base, &mut tally, &format!("cut to {at} bytes"));
                tally.cuts += 1;
            }
        }
        tally
    }
}

const FILES: [(&str, Option<Chain>); 3] =
    [("main.sqlite", Some(Chain::Main)), ("side.sqlite", Some(Chain::Side)), ("vault.sqlite", None)];

async fn campaign(run: impl FnOnce(&Campaign<'_>)) {
    let mut running = lived().await;
    running.stop_branch(1).await;
    let room = memory();
    let whole = copy(&running.directory(1), &room.path().join("whole"));
    let mut report = CheckReport::of(&running.world.genesis, BranchId(1));
    let mut known = BTreeMap::new();
    for (name, chain) in FILES {
        let Some(chain) = chain else { continue };
        let file = StoppedFile::open(&whole.join(name), FileKind::Chain).unwrap().unwrap();
        let at = room.path().join("known").join(name);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        let found = check::chain::check(&running.world.genesis, chain, &file, &at, &mut report, &mut |_| {});
        known.insert(chain, found.unwrap());
    }
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    run(&Campaign { world: &running.world, whole, room, known });
    running.stop().await;
}

/// A seeded choice, the same at every run.
fn dice(seed: u64, at: usize) -> u64 {
    let digest = Digest::of(&[seed.to_be_bytes(), (at as u64).to_be_bytes()].concat());
    u64::from_be_bytes(*digest.bytes().first_chunk().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_of_all_flips_and_cuts_is_named_or_changes_nothing() {
    campaign(|campaign| {
        for (name, chain) in FILES {
            let length = fs::metadata(campaign.whole.join(name)).unwrap().len();
            let wanted = |seed, at| dice(seed, at) % length < SHARE as u64;
            let mut flip = |at| wanted(1, at).then(|| (dice(2, at) % 8) as u8);
            let tally = campaign.file(name, chain, &mut flip, &mut |at| wanted(3, at) && at % 4 == 0);
            assert!(tally.named > 10 && tally.same > 10 && tally.cuts > 5, "{name}: {tally:?}");
        }
    })
    .await;
}

/// Takes long: run it with `--release --ignored`, and with what it prints in sight (`--nocapture`).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes of work: one bit of every byte, every length"]
async fn every_bit_and_every_length() {
    campaign(|campaign| {
        // Each file by a thread of its own: they have nothing in common.
        std::thread::scope(|scope| {
            for (name, chain) in FILES {
                scope.spawn(move || {
                    let began = Instant::now();
                    let flip = &mut |at: usize| {
                        if at.is_multiple_of(4096) {
                            println!("{name}: byte {at} after {} s", began.elapsed().as_secs());
                        }
                        Some((dice(2, at) % 8) as u8)
                    };
                    let tally = campaign.file(name, chain, flip, &mut |_| true);
                    println!("{name}: {tally:?} in {} s", began.elapsed().as_secs());
                });
            }
        });
    })
    .await;
}

#[test]
fn an_envelope_opens_unchanged_or_not_at_all() {
    let world = World::new(1_800_000_000);
    let record = super::record_id("visit");
    let (envelope, key) = world.record(record);
    let pointer = Digest::of(&envelope);
    let refused = |bytes: &[u8], key: &DataKey| {
        assert_ne!(Digest::of(bytes), pointer, "the outer check");
        let Err(error) = open(key, bytes) else { panic!("opened") };
        assert_eq!(error, wardline_crypto::OpenError, "one error for everything");
    };
    assert!(open(&key, &envelope).is_ok() && peek(&envelope).is_ok());
    let mut bytes = envelope.clone();
    for at in 0..envelope.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            refused(&bytes, &key);
            bytes[at] = envelope[at];
        }
        refused(&envelope[..at], &key);
        assert!(peek(&envelope[..at]).is_err(), "a cut envelope is no envelope");
    }
}
