//! The compile child: one component in, machine code out, nothing else at hand.
//!
//! Every binary that compiles calls [`run_if_asked`] first thing in `main`;
//! started with [`ARGUMENT`] it becomes the child and never returns.

use std::{
    io::{self, Read, Write},
    process::ExitCode,
};

use extensions_engine_config::{Profile, compile_engine};

use crate::{sandbox, shape};

/// The first argument that makes a binary the compile child; the second names
/// the profile.
pub const ARGUMENT: &str = "__compile-component";
/// More is refused before it is compiled: the bound of a stored component.
pub const COMPONENT_BYTES_MAX: usize = 4 << 20;

/// The component was read but is not acceptable.
pub(crate) const EXIT_REFUSED: u8 = 65;
/// The child could not set itself up.
pub(crate) const EXIT_SETUP: u8 = 70;

/// Becomes the compile child when the command line asks for it; else returns.
#[must_use]
pub fn run_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != ARGUMENT {
        return None;
    }
    let profile = arguments.next().and_then(|name| Profile::named(name.to_str()?));
    Some(match profile {
        Some(profile) => run(profile),
        None => fail(EXIT_SETUP, "no such profile"),
    })
}

fn run(profile: Profile) -> ExitCode {
    let engine = match compile_engine(profile) {
        Ok(engine) => engine,
        Err(error) => return fail(EXIT_SETUP, error),
    };
    // Everything that needs files or threads is done; hostile bytes come next.
    if let Err(error) = sandbox::enter() {
        return fail(EXIT_SETUP, error);
    }
    let mut component = Vec::new();
    let mut input = io::stdin().lock().take(COMPONENT_BYTES_MAX as u64 + 1);
    if let Err(error) = input.read_to_end(&mut component) {
        return fail(EXIT_SETUP, error);
    }
    if component.len() > COMPONENT_BYTES_MAX {
        return fail(EXIT_REFUSED, format_args!("larger than {COMPONENT_BYTES_MAX} bytes"));
    }
    if let Err(refused) = shape::check(&component) {
        return fail(EXIT_REFUSED, refused);
    }
    match engine.precompile_component(&component) {
        Ok(code) => match io::stdout().lock().write_all(&code) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(EXIT_SETUP, error),
        },
        Err(error) => fail(EXIT_REFUSED, format_args!("{error:#}")),
    }
}

fn fail(code: u8, reason: impl std::fmt::Display) -> ExitCode {
    // Standard error is the child's only way to say why; the parent reads a bounded part.
    let _ = writeln!(io::stderr(), "{reason}");
    ExitCode::from(code)
}

/// What the child says of itself: the arguments that start it.
pub(crate) fn arguments(profile: Profile) -> [&'static str; 2] {
    [ARGUMENT, profile.name()]
}
