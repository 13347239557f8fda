//! The hostile suite: named attacks by guests and callers against a real host,
//! while a neighbour is called all the time and must notice nothing.
//!
//!     cargo test --release -p extensions-e2e --test hostile -- [--profile NAME] [--rows] [--list] [ATTACK…]
//!
//! One attack for each mechanism; its variants are rows. Everything runs in
//! every profile of the engine. The table that it prints is the result: an
//! attack passes when each row got literally what it expects and the
//! neighbours' answers were right and in time meanwhile.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod arguments;
mod attack;
mod call;
mod callers;
mod guests;
mod leaks;
mod neighbour;
mod process;
mod report;
mod stage;
mod suite;

use std::process::ExitCode;

use crate::arguments::Arguments;

/// The compile child of every host here.
const CHILD: &str = env!("CARGO_BIN_EXE_aot-child");
/// Set by `cargo xtask test` in the step that runs all other tests: this suite has a step of its own.
const LATER: &str = "EXTENSIONS_HOSTILE_LATER";

fn main() -> ExitCode {
    if std::env::var_os(LATER).is_some() {
        report::line("the hostile suite has a step of its own");
        return ExitCode::SUCCESS;
    }
    match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => suite::run(&arguments),
        Err(wrong) => {
            report::line(&wrong);
            ExitCode::from(2)
        }
    }
}
