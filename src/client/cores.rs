//! Work that needs no order, spread over the cores: hashing headers, checking certificates.
//!
//! It must not know what is checked: `ledger` says what a job is.

use std::{num::NonZero, panic::resume_unwind, thread};
use wardline_ledger::{Given, Invalid, Job, light};

/// Fewer headers than these are hashed quicker than a thread begins.
const HEADERS_PER_THREAD: usize = 512;

/// How many threads heavy work takes: as many as this process may run at once.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Decodes and hashes headers.
pub fn read(headers: Vec<(Vec<u8>, Option<Vec<u8>>)>, cores: usize) -> Vec<Given> {
    let read = |part: Vec<(Vec<u8>, Option<Vec<u8>>)>| -> Vec<Given> {
        part.into_iter().map(|(bytes, certificate)| Given::read(bytes, certificate)).collect()
    };
    let share = headers.len().div_ceil(cores.max(1)).max(HEADERS_PER_THREAD);
    if headers.len() <= share {
        return read(headers);
    }
    let mut parts = Vec::new();
    let mut rest = headers;
    while rest.len() > share {
        let after = rest.split_off(share);
        parts.push(std::mem::replace(&mut rest, after));
    }
    thread::scope(|scope| {
        let threads: Vec<_> = parts.into_iter().map(|part| scope.spawn(move || read(part))).collect();
        let last = read(rest);
        let mut all = Vec::with_capacity(share * (threads.len() + 1));
        for thread in threads {
            all.append(&mut thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        all.extend(last);
        all
    })
}

/// Checks certificates.
///
/// # Errors
/// The refusal of the lowest that does not hold.
pub fn check(jobs: &[Job], cores: usize) -> Result<(), Invalid> {
    let share = jobs.len().div_ceil(cores.max(1)).max(1);
    let mut parts = jobs.chunks(share);
    let Some(first) = parts.next() else { return Ok(()) };
    thread::scope(|scope| {
        let threads: Vec<_> = parts.map(|part| scope.spawn(|| light::check_all(part))).collect();
        let first = light::check_all(first);
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .fold(first, Result::and)
    })
}
