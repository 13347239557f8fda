//! The table of stages: CPU of a call, by where it went.

use std::{collections::BTreeMap, fmt};

use anyhow::{Result, ensure};
use serde::Serialize;

use super::{record::Recording, stacks::Sample, stages::Stage};

/// Threads of the front carry this name and a number: on them calls run.
const IO_THREAD: &str = "front-io";

/// What a call took.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    calls_per_second: f64,
    p50_micros: u64,
    p99_micros: u64,
    /// Microseconds of CPU for each call.
    cpu_micros: f64,
    samples: usize,
    /// On the threads that calls come in on.
    stages: Vec<Row>,
    /// On all others, by name.
    threads: Vec<Row>,
}

/// A part of it.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    cpu_micros: f64,
    /// Of the whole.
    share: f64,
}

impl Report {
    pub(super) fn of(recording: &Recording) -> Result<Self> {
        let calls = recording.per_second * recording.sampled.as_secs_f64();
        ensure!(calls >= 1.0, "the host answered no call while it was sampled");
        let (mut stages, mut threads) = (BTreeMap::<Stage, u64>::new(), BTreeMap::<String, u64>::new());
        for sample in &recording.samples {
            if sample.thread.starts_with(IO_THREAD) {
                *stages.entry(Stage::of(sample, &recording.inlined)).or_default() += sample.nanos;
            } else {
                *threads.entry(kind(&sample.thread)).or_default() += sample.nanos;
            }
        }
        let whole: u64 = recording.samples.iter().map(|sample: &Sample| sample.nanos).sum();
        let micros = |nanos: u64| nanos as f64 / 1e3 / calls;
        let row = |name: String, nanos: u64| Row { name, cpu_micros: micros(nanos), share: nanos as f64 / whole as f64 };
        let mut threads: Vec<_> = threads.into_iter().map(|(thread, nanos)| row(thread, nanos)).collect();
        threads.sort_by(|one, other| other.cpu_micros.total_cmp(&one.cpu_micros));
        Ok(Self {
            calls_per_second: recording.per_second,
            p50_micros: recording.p50_micros,
            p99_micros: recording.p99_micros,
            cpu_micros: micros(whole),
            samples: recording.samples.len(),
            stages: stages.into_iter().map(|(stage, nanos)| row(stage.name().to_owned(), nanos)).collect(),
            threads,
        })
    }
}

/// A thread's name without its number.
fn kind(thread: &str) -> String {
    thread.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls_per_second, p50_micros, p99_micros, cpu_micros, samples, stages, threads } = self;
        writeln!(
            f,
            "{calls_per_second:.0} calls a second, {cpu_micros:.1} µs of CPU each ({samples} samples); p50 {p50_micros} µs, p99 {p99_micros} µs\n"
        )?;
        writeln!(f, "| Stage | µs a call | share |\n|---|---:|---:|")?;
        for Row { name, cpu_micros, share } in stages {
            writeln!(f, "| {name} | {cpu_micros:.2} | {:.1} % |", share * 100.0)?;
        }
        for Row { name, cpu_micros, share } in threads {
            writeln!(f, "| thread `{name}` | {cpu_micros:.2} | {:.1} % |", share * 100.0)?;
        }
        write!(f, "| all | {cpu_micros:.2} | 100 % |")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        super::{inlined::Inlined, stacks::read},
        *,
    };

    fn recording(per_second: f64) -> Recording {
        let text = "front-io-0 6000000\n\t1 x (/aot/1.cwasm)\n\nfront-io-1 2000000\n\t1 h2::poll (ext)\n\nepoch-ticker 2000000\n\t1 x (ext)\n";
        let samples = read(text).unwrap();
        let sampled = Duration::from_secs(2);
        Recording { samples, inlined: Inlined::default(), sampled, per_second, failed: 0, p50_micros: 300, p99_micros: 900 }
    }

    #[test]
    fn cpu_is_shared_out_among_calls_stages_and_threads() {
        let report = Report::of(&recording(500.0)).unwrap();
        // 10 ms of 1,000 calls.
        assert!((report.cpu_micros - 10.0).abs() < 1e-9, "{report:?}");
        let text = report.to_string();
        for line in [
            "| HTTP: frames and headers in | 2.00 | 20.0 % |",
            "| guest, with its call's way in and out | 6.00 | 60.0 % |",
            "| thread `epoch-ticker` | 2.00 | 20.0 % |",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(Report::of(&recording(0.0)).is_err(), "no calls, no price of one");
    }

    #[test]
    fn threads_of_one_kind_are_counted_together() {
        assert_eq!([kind("slow-lane-12"), kind("tokio-rt-worker"), kind("7")], ["slow-lane", "tokio-rt-worker", ""]);
    }
}
