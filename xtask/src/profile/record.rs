//! A recording: the host's samples while `ext load` calls it, and what both say
//! about CPU and calls.

use std::{fs, path::Path, process::Stdio, thread, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::{
    inlined::Inlined,
    stacks::{self, Sample},
};
use crate::{
    child::{self, Job},
    demo::{Platform, Rule, Scratch},
    guests::Ext,
};

/// Of samples, per second and thread: no multiple of a timer's rate, so that nothing periodic hides.
const FREQUENCY: &str = "1999";
/// Of each sample's stack, kept to be unwound later: deep enough for a call from thread to guest.
const STACK: &str = "dwarf,16384";
/// Before it is sampled, the load runs so long: connections open, versions load.
const SETTLE: Duration = Duration::from_secs(2);
/// It goes on so long after its last sample.
const TAIL: Duration = Duration::from_secs(1);
/// Beyond its duration, `ext load` waits for answers.
const END_LIMIT: Duration = Duration::from_secs(30);

/// The load that a host is sampled under.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) rate: u32,
    pub(super) connections: u16,
    pub(super) sampled: Duration,
    pub(super) transport: &'static str,
    /// `http://…` or `unix:…`.
    pub(super) server: String,
}

/// What was recorded.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) samples: Vec<Sample>,
    pub(super) inlined: Inlined,
    pub(super) sampled: Duration,
    /// Calls answered a second.
    pub(super) per_second: f64,
    pub(super) failed: u64,
    pub(super) p50_micros: u64,
    pub(super) p99_micros: u64,
}

/// The part of `ext load --json` that is read here.
#[derive(Debug, Deserialize)]
struct Loaded {
    per_second: f64,
    failed: u64,
    latency: Latency,
}

#[derive(Debug, Deserialize)]
struct Latency {
    p50_micros: u64,
    p99_micros: u64,
}

/// Whether this machine can record at all; in words that say what to do.
pub(super) fn check() -> Result<()> {
    Job::new("perf").args(["version"]).output().context("install perf: package linux-perf, or linux-tools for your kernel")?;
    Job::new("addr2line").args(["--version"]).output().context("install binutils")?;
    let paranoid = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").unwrap_or_default();
    let allowed = rustix::process::geteuid().is_root() || paranoid.trim().parse().is_ok_and(|level: i32| level <= 1);
    ensure!(allowed, "the kernel lets nobody but root look into itself: run as root, or `sysctl kernel.perf_event_paranoid=1`");
    Ok(())
}

impl Recording {
    pub(super) fn take(ext: &Ext, platform: &Platform, rule: &Rule, load: &Load, scratch: &Scratch) -> Result<Self> {
        let process = platform.process().context("the host runs")?;
        let report = scratch.path("load.json");
        let calling = ext.job().args(load.words(rule)).env("EXT_TOKEN", platform.token()?);
        let calling = calling.spawn(fs::File::create(&report)?.into(), Stdio::inherit())?;
        thread::sleep(SETTLE);
        let data = scratch.path("perf.data");
        sample(process, load.sampled, &data)?;
        let ended = child::wait(calling, load.sampled + SETTLE + TAIL + END_LIMIT).context("`ext load`")?;
        let loaded: Loaded = serde_json::from_slice(&fs::read(&report)?).with_context(|| format!("`ext load` ({ended}) reported nothing"))?;
        let script = Job::new("perf").args(["script", "--no-inline", "--fields", stacks::COLUMNS, "--input"]).args([&data]);
        let samples = stacks::read(&script.output().context("perf's own recording")?)?;
        ensure!(!samples.is_empty(), "perf has seen nothing of the host");
        let inlined = Inlined::find(&samples, ext.program(), scratch)?;
        let Loaded { per_second, failed, latency: Latency { p50_micros, p99_micros } } = loaded;
        Ok(Self { samples, inlined, sampled: load.sampled, per_second, failed, p50_micros, p99_micros })
    }
}

fn sample(process: u32, time: Duration, data: &Path) -> Result<()> {
    let perf = Job::new("perf").args(["record", "--quiet", "--event", "cpu-clock", "--freq", FREQUENCY, "--call-graph", STACK, "--pid"]);
    let perf = perf.args([process.to_string()]).args(["--output"]).args([data]);
    perf.args(["--", "sleep", &time.as_secs().to_string()]).run()
}

impl Load {
    fn words(&self, rule: &Rule) -> Vec<String> {
        let (rate, connections) = (self.rate.to_string(), self.connections.to_string());
        let duration = format!("{}s", (SETTLE + self.sampled + TAIL).as_secs());
        let fixed = ["--json", "--quiet", "load", "--tolerate", "NOT_OFFERED", "--extension", rule.extension, "--point", &rule.point];
        let more = ["--input", &rule.input, "--rate", &rate, "--connections", &connections, "--duration", &duration];
        let how = ["--transport", self.transport, "--host", &self.server];
        fixed.into_iter().chain(more).chain(how).map(str::to_owned).collect()
    }
}
