//! How a process that runs for months asks for memory.

/// Starts this program over, under the same process id, with one memory pool for all its threads. glibc gives threads
/// pools of their own, sixteen on two cores, and what one of them frees the others cannot use: a third of a node's
/// memory. The setting is read at the start of a process alone.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn share() {
    use std::os::unix::process::CommandExt as _;
    const POOLS: &str = "MALLOC_ARENA_MAX";
    let mut arguments = std::env::args_os();
    if let (None, Some(name), Ok(program)) =
        (std::env::var_os(POOLS), arguments.next(), std::env::current_exe())
    {
        // It returns only when it fails, and then the node runs all the same, in more memory.
        let _ = std::process::Command::new(program).arg0(name).args(arguments).env(POOLS, "1").exec();
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn share() {}
