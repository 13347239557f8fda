//! A child that `xtask owned` became ends with its parent.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Command, Stdio},
};

const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

#[test]
fn a_killed_parent_takes_its_child_along() {
    // The shell is the parent; its child says when it runs, then stays.
    let script = r#""$0" owned $$ -- sh -c 'echo runs; exec sleep 600' & wait"#;
    let mut shell = Command::new("sh").args(["-c", script, XTASK]).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(shell.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "runs\n");
    shell.kill().unwrap();
    shell.wait().unwrap();
    // The pipe ends when nobody holds it any more: neither shell nor child.
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}

#[test]
fn another_parent_is_refused() {
    let answer = Command::new(XTASK).args(["owned", "1", "--", "true"]).output().unwrap();
    assert!(!answer.status.success());
    assert!(String::from_utf8_lossy(&answer.stderr).contains("the parent is gone"));
}

#[test]
fn a_missing_program_is_named() {
    let parent = std::process::id().to_string();
    let answer = Command::new(XTASK).args(["owned", &parent, "--", "no-such-program"]).output().unwrap();
    assert!(String::from_utf8_lossy(&answer.stderr).contains("`no-such-program` cannot be started"));
}
