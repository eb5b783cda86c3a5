//! A proven head in a file: read by its proof alone, replaced whole, never by an older one.
//!
//! The format is in `docs/format/trust.md`. It must not know what the file is kept for.

use super::TrustError;
use crate::{
    cores::{check, cores},
    error::clean,
};
use std::{
    cmp::Ordering,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};
use wardline_crypto::Digest;
use wardline_ledger::{Canonical, Checkpoint, Header, ProvenHead, TrustPath, Unproven};

/// First line of the file.
const TITLE: &[u8] = b"WARDLINE CHECKPOINT v2\n";
/// What the first line of every version begins with.
const ANY_TITLE: &[u8] = b"WARDLINE CHECKPOINT v";
/// Longest file that is read.
const FILE_MAX: u64 = 256 * 1024 * 1024;
/// How long another process may take for its own save.
const LOCK_WAIT: Duration = Duration::from_secs(1);
const LOCK_AGAIN: Duration = Duration::from_millis(5);

/// What is in a file.
pub(crate) enum Found {
    /// There is no file.
    Nothing,
    /// A file of another version, which is not taken.
    OtherVersion,
    /// A head that proved itself.
    Head(Box<Proved>),
}

/// A head with everything that it proves.
pub(crate) struct Proved {
    pub(crate) head: ProvenHead,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) path: TrustPath,
}

/// Where a head is kept.
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    /// Whether only its owner may read it.
    pub(crate) private: bool,
}

impl Place {
    /// Reads the file and proves what it says from the pinned genesis, where the chain starts.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, is of another network or does not prove itself.
    pub(crate) fn load(&self, start: &Checkpoint) -> Result<Found, TrustError> {
        let head = match read(&self.path)? {
            Some(Ok(head)) => head,
            Some(Err(OtherVersion)) => return Ok(Found::OtherVersion),
            None => return Ok(Found::Nothing),
        };
        let path = || self.path.display().to_string();
        let proved = proved(head, start).map_err(|error| match error {
            Unproven::Other => TrustError::OtherNetwork { path: path() },
            Unproven::Invalid(error) => TrustError::Unproven { path: path(), why: error.to_string() },
        })?;
        Ok(Found::Head(Box::new(proved)))
    }

    /// Whether both files are there and have the same bytes: what proves one of them proves the other.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let bytes = |place: &Self| fs::read(&place.path).ok();
        bytes(self).is_some_and(|own| Some(own) == bytes(other))
    }

    /// Replaces the file, unless it has a proven head (another process') that is above this one, or that `passed`, the
    /// digests of this chain's blocks as far as they are in memory, does not have: that one is handed back. A file of
    /// another version is kept aside.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn save(
        &self,
        head: &ProvenHead,
        start: &Checkpoint,
        passed: impl Fn(u64) -> Option<Digest>,
    ) -> Result<Option<Box<Proved>>, TrustError> {
        let failed = |error: io::Error| file_error(&self.path, &error);
        let _alone = alone(&self.path, self.private).map_err(failed)?;
        let height = height_of(head);
        match read(&self.path) {
            Ok(Some(Ok(kept))) if height_of(&kept) > 0 => {
                let at = height_of(&kept);
                let digest = kept.head.as_ref().map(|(header, _)| Digest::of(header));
                let is_ours = digest == passed(at);
                match (at.cmp(&height), is_ours) {
                    (Ordering::Less, true) => {}
                    (Ordering::Equal, true) if kept.prove(start).is_ok() => return Ok(None),
                    (Ordering::Greater, _) if kept.prove(start).is_ok() => return Ok(None),
                    // What does not prove itself is nobody's memory.
                    (Ordering::Less | Ordering::Equal, false) => {
                        if let Ok(other) = proved(kept, start) {
                            return Ok(Some(Box::new(other)));
                        }
                    }
                    _ => {}
                }
            }
            Ok(Some(Err(OtherVersion))) => put_aside(&self.path).map_err(failed)?,
            _ => {}
        }
        let bytes = head.encode();
        let file = [TITLE, Digest::of(&bytes).as_ref(), &bytes].concat();
        replace(&self.path, &file, self.private).map_err(failed)?;
        Ok(None)
    }
}

fn proved(head: ProvenHead, start: &Checkpoint) -> Result<Proved, Unproven> {
    let (checkpoint, path) = head.prove_by(start, |jobs| check(jobs, cores()))?;
    Ok(Proved { head, checkpoint, path })
}

/// Renames a file to the first free one of `.old`, `.old2` and so on.
fn put_aside(path: &Path) -> io::Result<()> {
    let name = |n: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(if n == 1 { ".old".to_owned() } else { format!(".old{n}") });
        PathBuf::from(name)
    };
    let free = (1..).map(name).find(|aside| !aside.exists());
    free.map_or(Ok(()), |aside| fs::rename(path, aside))
}

struct OtherVersion;

/// The head that a file says, unproven.
fn read(path: &Path) -> Result<Option<Result<ProvenHead, OtherVersion>>, TrustError> {
    let damaged = || TrustError::Damaged { path: path.display().to_string() };
    let bytes = match fs::metadata(path).and_then(|about| Ok((about.len() <= FILE_MAX, fs::read(path)?))) {
        Ok((true, bytes)) => bytes,
        Ok((false, _)) => return Err(damaged()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file_error(path, &error)),
    };
    let Some(rest) = bytes.strip_prefix(TITLE) else {
        return if is_any_version(&bytes) { Ok(Some(Err(OtherVersion))) } else { Err(damaged()) };
    };
    let (sum, rest) = rest.split_first_chunk::<32>().ok_or_else(damaged)?;
    if Digest::of(rest) != Digest::from_bytes(*sum) {
        return Err(damaged());
    }
    ProvenHead::decode(rest).map(|head| Some(Ok(head))).map_err(|_| damaged())
}

fn is_any_version(bytes: &[u8]) -> bool {
    let rest = bytes.strip_prefix(ANY_TITLE).unwrap_or_default();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && rest.get(digits) == Some(&b'\n')
}

fn height_of(head: &ProvenHead) -> u64 {
    let header = head.head.as_ref().and_then(|(header, _)| Header::decode(header).ok());
    header.map_or(0, |header| header.height)
}

/// Held while a file is compared and replaced: of several processes one at a time. Nothing where the system has no
/// locks; a newer file may then lose against an older one that was written in the same moment.
pub(crate) fn alone(path: &Path, private: bool) -> io::Result<Option<File>> {
    let folder = folder_of(path);
    make_folder(folder, private)?;
    let file = for_writing(private).truncate(false).open(folder.join(".lock"))?;
    let give_up = Instant::now() + LOCK_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if Instant::now() < give_up => thread::sleep(LOCK_AGAIN),
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::ResourceBusy.into()),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a folder where it is not there yet; a private one can be entered by its owner only.
fn make_folder(folder: &Path, private: bool) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    if private {
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    }
    builder.recursive(true).create(folder)
}

fn for_writing(private: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    if private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    options
}

pub(super) fn file_error(path: &Path, cause: &io::Error) -> TrustError {
    TrustError::File { path: path.display().to_string(), cause: clean(&cause.to_string()) }
}

/// Writes a file so that after a crash either the old or the new one is there, whole.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, false)
}

fn replace(path: &Path, bytes: &[u8], private: bool) -> io::Result<()> {
    let folder = folder_of(path);
    make_folder(folder, private)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!(".{name}.{}", std::process::id()));
    let written = (|| {
        let mut file = for_writing(private).truncate(true).open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    })();
    if written.is_err() {
        // Best effort: the error that matters is the first one.
        let _ = fs::remove_file(&draft);
    }
    written?;
    // The rename is durable once the folder is; systems that cannot sync a folder keep it anyway.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}
