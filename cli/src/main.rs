//! `ext`: everything an author or a platform operator types.
//!
//! Parse, run one command, say what went wrong, exit with its code.
//! Standard output carries data, standard error talk.

mod args;
mod commands;
mod dev_state;
mod failure;
mod say;
mod tools;

use std::process::ExitCode;

use clap::Parser;

use crate::{args::Arguments, say::Say};

fn main() -> ExitCode {
    // This binary is its own compile child, and the sandbox's helper.
    if let Some(code) = extensions_aot::child::run_if_asked().or_else(extensions_sandbox::child_main) {
        return code;
    }
    let arguments = Arguments::parse();
    let say = Say::new(&arguments.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return say.failure(&failure::Failure::Local(format!("cannot start: {error}"))),
    };
    match runtime.block_on(commands::run(arguments, &say)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => say.failure(&failure),
    }
}
