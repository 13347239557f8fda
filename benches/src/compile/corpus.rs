//! The memory of a process that checks every bad input there is: a child of
//! this binary, so that what was measured before does not count.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, ensure};
use extensions_compiler_core::{Expected, check, testing};
use extensions_host::THIS_BINARY;

use crate::report::{Bound, Report};

/// The first argument that makes this binary the child.
const ARGUMENT: &str = "__corpus";

/// Becomes the child when the command line asks for it.
#[allow(clippy::print_stdout, reason = "the child's one answer")]
pub(crate) fn run_if_asked() -> Option<ExitCode> {
    if std::env::args_os().nth(1)? != ARGUMENT {
        return None;
    }
    let mut inputs = 0_u32;
    for bad in testing::corpus() {
        // What comes of it is judged by the tests of the core; here it only has to end.
        let _ = check(&bad.bytes, Expected::default());
        inputs += 1;
    }
    println!("{inputs} {}", peak_kib().unwrap_or_default());
    Some(ExitCode::SUCCESS)
}

/// The most memory that this process ever had, in KiB.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}

pub(super) fn measure(report: &mut Report) -> anyhow::Result<()> {
    let ended = Command::new(THIS_BINARY).arg(ARGUMENT).output()?;
    ensure!(ended.status.success(), "the corpus ended with {}: {}", ended.status, String::from_utf8_lossy(&ended.stderr));
    let text = String::from_utf8(ended.stdout)?;
    let (inputs, kib) = text.trim().split_once(' ').context("the child says how many and how much")?;
    let kib: f64 = kib.parse()?;
    report.goal(format!("memory over the corpus of {inputs} bad inputs"), kib / 1024.0, "MiB", Bound::AtMost(200.0));
    Ok(())
}
