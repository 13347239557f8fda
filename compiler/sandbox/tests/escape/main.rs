//! Attempts to escape from the sandbox, each with a harmless twin that must succeed.
//!
//! This binary is the test, the sandbox's helper and the hostile program, by its first
//! argument; so it has a `main` of its own. As root everything is done twice: as root,
//! and as an ordinary user.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is this test's result, and the hostile program talks")]

mod acts;
mod cases;
mod ending;
mod outside;
mod parent;
mod run;

use std::{
    os::unix::{fs::PermissionsExt, process::CommandExt as _},
    process::{Command, ExitCode},
};

use extensions_sandbox::{Sandbox, THIS_BINARY, child_main};

/// Lists every attempt.
const DOCS: &str = include_str!("../../../../docs/sandbox.md");
/// Somebody who owns nothing.
const ORDINARY_USER: u32 = 65534;

fn main() -> ExitCode {
    if let Some(code) = child_main() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(acts::ARGUMENT) => acts::main(&arguments[1..]),
        Some(parent::ARGUMENT) => parent::main(),
        // What cargo's own harness would be asked.
        Some("--list") => ExitCode::SUCCESS,
        _ => test(),
    }
}

fn test() -> ExitCode {
    let capabilities = Sandbox::probe(THIS_BINARY).unwrap();
    println!("\nas uid {}: {capabilities}", rustix::process::geteuid().as_raw());
    let sandbox = Sandbox::new(THIS_BINARY, capabilities).unwrap();
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let mut failures = Vec::new();
    for (case, (outcome, twin)) in cases::CASES.iter().zip(run::all(&sandbox)) {
        let said = |result: &Result<String, String>| match result {
            Ok(text) => text.clone(),
            Err(text) => format!("FAILED: {text}"),
        };
        println!("{:<56} {:<50} twin {}", case.name, said(&outcome), said(&twin));
        if !DOCS.contains(&format!("\n| {} |", case.name)) {
            failures.push(format!("docs/sandbox.md does not list {:?}", case.name));
        }
        failures.extend([&outcome, &twin].into_iter().filter_map(|result| Some(format!("{}: {}", case.name, result.as_ref().err()?))));
    }
    failures.extend(parent::check().err());
    failures.extend(ending::check(&sandbox).err());
    run::overhead(&sandbox);
    if std::fs::read_to_string("/proc/self/mounts").unwrap() != mounts {
        failures.push("mounts are left".to_owned());
    }
    if rustix::process::geteuid().is_root() && !again_as_an_ordinary_user() {
        failures.push("as an ordinary user".to_owned());
    }
    for failure in &failures {
        eprintln!("escape: {failure}");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn again_as_an_ordinary_user() -> bool {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = dir.path().join("escape");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    Command::new(program).uid(ORDINARY_USER).gid(ORDINARY_USER).current_dir("/").status().unwrap().success()
}
