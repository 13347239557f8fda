//! What the process that holds the hosts, the attackers and the neighbours
//! takes, and whether the machine let it run at all.

use std::{
    sync::{Mutex, Once, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How often the clock is looked at.
const BEAT: Duration = Duration::from_millis(10);
/// A thread that only sleeps and wakes this late was kept from a core by the
/// machine: a host's own threads take two cores at most, and the kernel shares them.
const STALL_MIN: Duration = Duration::from_millis(250);

static STALLS: Mutex<Vec<(Instant, Duration)>> = Mutex::new(Vec::new());
static STARTED: Once = Once::new();

/// Resident memory now, in MiB.
pub(crate) fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    resident.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

/// Begins to watch the machine, from a thread that does nothing else. Called again it does nothing.
pub(crate) fn watch() {
    STARTED.call_once(|| {
        let watcher = thread::Builder::new().name("watch".to_owned()).spawn(|| {
            let mut last = Instant::now();
            loop {
                thread::sleep(BEAT);
                let now = Instant::now();
                let late = now.saturating_duration_since(last).saturating_sub(BEAT);
                if late >= STALL_MIN {
                    STALLS.lock().unwrap_or_else(PoisonError::into_inner).push((now, late));
                }
                last = now;
            }
        });
        watcher.unwrap();
    });
}

/// How long the machine stood still since then, in all.
pub(crate) fn stalled(since: Instant) -> Duration {
    let stalls = STALLS.lock().unwrap_or_else(PoisonError::into_inner);
    stalls.iter().filter(|(end, _)| *end >= since).map(|(end, late)| (*late).min(end.saturating_duration_since(since))).sum()
}
