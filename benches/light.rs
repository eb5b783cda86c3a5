//! What the light client does a second against the floor of its hashes and signatures, what a restart on a million
//! blocks costs, and whether any of a million valid blocks is refused.
//!
//! `cargo bench --bench light` prints the figures; with `-- campaign [SEED] [BLOCKS]` it only runs the campaign. Floor
//! and light client take turns within one run, on the same bytes. Blocks come from memory: no network, no JSON.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot run says so by failing"
)]

mod forge;

use forge::{Dice, Forge, Made, Next};
use std::{
    collections::BTreeMap,
    env,
    hint::black_box,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};
use wardline_client::{Trust, cores};
use wardline_crypto::{
    Digest,
    zip215::{self, Claim},
};
use wardline_ledger::{
    BranchId, Canonical, Certificates, Chain, Checkpoint, Given, Header, StateProof, ValidatorSet,
    ends_epoch, light,
};

/// Headers of a page: what a node gives at once.
const PAGE: usize = 512;
/// Blocks of an epoch, as `init` makes networks.
const EPOCH: u64 = 512;
const MILLION: u64 = 1_000_000;
const ROUNDS: usize = 9;
/// An audit costs a hundred times as much and gets fewer blocks.
const AUDIT_SHARE: usize = 4;
const SEED: u64 = 4;

type Headers = Vec<(Vec<u8>, Option<Vec<u8>>)>;
type Sets = BTreeMap<u64, (Vec<u8>, StateProof)>;

/// Consecutive headers and what they hand over.
#[derive(Default, Clone)]
struct Page {
    headers: Headers,
    sets: Sets,
}

impl Page {
    fn push(&mut self, made: Made) {
        self.headers.push((made.header, made.certificate));
        self.sets.extend(made.handover);
    }
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |at: usize, default| arguments.get(at).map_or(default, |text| text.parse().unwrap());
    match arguments.first().map(String::as_str) {
        Some("campaign") => campaign(number(1, SEED), number(2, MILLION)),
        // In a process of its own, so that its peak is nobody else's.
        Some("million") => million(Path::new(&arguments[1])),
        _ => {
            speeds();
            restarts();
            campaign(SEED, MILLION);
        }
    }
}

/// A vote as the floor checks it.
struct Vote {
    key: [u8; 32],
    signature: [u8; 64],
    message: Vec<u8>,
}

/// The votes of a certificate, read by its layout alone.
fn votes(certificate: &[u8], set: &ValidatorSet, namespace: &[u8]) -> Vec<Vote> {
    let varint = |at: usize| at + certificate[at..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let proposal = varint(varint(varint(0))) + 32;
    let domain = [namespace, b"_FINALIZE"].concat();
    let message = [&[domain.len() as u8], domain.as_slice(), &certificate[..proposal]].concat();
    let bitmap = &certificate[proposal + 8..][..set.members.len().div_ceil(8)];
    let signers = set.members.iter().enumerate().filter(|(i, _)| bitmap[i / 8] >> (i % 8) & 1 == 1);
    let signatures = certificate[varint(proposal + 8 + bitmap.len())..].chunks_exact(64);
    signers
        .zip(signatures)
        .map(|((_, (_, key)), signature)| Vote {
            key: *key.bytes(),
            signature: signature.try_into().unwrap(),
            message: message.clone(),
        })
        .collect()
}

/// Does the same in parts on so many threads.
fn spread<T: Sync>(items: &[T], cores: usize, work: impl Fn(&[T]) + Sync) {
    std::thread::scope(|scope| {
        for part in items.chunks(items.len().div_ceil(cores).max(1)) {
            scope.spawn(|| work(part));
        }
    });
}

fn took(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Blocks verified a second from the genesis, every block with a certificate of its own.
fn speeds() {
    println!(
        "from the genesis, blocks a second; floor: SHA-256 of every header, Ed25519 of every signature that is owed"
    );
    for (validators, pages) in [(4, 32), (20, 8), (50, 4)] {
        let mut forge = Forge::new(validators, EPOCH);
        let genesis = forge.genesis.clone();
        let pages: Vec<Page> = (0..pages)
            .map(|_| {
                let mut page = Page::default();
                (0..PAGE).for_each(|_| page.push(forge.next(Next::default())));
                page
            })
            .collect();
        let namespace = genesis.namespace(Chain::Main);
        for (what, which) in
            [("followed live", Certificates::Needed), ("every certificate", Certificates::All)]
        {
            let audit = which == Certificates::All;
            let pages = if audit { &pages[..pages.len() / AUDIT_SHARE] } else { &pages[..] };
            let blocks = (pages.len() * PAGE) as f64;
            let last = Digest::of(&pages.last().unwrap().headers.last().unwrap().0);
            let headers: Vec<&Vec<u8>> =
                pages.iter().flat_map(|page| &page.headers).map(|(bytes, _)| bytes).collect();
            let mut owed: Vec<Vec<Vote>> = Vec::new();
            for page in pages {
                for (at, (bytes, certificate)) in page.headers.iter().enumerate() {
                    let ends = ends_epoch(Header::decode(bytes).unwrap().height, EPOCH);
                    if audit || ends || at + 1 == PAGE {
                        owed.push(votes(certificate.as_ref().unwrap(), &forge.set, &namespace));
                    }
                }
            }
            for cores in [1, 2] {
                let (mut single, mut batch, mut client) = (Vec::new(), Vec::new(), Vec::new());
                let hashes = || {
                    spread(&headers, cores, |part| {
                        part.iter().for_each(|bytes| {
                            black_box(Digest::of(black_box(bytes)));
                        });
                    });
                };
                for _ in 0..ROUNDS {
                    single.push(took(|| {
                        hashes();
                        spread(&owed, cores, |part| {
                            let holds =
                                |vote: &Vote| zip215::verify(&vote.key, &vote.signature, &vote.message);
                            assert!(part.iter().flatten().all(holds));
                        });
                    }));
                    batch.push(took(|| {
                        hashes();
                        // As many at once as a page owes.
                        for page in owed.chunks(owed.len().div_ceil(pages.len())) {
                            spread(page, cores, |part| {
                                let claims: Vec<Claim<'_>> = part
                                    .iter()
                                    .flatten()
                                    .map(|vote| Claim {
                                        key: &vote.key,
                                        signature: &vote.signature,
                                        message: &vote.message,
                                    })
                                    .collect();
                                assert!(zip215::verify_all(&claims));
                            });
                        }
                    }));
                    // What the pages arrive in is not part of the work.
                    let given = pages.to_vec();
                    let folder = Path::new("/nonexistent");
                    let trust = Trust::open(&genesis, Chain::Main, folder, None).unwrap();
                    let mut checkpoint = Checkpoint::genesis(&genesis, Chain::Main).unwrap();
                    client.push(took(|| match which {
                        Certificates::Needed => {
                            for page in given {
                                trust.extend(page.headers, &page.sets, cores).unwrap();
                            }
                            assert_eq!(trust.head().digest, last);
                        }
                        Certificates::All => {
                            for page in given {
                                let given = cores::read(page.headers, cores);
                                let prepared =
                                    light::prepare(&checkpoint, &given, &page.sets, which).unwrap();
                                checkpoint =
                                    prepared.believe(|jobs| cores::check(jobs, cores)).unwrap().checkpoint;
                            }
                            assert_eq!(checkpoint.digest, last);
                        }
                    }));
                }
                let rate = |times| blocks / median(times).as_secs_f64();
                let (single, batch, client) = (rate(single), rate(batch), rate(client));
                println!(
                    "{validators:>2} validators, {what:<17}, {cores} core(s): {client:>9.0} | floor {single:>9.0} ({:.0} %), \
                     in batches {batch:>9.0} ({:.0} %)",
                    client / single * 100.0,
                    client / batch * 100.0
                );
            }
        }
    }
}

/// The most memory that this process had at once.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Keeps what a million blocks leave behind, and opens it.
fn restarts() {
    for changes in [0, 10, MILLION / EPOCH] {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new(env::current_exe().unwrap())
            .args(["million", folder.path().to_str().unwrap()])
            .env("CHANGES", changes.to_string())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// Verifies a million blocks that are forged page by page, keeps the checkpoint, and opens it again.
fn million(folder: &Path) {
    let changes: u64 = env::var("CHANGES").unwrap().parse().unwrap();
    let every = (MILLION / EPOCH).checked_div(changes).unwrap_or(u64::MAX).max(1);
    let mut forge = Forge::new(4, EPOCH);
    let genesis = forge.genesis.clone();
    let open = || Trust::open(&genesis, Chain::Main, folder, Some(&folder.join("memory"))).unwrap();
    let trust = open();
    let mut verifying = Duration::ZERO;
    while forge.tip.height < MILLION {
        let mut page = Page::default();
        for place in 1..=PAGE {
            let changed = forge.ends_epoch() && forge.tip.epoch % every == every - 1;
            let set = changed.then(|| {
                let key = forge.new_key();
                let mut members = forge.set.members.clone();
                members[0].1 = key;
                ValidatorSet::new(members)
            });
            // Certificates at pages' ends stand for those at every block, which are not owed.
            page.push(forge.next(Next { certified: place == PAGE, set, ..Next::default() }));
        }
        verifying += took(|| trust.extend(page.headers, &page.sets, cores::cores()).unwrap());
    }
    trust.save().unwrap();
    let (head, steps) = (trust.head(), trust.proven_head().steps.len());
    drop(trust);
    let peak = peak_kib();
    let file = std::fs::metadata(folder.join("main.checkpoint")).unwrap().len();
    let opened: Vec<Duration> = (0..ROUNDS).map(|_| took(|| assert_eq!(open().head(), head))).collect();
    let newer = {
        let mut page = Page::default();
        (0..100).for_each(|_| page.push(forge.next(Next::default())));
        page
    };
    let trust = open();
    let caught_up = took(|| trust.extend(newer.headers, &newer.sets, cores::cores()).unwrap());
    assert_eq!(trust.head().digest, forge.digest);
    println!(
        "{} blocks, {steps} changes of validators: verified in {:.2} s, peak memory {:.1} MB; opened in {:.1} ms (file and \
         memory, {} KB each), 100 newer blocks in {:.1} ms",
        head.header.height,
        verifying.as_secs_f64(),
        peak as f64 / 1024.0,
        median(opened).as_secs_f64() * 1e3,
        file / 1024,
        caught_up.as_secs_f64() * 1e3,
    );
}

/// Valid chains of every kind: none of their blocks may be refused, by any way of following them.
fn campaign(seed: u64, blocks: u64) {
    let began = Instant::now();
    let mut dice = Dice(seed);
    let (mut done, mut chains, mut changes, mut certificates) = (0, 0, 0, 0u64);
    while done < blocks {
        let folder = tempfile::tempdir().unwrap();
        let lengths = [2, 3, 7, 64, 511, 512, 2000];
        let mut forge = Forge::new(1 + dice.below(50) as u16, lengths[dice.below(7) as usize]);
        let genesis = forge.genesis.clone();
        let open = || {
            Trust::open(&genesis, Chain::Main, folder.path(), Some(&folder.path().join("memory"))).unwrap()
        };
        let mut trust = open();
        let mut audit = Checkpoint::genesis(&genesis, Chain::Main).unwrap();
        // Of few epochs where each costs a proof and a certificate.
        let length = (genesis.epoch_length * (2 + dice.below(8))).max(200).min(blocks - done);
        let certified_percent = [0, 1, 3, 10][dice.below(4) as usize];
        let mut waiting = Page::default();
        for _ in 0..length {
            let set = (forge.ends_epoch() && dice.chance(60)).then(|| other_set(&mut forge, &mut dice));
            changes += u64::from(set.is_some());
            let next = Next {
                certified: dice.chance(certified_percent),
                surplus: dice.below(3) as usize,
                seconds: if dice.chance(50) { 0 } else { dice.below(100_000) },
                transactions: if dice.chance(30) { 0 } else { dice.below(1001) as u32 },
                set,
            };
            let made = forge.next(next);
            certificates += u64::from(made.certificate.is_some());
            waiting.push(made);
            // Pages end anywhere; what no certificate speaks for is given again with the next one.
            if dice.below(PAGE as u64) == 0 {
                follow(&trust, &mut audit, &mut waiting, &mut dice);
            }
            if dice.below(5000) == 0 {
                trust.save().unwrap();
                let head = trust.head();
                trust = open();
                assert_eq!(trust.head(), head);
            }
        }
        waiting.push(forge.next(Next::default()));
        follow(&trust, &mut audit, &mut waiting, &mut dice);
        assert_eq!((trust.head().digest, audit.digest), (forge.digest, forge.digest));
        trust.save().unwrap();
        assert_eq!(open().head().digest, forge.digest);
        assert!(open().notices(u64::MAX).is_empty());
        done += length + 1;
        chains += 1;
    }
    println!(
        "seed {seed}: {done} valid blocks of {chains} chains of 1 to 50 validators, {certificates} certificates, {changes} \
         changes of validators: 0 refused ({:.0} s)",
        began.elapsed().as_secs_f64()
    );
}

/// Takes what waits, live and as an audit, as a console and as `verify` do.
fn follow(trust: &Trust, audit: &mut Checkpoint, waiting: &mut Page, dice: &mut Dice) {
    let Some(last) = waiting.headers.iter().rposition(|(_, certificate)| certificate.is_some()) else {
        return;
    };
    let tail = waiting.headers.split_off(last + 1);
    let headers = std::mem::replace(&mut waiting.headers, tail);
    let sets = std::mem::take(&mut waiting.sets);
    let given: Vec<Given> =
        headers.iter().map(|(bytes, own)| Given::read(bytes.clone(), own.clone())).collect();
    let which = if dice.chance(20) { Certificates::All } else { Certificates::Needed };
    let prepared = light::prepare(audit, &given, &sets, which).unwrap();
    *audit = prepared.believe(light::check_all).unwrap().checkpoint;
    trust.extend(headers, &sets, 1 + dice.below(3) as usize).unwrap();
    assert_eq!(trust.head().digest, audit.digest);
}

/// Other validators: one replaced, one more, one fewer, a rotated key, or all new.
fn other_set(forge: &mut Forge, dice: &mut Dice) -> ValidatorSet {
    let mut members = forge.set.members.clone();
    let place = dice.below(members.len() as u64) as usize;
    match dice.below(5) {
        0 if members.len() < 50 => {
            let id = BranchId(1000 + dice.below(60_000) as u16);
            members.push((id, forge.new_key()));
        }
        1 if members.len() > 1 => {
            members.remove(place);
        }
        2 => members.iter_mut().for_each(|member| member.1 = forge.new_key()),
        _ => members[place].1 = forge.new_key(),
    }
    ValidatorSet::new(members)
}
