//! The walk that `cargo xtask fleet --walk` takes, with the programs as `cargo build` left them.
#![allow(clippy::unwrap_used, reason = "tests may")]

use std::{path::PathBuf, process::Command};

use serde_json::Value;

/// Toolchains are where `cargo xtask test` installed them.
#[test]
fn from_push_to_prod_and_back_under_load() {
    let toolchains = std::env::var_os("EXT_HOME").map(PathBuf::from).expect("EXT_HOME names the folder that `ext toolchain install` filled");
    let mut command = Command::new(env!("CARGO_BIN_EXE_extensions-fleet"));
    let output = command.args(["walk", "--json", "--ext-home"]).arg(toolchains).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let walked: Value = serde_json::from_slice(&output.stdout).unwrap();
    // The walk judges itself; what it judged must be there.
    assert_eq!(walked["load"]["failed"], 0, "{walked}");
    assert_eq!(walked["load"]["hosts"].as_array().unwrap().len(), 2, "{walked}");
    assert!(walked["load"]["calls"].as_u64().unwrap() > 1_000, "{walked}");
}
