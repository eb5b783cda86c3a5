//! The write-ahead log: which of its frames count, as SQLite itself decides it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::{Flaw, PAGE, Place, u32_at};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const FRAME: u64 = (FRAME_HEADER + PAGE) as u64;

/// Rounds of a log of which frames may be left.
const ROUNDS: u32 = 1 << 24;

/// What of a log counts.
#[derive(Default)]
pub(super) struct Log {
    /// The newest committed copy of each page: the offset of its bytes.
    pub newest: BTreeMap<u32, u64>,
    /// Pages of the database after the newest commit, when there is one.
    pub pages: Option<u32>,
}

impl Log {
    /// Follows the frames from the first as long as each checks, and takes them up to the last commit.
    pub fn read(file: &File, flaws: &mut Vec<Flaw>) -> io::Result<Self> {
        let mut log = Self::default();
        let length = file.metadata()?.len();
        if length == 0 {
            return Ok(log);
        }
        let doubt = |start, end, what: &str| Flaw {
            place: Some(Place { log: true, start, end }),
            what: what.to_owned(),
            may_be_a_crash: true,
        };
        let mut header = [0; HEADER];
        if length < HEADER as u64 || file.read_exact_at(&mut header, 0).is_err() {
            flaws.push(doubt(0, length, "the log is cut off in its header: SQLite reads nothing of it"));
            return Ok(log);
        }
        let word = |at| u32_at(&header, at).unwrap_or_default();
        let little = word(0) == 0x377f_0682;
        let mut sum = checksum((0, 0), header.get(..24).unwrap_or_default(), little);
        let known = (little || word(0) == 0x377f_0683) && word(4) == 3_007_000 && word(8) as usize == PAGE;
        if !known || sum != (word(24), word(28)) {
            flaws.push(doubt(
                0,
                HEADER as u64,
                "the log's header does not check: SQLite reads nothing of it",
            ));
            return Ok(log);
        }
        let salts = (word(16), word(20));
        let mut uncommitted = Vec::new();
        let mut at = HEADER as u64;
        let mut frame = vec![0; FRAME_HEADER + PAGE];
        while at + FRAME <= length {
            file.read_exact_at(&mut frame, at)?;
            let word = |at| u32_at(&frame, at).unwrap_or_default();
            let (head, page) = frame.split_at(FRAME_HEADER);
            let next = checksum(checksum(sum, head.get(..8).unwrap_or_default(), little), page, little);
            if (word(8), word(12)) != salts || next != (word(16), word(20)) || word(0) == 0 {
                break;
            }
            sum = next;
            uncommitted.push((word(0), at + FRAME_HEADER as u64));
            if word(4) != 0 {
                log.newest.extend(uncommitted.drain(..));
                log.pages = Some(word(4));
            }
            at += FRAME;
        }
        // What lies behind is of an earlier round of the log, with two other salts; or it is damage, or was never
        // written to its end.
        let mut behind = at;
        while behind + FRAME_HEADER as u64 <= length {
            let mut head = [0; FRAME_HEADER];
            file.read_exact_at(&mut head, behind)?;
            let word = |at| u32_at(&head, at).unwrap_or_default();
            // Each round adds one to the first salt and draws the second.
            let earlier = (1..ROUNDS).contains(&salts.0.wrapping_sub(word(8)));
            if !earlier || word(12) == salts.1 {
                let what = "the log does not check from here on: what was committed behind is not read";
                let may_be_a_crash = !goes_on_after_a_commit(file, at, length, salts, little)?;
                flaws.push(Flaw { may_be_a_crash, ..doubt(at, length, what) });
                return Ok(log);
            }
            behind += FRAME;
        }
        let lost = uncommitted.len() as u64 * FRAME;
        if lost > 0 || !(length - HEADER as u64).is_multiple_of(FRAME) {
            flaws.push(doubt(at - lost, length, "the log ends in a commit that was not written to its end"));
        }
        Ok(log)
    }
}

/// Whether behind a broken frame lies a commit of this round that another frame follows. A commit is on the disk before
/// the next frame is written: no power cut breaks a frame before it. Of the last commit that cannot be told.
fn goes_on_after_a_commit(
    file: &File,
    from: u64,
    length: u64,
    salts: (u32, u32),
    little: bool,
) -> io::Result<bool> {
    let mut commit = None;
    let (mut at, mut frame) = (from, vec![0; FRAME_HEADER + PAGE]);
    while at + FRAME <= length {
        file.read_exact_at(&mut frame, at)?;
        let word = |at| u32_at(&frame, at).unwrap_or_default();
        let (head, page) = frame.split_at(FRAME_HEADER);
        let of_this_round = (word(8), word(12)) == salts;
        let own = (word(16), word(20));
        // Frames of other transactions that were cut short do not go on from each other.
        let follows =
            |sum| checksum(checksum(sum, head.get(..8).unwrap_or_default(), little), page, little) == own;
        if of_this_round && commit.is_some_and(follows) {
            return Ok(true);
        }
        commit = (of_this_round && word(4) != 0).then_some(own);
        at += FRAME;
    }
    Ok(false)
}

/// SQLite's sums over pairs of words.
fn checksum(from: (u32, u32), bytes: &[u8], little: bool) -> (u32, u32) {
    let (mut a, mut b) = from;
    let word = |bytes: &[u8]| {
        let bytes = bytes.first_chunk().copied().unwrap_or_default();
        if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    };
    for pair in bytes.chunks_exact(8) {
        let (left, right) = pair.split_at(4);
        a = a.wrapping_add(word(left)).wrapping_add(b);
        b = b.wrapping_add(word(right)).wrapping_add(a);
    }
    (a, b)
}
