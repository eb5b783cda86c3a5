//! The lock that a running demo holds: its branches, whoever started them, end when it is let go.
//!
//! The system lets it go however the demo ends, so nothing has to be killed and nothing stays behind.

use crate::cli::Result;
use std::{
    fs::{File, TryLockError},
    io::ErrorKind,
    path::Path,
};
use tokio::sync::oneshot;

/// Held from here until it is dropped.
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "the open file is the lock")] File);

/// Takes the lock of a demo's folder.
///
/// # Errors
/// When another demo runs in the folder.
pub fn take(path: &Path) -> Result<Hold> {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| format!("cannot open {}: {error}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Hold(file)),
        Err(TryLockError::WouldBlock) => {
            let folder = path.parent().unwrap_or(path).display();
            Err(format!("a demo runs in {folder} already: stop it first, or choose another folder").into())
        }
        Err(TryLockError::Error(error)) => Err(format!("cannot lock {}: {error}", path.display()).into()),
    }
}

/// The lock as a branch sees it.
///
/// # Errors
/// When no demo holds it: a demo's keys are no secret, so its branches run beside it alone.
pub fn held(path: &Path) -> Result<File> {
    let file = File::open(path).map_err(|error| format!("cannot open {}: {error}", path.display()))?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Ok(file),
        Err(TryLockError::Error(error)) => Err(format!("cannot lock {}: {error}", path.display()).into()),
        Ok(()) => {
            Err(format!("no demo holds {}: a demo's branch runs only beside it", path.display()).into())
        }
    }
}

/// Returns when the demo has let go.
pub async fn released(file: File) {
    let (tell, told) = oneshot::channel();
    // a thread of its own: waiting for the lock cannot be broken off, and must not hold up the runtime's end
    std::thread::spawn(move || {
        while file.lock_shared().is_err_and(|error| error.kind() == ErrorKind::Interrupted) {}
        let _ = tell.send(());
    });
    let _ = told.await;
}
