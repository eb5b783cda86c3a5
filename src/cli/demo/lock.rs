//! The lock that a running demo holds: its branches, whoever started them, end when it is let go.
//!
//! The system lets it go however the demo ends, so nothing has to be killed and nothing stays behind.

use crate::cli::Result;
use std::{
    fs::{File, TryLockError},
    io::ErrorKind,
    path::Path,
    thread,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// How long the branches of a demo that was killed may take to end.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Held from here until it is dropped.
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "the open file is the lock")] File);

/// Takes the lock of a demo's folder, once the branches of the one before have ended.
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
    let failed = |error| format!("cannot lock {}: {error}", path.display());
    let deadline = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Hold(file)),
            Err(TryLockError::Error(error)) => return Err(failed(error).into()),
            Err(TryLockError::WouldBlock) => {}
        }
        // it can be shared with branches that are ending, and not with a demo
        match file.try_lock_shared() {
            Ok(()) if Instant::now() < deadline => file.unlock().map_err(failed)?,
            Err(TryLockError::Error(error)) => return Err(failed(error).into()),
            _ => {
                let folder = path.parent().unwrap_or(path).display();
                return Err(format!(
                    "a demo runs in {folder} already: stop it first, or choose another folder"
                )
                .into());
            }
        }
        thread::sleep(LOOK_AGAIN);
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

/// Returns when the demo has let go. Whoever keeps the file holds up the next demo in the folder.
pub async fn released(file: File) -> Option<File> {
    let (tell, told) = oneshot::channel();
    // a thread of its own: waiting for the lock cannot be broken off, and must not hold up the runtime's end
    thread::spawn(move || {
        while file.lock_shared().is_err_and(|error| error.kind() == ErrorKind::Interrupted) {}
        let _ = tell.send(file);
    });
    told.await.ok()
}
