//! The compile child of hosts that run inside of tests: a test binary's own
//! `main` belongs to the test harness, so it cannot become one.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Started by hand it has nothing to do.
    extensions_aot::child::run_if_asked().unwrap_or(ExitCode::FAILURE)
}
