//! The log of a whole process, whose standard error is read late or never.
#![allow(clippy::unwrap_used, reason = "a test says where it fails by panicking")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
    time::Duration,
};

use extensions_service::{LogFormat, start_logging};

/// Set in the child: this binary again.
const AS_CHILD: &str = "EXTENSIONS_TEST_LOG_CHILD";
const TOLD: &str = "lines of this log were lost: nobody took them in time";
/// More than pipe and buffer hold together.
const PLAIN_LINES: usize = 20_000;

/// The program: logs more than anybody takes, says on standard output when it
/// is through, and ends when its standard input does.
#[test]
fn child() {
    if std::env::var_os(AS_CHILD).is_none() {
        return;
    }
    let log = start_logging(LogFormat::Json, None).unwrap();
    let padding = "x".repeat(500);
    for at in 0..PLAIN_LINES {
        tracing::info!(at, padding, "plain");
    }
    tracing::info!(target: "audit", who = "an operator", "switched off");
    tracing::error!("an error");
    let panicked = std::thread::spawn(|| -> () { panic!("a panic does not wait either") }).join();
    assert!(panicked.is_err());
    let mut out = std::io::stdout();
    writeln!(out, "through").unwrap();
    out.flush().unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    tracing::info!("the last line");
    drop(log);
}

fn start() -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture", "--test-threads=1"]).env(AS_CHILD, "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Fails by hanging where a line waits for its reader.
fn wait_until_through(child: &mut Child) {
    let out = BufReader::new(child.stdout.as_mut().unwrap());
    assert!(out.lines().any(|line| line.unwrap().ends_with("through")));
}

#[test]
fn a_program_goes_on_though_nobody_reads_its_log_and_tells_later_what_is_lost() {
    let mut child = start();
    wait_until_through(&mut child);
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains(TOLD) {
        assert!(log.read_line(&mut text).unwrap() > 0, "it tells when lines go out again");
    }
    drop(child.stdin.take());
    log.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("lines are whole")).collect();
    let of = |message: &str| lines.iter().filter(|line| line["message"] == message).collect::<Vec<_>>();
    let kept = of("plain").len();
    assert!(kept > 1_000 && kept < PLAIN_LINES, "{kept}");
    for important in ["switched off", "an error", "a panic does not wait either", "the last line"] {
        assert_eq!(of(important).len(), 1, "{important}");
    }
    let told: u64 = of(TOLD).iter().map(|line| line["plain"].as_u64().unwrap()).sum();
    assert_eq!(told as usize, PLAIN_LINES - kept);
}

#[test]
fn a_program_ends_though_nobody_ever_reads_its_log() {
    let mut child = start();
    wait_until_through(&mut child);
    drop(child.stdin.take());
    // Its end waits for two seconds at most; only a program that hangs takes longer than this.
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() {
        assert!(std::time::Instant::now() < end, "it hangs");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    assert!(child.wait().unwrap().success());
}
