//! The memory of a process that checks every bad input there is: a child of
//! this binary, so that what was measured before does not count.

use anyhow::{Context as _, ensure};
use extensions_compiler_core::{Expected, check, testing};

use crate::harness::{Bound, Section, child, peak_kib};

/// The first argument that makes this binary the child.
pub(crate) const ARGUMENT: &str = "__corpus";

/// The child: checks everything, and says how much there was and how much it took.
#[allow(clippy::print_stdout, reason = "the child's one answer")]
pub(crate) fn run() -> anyhow::Result<()> {
    let mut inputs = 0_u32;
    for bad in testing::corpus() {
        // What comes of it is judged by the tests of the core; here it only has to end.
        let _ = check(&bad.bytes, Expected::default());
        inputs += 1;
    }
    println!("{inputs} {}", peak_kib()?);
    Ok(())
}

pub(super) fn measure(section: &mut Section) -> anyhow::Result<()> {
    let ended = child(ARGUMENT).output()?;
    ensure!(ended.status.success(), "the corpus ended with {}: {}", ended.status, String::from_utf8_lossy(&ended.stderr));
    let text = String::from_utf8(ended.stdout)?;
    let (inputs, kib) = text.trim().split_once(' ').context("the child says how many and how much")?;
    let kib: f64 = kib.parse()?;
    section.goal(format!("memory over the corpus of {inputs} bad inputs"), kib / 1024.0, "MiB", Bound::AtMost(200.0));
    Ok(())
}
