//! The kernel's own limits of each process: a net below the supervisor's sums.

use rustix::process::{Resource, Rlimit, setrlimit};

use super::step::{SetupError, Step};
use crate::Limits;

/// Compilers open some hundreds of files; each open pipe holds 8 KiB of the kernel's memory at least.
const OPEN_FILES_MAX: u64 = 1024;
/// Waiting signals are the kernel's memory.
const SIGNALS_WAITING_MAX: u64 = 1024;

/// Less than any dump, so that no file is made; and the one number at which the kernel starts no
/// program of the host's for a dump either (`core_pattern` with a pipe runs one at 0).
const CORE_BYTES: u64 = 1;

/// Address space is not limited: compilers reserve far more than they touch. What a process
/// may write to is, at twice the job's memory, since reserving is not yet using.
fn of(limits: &Limits) -> [(Resource, &'static str, u64); 9] {
    let tasks = u64::from(limits.processes) * u64::from(Limits::THREADS_PER_PROCESS);
    [
        (Resource::Core, "core dumps", CORE_BYTES),
        (Resource::Nofile, "open files", OPEN_FILES_MAX),
        (Resource::Nproc, "tasks", tasks),
        (Resource::Fsize, "file size", limits.file_bytes),
        (Resource::Data, "private memory", limits.memory_bytes.saturating_mul(2)),
        (Resource::Cpu, "CPU time", limits.cpu.as_secs() + 1),
        (Resource::Memlock, "locked memory", 0),
        (Resource::Msgqueue, "message queues", 0),
        (Resource::Sigpending, "waiting signals", SIGNALS_WAITING_MAX),
    ]
}

pub(super) fn apply(limits: &Limits) -> Result<(), SetupError> {
    for (resource, name, most) in of(limits) {
        // One that is lower already cannot be raised, and need not be.
        let most = rustix::process::getrlimit(resource).maximum.map_or(most, |now| now.min(most));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).step(format!("limit {name}"))?;
    }
    Ok(())
}
