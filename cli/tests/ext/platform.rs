//! A running `ext dev`.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::sandbox::Sandbox;

/// A running `ext dev`; killed when dropped.
pub(crate) struct Platform {
    process: Child,
    events: std::io::Lines<BufReader<ChildStdout>>,
}

impl Platform {
    pub(crate) fn start(sandbox: &Sandbox, folders: &[&str], more: &[&str]) -> Self {
        let arguments = [&["--json", "dev", "--listen", "127.0.0.1:0"], more, folders].concat();
        // The log goes to a file: a full pipe would stop the platform.
        let log = std::fs::File::create(sandbox.path().join("dev.log")).unwrap();
        let mut process = sandbox.command(&arguments).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let events = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, events }
    }

    /// The next event of this name; everything before it is passed over.
    pub(crate) fn wait_for(&mut self, event: &str) -> Value {
        for line in self.events.by_ref() {
            let value: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if value["event"] == event {
                return value;
            }
        }
        panic!("ext dev ended before it said {event}");
    }

    pub(crate) fn stop(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        self.wait_for("stopped");
        self.process.wait().unwrap().code()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
