//! Takes everything away from the compile child before it reads hostile bytes.

use std::collections::BTreeMap;

use rustix::process::{Resource, Rlimit, Signal, getpid, set_parent_process_death_signal, setrlimit};
use seccompiler::{BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch};

/// Address space: code generation of the largest component takes a tenth.
const ADDRESS_SPACE_BYTES: u64 = 4 << 30;
/// CPU seconds; the parent's wall limit is the same.
pub(crate) const CPU_SECONDS: u64 = 60;

/// A part of the sandbox that this kernel refuses.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SandboxError {
    #[error("cannot limit {0}: {1}")]
    Limit(&'static str, rustix::io::Errno),
    #[error("cannot follow the parent's end: {0}")]
    ParentDeath(rustix::io::Errno),
    #[error("cannot build the system call filter: {0}")]
    Filter(#[from] seccompiler::BackendError),
    #[error("cannot install the system call filter: {0}")]
    Install(#[from] seccompiler::Error),
}

/// Reading and writing open descriptors, memory, and ending; no way to open a
/// file, a socket or a process. Others answer EPERM, so that a library that
/// merely asks goes on without.
const ALLOWED: &[i64] = &[
    syscall::READ,
    syscall::WRITE,
    syscall::CLOSE,
    syscall::MMAP,
    syscall::MPROTECT,
    syscall::MUNMAP,
    syscall::BRK,
    syscall::RT_SIGACTION,
    syscall::RT_SIGPROCMASK,
    syscall::RT_SIGRETURN,
    syscall::MREMAP,
    syscall::MADVISE,
    syscall::SCHED_YIELD,
    syscall::EXIT,
    syscall::EXIT_GROUP,
    syscall::FUTEX,
    syscall::CLOCK_GETTIME,
    syscall::GETRANDOM,
    syscall::SIGALTSTACK,
    syscall::GETPID,
    syscall::GETTID,
];

/// Numbers of x86-64's system calls, from the kernel's table
/// (arch/x86/entry/syscalls/syscall_64.tbl).
mod syscall {
    pub(super) const READ: i64 = 0;
    pub(super) const WRITE: i64 = 1;
    pub(super) const CLOSE: i64 = 3;
    pub(super) const MMAP: i64 = 9;
    pub(super) const MPROTECT: i64 = 10;
    pub(super) const MUNMAP: i64 = 11;
    pub(super) const BRK: i64 = 12;
    pub(super) const RT_SIGACTION: i64 = 13;
    pub(super) const RT_SIGPROCMASK: i64 = 14;
    pub(super) const RT_SIGRETURN: i64 = 15;
    pub(super) const MREMAP: i64 = 25;
    pub(super) const MADVISE: i64 = 28;
    pub(super) const SCHED_YIELD: i64 = 24;
    pub(super) const GETPID: i64 = 39;
    pub(super) const EXIT: i64 = 60;
    pub(super) const SIGALTSTACK: i64 = 131;
    pub(super) const GETTID: i64 = 186;
    pub(super) const FUTEX: i64 = 202;
    pub(super) const CLOCK_GETTIME: i64 = 228;
    pub(super) const EXIT_GROUP: i64 = 231;
    pub(super) const TGKILL: i64 = 234;
    pub(super) const GETRANDOM: i64 = 318;
}

pub(crate) fn enter() -> Result<(), SandboxError> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(SandboxError::ParentDeath)?;
    let limits = [
        ("address space", Resource::As, ADDRESS_SPACE_BYTES),
        ("CPU time", Resource::Cpu, CPU_SECONDS),
        ("file size", Resource::Fsize, 0),
        ("processes", Resource::Nproc, 0),
        ("core size", Resource::Core, 0),
    ];
    for (what, resource, most) in limits {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).map_err(|error| SandboxError::Limit(what, error))?;
    }
    let mut rules: BTreeMap<i64, _> = ALLOWED.iter().map(|&call| (call, Vec::new())).collect();
    // Aborting signals the own process; no other one can be reached.
    let own = u64::try_from(getpid().as_raw_pid()).unwrap_or_default();
    let to_itself = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, own)?;
    rules.insert(syscall::TGKILL, vec![SeccompRule::new(vec![to_itself])?]);
    let denied = SeccompAction::Errno(rustix::io::Errno::PERM.raw_os_error().unsigned_abs());
    let filter: BpfProgram = SeccompFilter::new(rules, denied, SeccompAction::Allow, TargetArch::x86_64)?.try_into()?;
    // Sets no_new_privs first, so that no later exec could undo it.
    seccompiler::apply_filter(&filter)?;
    Ok(())
}
