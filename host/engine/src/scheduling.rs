//! What the engine's threads ask of the kernel's scheduler.

use std::{io, time::Duration};

/// Gives the calling thread the kernel's idle class: it runs when nobody else wants to.
pub(crate) fn be_idle() {
    let parameters = libc::sched_param { sched_priority: 0 };
    #[allow(unsafe_code, reason = "rustix has no call for scheduling classes")]
    // SAFETY: the pointer is to a live, initialised sched_param; 0 names the calling thread.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameters) };
    if result != 0 {
        tracing::warn!(error = %io::Error::last_os_error(), "cannot take the idle scheduling class; slow calls compete with I/O");
    }
}

/// Asks for short turns of the calling thread: it needs a core for a moment at
/// a time, and the kernel then gives it one at once instead of after another
/// thread's turn of some milliseconds. A kernel before 6.12 ignores it.
pub(crate) fn be_prompt() {
    /// The least that the kernel takes.
    const TURN: Duration = Duration::from_micros(100);
    // What it is now: raising it would need a privilege.
    let sched_nice = rustix::process::getpriority_process(None).unwrap_or(0);
    let attributes = libc::sched_attr {
        size: u32::try_from(size_of::<libc::sched_attr>()).unwrap_or(0),
        sched_policy: libc::SCHED_OTHER.unsigned_abs(),
        sched_flags: 0,
        sched_nice,
        sched_priority: 0,
        sched_runtime: u64::try_from(TURN.as_nanos()).unwrap_or(0),
        sched_deadline: 0,
        sched_period: 0,
    };
    #[allow(unsafe_code, reason = "rustix has no call for scheduling attributes")]
    // SAFETY: the pointer is to a live, initialised sched_attr of the size that it names; 0 names the calling thread.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if result != 0 {
        // Ticks come late on crowded cores; limits hold a few milliseconds later.
        tracing::info!(error = %io::Error::last_os_error(), "cannot ask for short turns of the ticker");
    }
}
