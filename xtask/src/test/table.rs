//! The end of a run, as a table.

use std::fmt::Write as _;

use super::run::{End, Ran};
use crate::say;

/// One line per step and the sum.
pub(super) fn render(ran: &[Ran]) -> String {
    let mut table = String::from("\n");
    for step in ran {
        let (style, word, why) = match step.end {
            End::Passed => (say::GOOD, "passed", String::new()),
            End::Failed => (say::BAD, "failed", String::new()),
            End::NotRun { needs } => (say::DIM, "not run", format!("  needs {needs}")),
        };
        // Padded before it is styled: a style has no width.
        let word = say::styled(style, format!("{word:<8}"));
        // Writing to a String cannot fail.
        let _ = writeln!(table, "{:<10} {word} {:>12}{why}", step.name(), say::duration(step.time));
    }
    let total = ran.iter().map(|step| step.time).sum();
    let _ = write!(table, "{:<19} {:>12}", "total", say::duration(total));
    table
}
