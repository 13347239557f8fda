//! The corpus of bad inputs: each refused by name, quickly, on a small stack, in little memory.

use std::{
    thread,
    time::{Duration, Instant},
};

use extensions_compiler_core::{
    Code, Expected, check,
    testing::{Bad, corpus, seeds},
};

use crate::kit::codes;

/// A worker's threads have 2 MiB.
const STACK_BYTES: usize = 1 << 20;
/// The slowest takes some 50 ms on an idle machine.
const TIME_MAX: Duration = Duration::from_secs(5);
/// What a worker may hold over the whole corpus.
const MEMORY_KIB_MAX: u64 = 200 << 10;

fn judge(Bad { name, bytes, code }: &Bad) -> Option<String> {
    let start = Instant::now();
    let report = check(bytes, Expected::default());
    let (found, took) = (codes(&report), start.elapsed());
    let named = code.is_none_or(|code| found.contains(&code));
    let sound = report.is_servable() == found.is_empty() && !found.contains(&Code::Internal);
    (!named || !sound || took > TIME_MAX).then(|| format!("{name}: {:?} after {took:?}", report.findings))
}

#[test]
fn every_bad_input_is_refused_by_name() {
    let wrong = thread::Builder::new().stack_size(STACK_BYTES).spawn(|| corpus().filter_map(|bad| judge(&bad)).collect::<Vec<_>>());
    let wrong = wrong.unwrap().join().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|line| line.trim().strip_suffix(" kB")).unwrap();
    assert!(peak.trim().parse::<u64>().unwrap() < MEMORY_KIB_MAX, "{peak} KiB");
}

#[test]
fn what_the_corpus_damages_is_served() {
    for (name, bytes) in seeds() {
        let report = check(&bytes, Expected::default());
        assert!(report.is_servable(), "{name}: {:?}", report.findings);
    }
}
