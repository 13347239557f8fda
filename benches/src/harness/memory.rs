//! Memory and descriptors of a process, as the kernel counts them.

use anyhow::Context as _;

/// What a process holds in memory now, in KiB.
pub(crate) fn resident_kib(process: u32) -> anyhow::Result<u64> {
    line(&format!("/proc/{process}/status"), "VmRSS:")
}

/// The most memory that this process ever held, in KiB.
pub(crate) fn peak_kib() -> anyhow::Result<u64> {
    line("/proc/self/status", "VmHWM:")
}

/// Memory of this process that no file backs, in KiB.
pub(crate) fn anonymous_kib() -> anyhow::Result<u64> {
    line("/proc/self/status", "RssAnon:")
}

/// Mappings of this process.
pub(crate) fn mappings() -> anyhow::Result<usize> {
    Ok(std::fs::read_to_string("/proc/self/maps")?.lines().count())
}

/// Open descriptors of a process.
pub(crate) fn descriptors(process: u32) -> anyhow::Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{process}/fd"))?.count())
}

fn line(path: &str, name: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(path)?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name} in {path}"))?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
