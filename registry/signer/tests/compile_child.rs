//! A compile child for the signer's tests, whose own binary is the harness.

use std::process::ExitCode;

fn main() -> ExitCode {
    extensions_registry_signer::run_compile_child_if_asked().unwrap_or(ExitCode::FAILURE)
}
