//! Files in: found, read and unpacked within bounds.
//!
//! It must not know what is in them.

use flate2::bufread::MultiGzDecoder;
use std::{
    fs::{self, File},
    io::{BufReader, Read},
    path::{Path, PathBuf},
};
use wardline_fhir::MAX_BYTES;

/// The files that are meant: those that are named, and of a named folder all `.json` and `.json.gz` in it and below,
/// by name. Links to folders are not followed.
pub fn list(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let unreadable = |path: &Path, error| format!("cannot read {}: {error}", path.display());
    let mut files = Vec::new();
    for path in paths {
        let about = fs::metadata(path).map_err(|error| unreadable(path, error))?;
        if !about.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        let mut folders = vec![path.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(|error| unreadable(&folder, error))? {
                let entry = entry.map_err(|error| unreadable(&folder, error))?;
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(path),
                    _ if path.is_file() && is_bundle_name(&path) => files.push(path),
                    _ => {}
                }
            }
        }
        if files.len() == before {
            return Err(format!("{} holds no .json and no .json.gz file", path.display()));
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn is_bundle_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.ends_with(".json") || name.ends_with(".json.gz")
}

/// A file's JSON text. What is packed is known by its first bytes, whatever it is called, and is unpacked no further than
/// a bundle may be long, so that a small file cannot fill the memory.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut file = BufReader::new(File::open(path).map_err(|error| format!("cannot be read: {error}"))?);
    let packed = std::io::BufRead::fill_buf(&mut file)
        .map_err(|error| format!("cannot be read: {error}"))?
        .starts_with(&[0x1f, 0x8b]);
    if packed {
        within_limit(MultiGzDecoder::new(file)).map_err(|error| match error {
            Unread::TooLong => format!("is longer than {} MiB when unpacked", MAX_BYTES >> 20),
            Unread::Broken(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                "is cut off: the gzip data ends in the middle".to_owned()
            }
            Unread::Broken(error) => format!("is not whole gzip data: {error}"),
        })
    } else {
        within_limit(file).map_err(|error| match error {
            Unread::TooLong => format!("is longer than {} MiB", MAX_BYTES >> 20),
            Unread::Broken(error) => format!("cannot be read: {error}"),
        })
    }
}

enum Unread {
    TooLong,
    Broken(std::io::Error),
}

fn within_limit(from: impl Read) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    from.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(Unread::Broken)?;
    if bytes.len() > MAX_BYTES { Err(Unread::TooLong) } else { Ok(bytes) }
}
