//! Files and folders that others must not read, and how a branch is called in their names.

use super::Result;
use std::{fs, io::Write as _, path::Path};

/// A branch's name in file names: the letters and digits of its name in lower case, hyphens for all between.
pub fn folder_name(name: &str) -> String {
    let lower = name.to_lowercase();
    let parts: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

/// Makes a folder, and those above it, that their owner alone enters.
pub fn private_folder(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    Ok(builder.create(path).map_err(|error| format!("cannot make the folder {}: {error}", path.display()))?)
}

/// Writes a new file that its owner alone reads.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    write_new(path, bytes, 0o600)
}

/// Writes a new file that others may read.
#[cfg(feature = "node")]
pub fn write_public(path: &Path, bytes: &[u8]) -> Result<()> {
    write_new(path, bytes, 0o644)
}

#[cfg_attr(not(unix), expect(unused_variables, reason = "modes are Unix's"))]
fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    Ok(options
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?)
}
