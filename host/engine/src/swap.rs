//! Whether this process could be swapped out: `scan` resets leak then.

use std::{fs, path::PathBuf};

/// True unless it is certain that no page of this process can be swapped.
#[must_use]
pub fn possible() -> bool {
    let Ok(swaps) = fs::read_to_string("/proc/swaps") else { return true };
    // The first line is a heading; each other one is a swap area.
    let has_areas = swaps.lines().skip(1).any(|line| !line.trim().is_empty());
    has_areas && !forbidden_by_cgroup()
}

/// A cgroup v2 with `memory.swap.max` 0 keeps its processes out of swap.
fn forbidden_by_cgroup() -> bool {
    let Ok(membership) = fs::read_to_string("/proc/self/cgroup") else { return false };
    let group = membership.lines().find_map(|line| line.strip_prefix("0::/"));
    let limit = |group| fs::read_to_string(PathBuf::from("/sys/fs/cgroup").join(group).join("memory.swap.max"));
    group.is_some_and(|group| limit(group).is_ok_and(|limit| limit.trim() == "0"))
}
