//! `ext load` against a running `ext dev` that serves the rule of `ext new`.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::sandbox::Sandbox;

const INPUT: &str = r#"{"quantity": 101}"#;

/// What callers need of a load: figures, failures by code, exit codes, an end when asked.
pub(crate) fn is_offered_counted_and_ended(sandbox: &Sandbox) {
    fn load<'a>(more: &[&'a str]) -> Vec<&'a str> {
        [&["--json", "--quiet", "load", "--extension", "rule", "--rate", "100", "--duration", "1s"], more].concat()
    }
    for transport in ["grpc", "http"] {
        let report = sandbox.ok(&load(&["--input", INPUT, "--transport", transport, "--connections", "4"])).json();
        assert_eq!((&report["due"], &report["calls"], &report["failed"]), (&100.into(), &100.into(), &0.into()), "{report}");
        assert_eq!((&report["versions"][0]["version"], &report["versions"][0]["calls"]), (&1.into(), &100.into()), "{report}");
        assert!(report["latency"]["p50_micros"].as_u64().unwrap() > 0, "{report}");
    }
    // The rule takes no order without a quantity; every other line is one.
    sandbox.write("inputs", format!("{INPUT}\n{{}}\n"));
    let failed = sandbox.fails(&load(&["--inputs", "inputs"]), 1, "50 of 100 calls failed").json();
    assert_eq!((&failed["failures"][0]["code"], &failed["failures"][0]["calls"]), (&"INVALID_INPUT".into(), &50.into()), "{failed}");
    sandbox.ok(&load(&["--inputs", "inputs", "--tolerate", "INVALID_INPUT"]));
    // What would fail every call is said before any is counted.
    sandbox.fails(&load(&["--input", INPUT, "--token", "nonsense"]), 4, "UNAUTHENTICATED");
    sandbox.fails(&load(&["--input", INPUT, "--host", "http://127.0.0.1:1"]), 3, "127.0.0.1:1");
    sandbox.fails(&load(&["--input", "{"]), 2, "not JSON");
    ends_when_asked(sandbox);
}

/// An hour's load that says what it has, once it is interrupted.
fn ends_when_asked(sandbox: &Sandbox) {
    let mut command = sandbox.command(&["--json", "load", "--extension", "rule", "--input", INPUT, "--rate", "50", "--duration", "1h"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Without a terminal it says a line now and then: calls have been answered by then.
    let line = BufReader::new(child.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    assert!(line.contains("a second") && line.contains("0 failed"), "{line}");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{report}");
    // Whether the rate was offered is the machine's doing; that each call begun has its answer is not.
    assert_eq!((&report["interrupted"], &report["calls"], &report["failed"]), (&true.into(), &report["begun"], &0.into()), "{report}");
}
