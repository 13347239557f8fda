//! `ext load` against a running `ext dev` that serves the rule of `ext new`.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::sandbox::Sandbox;

const INPUT: &str = r#"{"quantity": 101}"#;

/// A second of a hundred calls. Whether this machine offers the rate in time is its own doing.
fn load<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [LOAD, &["--rate", "100", "--duration", "1s"], more].concat()
}

const LOAD: &[&str] = &["--json", "--quiet", "load", "--extension", "rule", "--tolerate", "NOT_OFFERED"];

/// What callers need of a load: figures, failures by code, exit codes, an end when asked.
pub(crate) fn is_offered_counted_and_ended(sandbox: &Sandbox) {
    for transport in ["grpc", "http"] {
        let report = sandbox.ok(&load(&["--input", INPUT, "--transport", transport, "--connections", "4"])).json();
        assert_eq!((&report["due"], &report["calls"], &report["failed"]), (&100.into(), &report["begun"], &0.into()), "{report}");
        assert_eq!((&report["versions"][0]["version"], &report["versions"][0]["calls"]), (&1.into(), &report["begun"]), "{report}");
        assert!(report["latency"]["p50_micros"].as_u64().unwrap() > 0, "{report}");
    }
    // The rule takes no order without a quantity; every other line is one.
    sandbox.write("inputs", format!("{INPUT}\n{{}}\n"));
    let failed = sandbox.fails(&load(&["--inputs", "inputs"]), 1, "calls failed").json();
    let (begun, of_each) = (failed["begun"].as_u64().unwrap(), failed["failures"][0]["calls"].as_u64().unwrap());
    assert_eq!((&failed["failures"][0]["code"], of_each), (&"INVALID_INPUT".into(), begun / 2), "every second one: {failed}");
    sandbox.ok(&load(&["--inputs", "inputs", "--tolerate", "INVALID_INPUT"]));
    over_its_socket_at_other_rates(sandbox);
    // What would fail every call is said before any is counted.
    sandbox.fails(&load(&["--input", INPUT, "--token", "nonsense"]), 4, "UNAUTHENTICATED");
    sandbox.fails(&load(&["--input", INPUT, "--host", "http://127.0.0.1:1"]), 3, "127.0.0.1:1");
    sandbox.fails(&load(&["--input", "{"]), 2, "not JSON");
    ends_when_asked(sandbox);
}

/// A ramp, steps, a search, a folder of inputs and a log of latencies.
fn over_its_socket_at_other_rates(sandbox: &Sandbox) {
    let running: Value = serde_json::from_str(&sandbox.read("home/dev.json")).unwrap();
    let socket = format!("unix:{}", running["socket"].as_str().unwrap());
    let at = |more: &[&'static str]| sandbox.ok(&[LOAD, &["--host", &socket, "--inputs", "cases"], more].concat()).json();
    sandbox.write("cases/a.json", INPUT);
    sandbox.write("cases/b.json", r#"{"quantity": 7}"#);
    let ramp = at(&["--ramp", "20..100/1s", "--hdr", "ramp.hlog"]);
    assert_eq!((&ramp["due"], &ramp["failed"], ramp["stages"].as_array().unwrap().len()), (&60.into(), &0.into(), 10), "{ramp}");
    assert!(sandbox.read("ramp.hlog").contains("#[StartTime: "));
    let steps = at(&["--steps", "20,40", "--duration", "1s", "--transport", "http"]);
    assert_eq!((&steps["stages"][1]["due"], &steps["stages"][1]["calls"]), (&40.into(), &steps["stages"][1]["begun"]), "{steps}");
    let batches = at(&["--rate", "20", "--duration", "1s", "--batch", "3"]);
    let begun = batches["begun"].as_u64().unwrap();
    assert_eq!((&batches["calls"], &batches["versions"][0]["calls"]), (&begun.into(), &(3 * begun).into()), "{batches}");
    // Each answer takes longer than nothing, and none longer than a minute.
    let search = [LOAD, &["--input", INPUT, "--duration", "200ms", "--rate", "1000", "--until-p99"]].concat();
    sandbox.fails(&[&search[..], &["1us"]].concat(), 1, "no rate kept p99");
    sandbox.fails(&load(&["--input", INPUT, "--ramp", "1..2/1s"]), 2, "--ramp");
    sandbox.fails(&[LOAD, &["--input", INPUT, "--until-p99", "1ms", "--duration", "10ms"]].concat(), 2, "longer --duration");
}

/// An hour's load that says what it has, once it is interrupted.
fn ends_when_asked(sandbox: &Sandbox) {
    let mut command = sandbox.command(&["--json", "load", "--extension", "rule", "--input", INPUT, "--rate", "50", "--duration", "1h"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Without a terminal it says a line now and then: calls have been answered by then.
    let line = BufReader::new(child.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    assert!(line.contains("of 50 a second") && line.contains("0 failed"), "{line}");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{report}");
    // Whether the rate was offered is the machine's doing; that each call begun has its answer is not.
    assert_eq!((&report["interrupted"], &report["calls"], &report["failed"]), (&true.into(), &report["begun"], &0.into()), "{report}");
}
