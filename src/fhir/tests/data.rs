//! Where the public bundles lie, read where they are.

use crate::Shared;
use flate2::read::GzDecoder;
use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

/// The folder of the public data; `None` when this machine has none. CI must have it.
pub(super) fn folder() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = root.ancestors().map(|folder| folder.join("shared/data")).find(|folder| folder.is_dir());
    assert!(found.is_some() || std::env::var_os("CI").is_none(), "CI must have ../shared/data");
    if found.is_none() {
        eprintln!("SKIPPED: ../shared/data is not there, nothing was tested");
    }
    found
}

/// The gzip files of a folder by name, unpacked.
pub(super) fn unpacked(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "gz"));
    paths.sort();
    paths
        .iter()
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), gunzip(path)))
        .collect()
}

pub(super) fn gunzip(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

/// The shared resources of the public data.
pub(super) fn shared(data: &Path) -> Shared {
    let mut shared = Shared::new();
    for (name, json) in unpacked(&data.join("shared-resources")) {
        assert!(!crate::holds_patients(&json), "{name}");
        assert_eq!(shared.add(&json), Ok(2382), "{name}");
        assert_eq!(shared.add(&json), Ok(0), "{name} twice");
    }
    shared
}
