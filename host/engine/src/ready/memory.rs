//! How much memory this process may still take, by the machine and its cgroup.

use std::{fs, path::PathBuf};

/// Less than this part of the memory free: what is ready only for speed goes.
const TIGHT_PART: u64 = 8;
/// After that it is made again when twice as much is free, so that it does not
/// come and go.
const AMPLE_PART: u64 = TIGHT_PART / 2;

/// Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryRoom {
    /// All of it.
    pub total: u64,
    /// What can still be taken.
    pub available: u64,
}

impl MemoryRoom {
    /// The machine's, or the cgroup's (v2) where that is narrower. None where
    /// the kernel does not say.
    #[must_use]
    pub fn read() -> Option<Self> {
        let machine = of_machine(&fs::read_to_string("/proc/meminfo").ok()?)?;
        Some(of_cgroup().filter(|group| group.available < machine.available).unwrap_or(machine))
    }

    /// Whether there is too little, after it was or was not so before.
    pub(crate) const fn is_tight(self, before: bool) -> bool {
        self.available < self.total / if before { AMPLE_PART } else { TIGHT_PART }
    }
}

fn of_machine(meminfo: &str) -> Option<MemoryRoom> {
    let bytes = |key: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key))?;
        let kib: u64 = line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().ok()?;
        Some(kib << 10)
    };
    Some(MemoryRoom { total: bytes("MemTotal")?, available: bytes("MemAvailable")? })
}

fn of_cgroup() -> Option<MemoryRoom> {
    let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = membership.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let read = |file: &str| fs::read_to_string(PathBuf::from("/sys/fs/cgroup").join(group).join(file)).ok();
    limited(&read("memory.max")?, &read("memory.current")?, &read("memory.stat")?)
}

/// File pages that are not in use are given back before anything is refused.
fn limited(max: &str, current: &str, stat: &str) -> Option<MemoryRoom> {
    let total: u64 = max.trim().parse().ok()?;
    let used: u64 = current.trim().parse().ok()?;
    let file: u64 = stat.lines().find_map(|line| line.strip_prefix("inactive_file "))?.trim().parse().ok()?;
    Some(MemoryRoom { total, available: total.saturating_sub(used.saturating_sub(file)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_it() {
        let room = MemoryRoom::read().unwrap();
        assert!(room.available > 0 && room.available <= room.total, "{room:?}");
    }

    #[test]
    fn both_forms_are_read() {
        let machine = of_machine("MemTotal:       100 kB\nMemFree:  1 kB\nMemAvailable:    40 kB\n");
        assert_eq!(machine, Some(MemoryRoom { total: 100 << 10, available: 40 << 10 }));
        assert_eq!(limited("1000\n", "700\n", "anon 1\ninactive_file 100\n"), Some(MemoryRoom { total: 1_000, available: 400 }));
        assert_eq!(limited("max\n", "700\n", "inactive_file 100\n"), None, "a group without a limit");
    }

    #[test]
    fn memory_that_was_tight_is_so_until_there_is_plenty() {
        let tight = |available, before| MemoryRoom { total: 800, available }.is_tight(before);
        assert_eq!([tight(101, false), tight(99, false), tight(150, true), tight(200, true)], [false, true, true, false]);
    }
}
