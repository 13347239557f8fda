//! Which cores this process may use.

use std::{fs, io};

use anyhow::Context as _;
use rustix::{
    io::Errno,
    thread::{CpuSet, Pid, sched_setaffinity},
};

/// Holds every thread that this process has now on its first `cores` cores;
/// threads inherit it from those that start them.
pub(crate) fn hold_on_cores(cores: usize) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    (0..cores).for_each(|core| set.set(core));
    for thread in fs::read_dir("/proc/self/task")? {
        let name = thread?.file_name();
        let id = name.to_str().and_then(|name| Pid::from_raw(name.parse().ok()?)).context("a thread's folder is its number")?;
        match sched_setaffinity(Some(id), &set) {
            // It has ended meanwhile.
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => return Err(io::Error::from(error)).context("threads cannot be held on cores"),
        }
    }
    Ok(())
}
