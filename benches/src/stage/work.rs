//! Guests that do as much as their input says, or never end: load of a known size.

use std::time::Duration;

use extensions_test_support::Guest as Wat;
use extensions_types::Kind;

use super::{
    bare::{Bare, call, context},
    guests::Guest,
};

/// Reads the first number of its input and counts it down, four or so cycles each.
const WORK: &str = "
    (local $left i32) (local $at i32) (local $digit i32) (local $x i32)
    (block $read (loop $more
        (br_if $read (i32.ge_u (local.get $at) (local.get $input_len)))
        (local.set $digit (i32.sub (i32.load8_u (i32.add (local.get $input) (local.get $at))) (i32.const 48)))
        (if (i32.lt_u (local.get $digit) (i32.const 10))
            (then (local.set $left (i32.add (i32.mul (local.get $left) (i32.const 10)) (local.get $digit)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $more)))
    (loop $work
        (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $work (i32.gt_s (local.get $left) (i32.const 0))))
    (i32.store (i32.const 256) (local.get $x))
    (call $ok (call $answer))";

/// Turns that a pace is found with: some milliseconds, and none.
const TURNS: [u64; 2] = [4_000_000, 1];
/// The shortest of so many counts: whatever disturbs one makes it longer.
const TRIES: usize = 9;

/// A guest whose input says how long it works; see [`Pace`].
pub(crate) fn worker() -> Guest {
    Guest::new("worker", Kind::ProcessHook, Wat::new(Kind::ProcessHook, WORK).text("answer", "{}").component())
        .limits("[limits]\ncpu_millis = 1000\ntimeout_ms = 30000\n")
}

/// A guest that never returns; its default limits end it after 50 ms of CPU or a second.
pub(crate) fn spinner() -> Guest {
    let body = "(loop $forever (br $forever)) (unreachable)";
    Guest::new("endless", Kind::ProcessHook, Wat::new(Kind::ProcessHook, body).component())
}

/// How fast [`worker`] works on this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// CPU time of a call that does nothing.
    empty: Duration,
    turns_per_micro: f64,
}

impl Pace {
    /// Finds it out, in `engine`.
    pub(crate) fn find(engine: &Bare) -> anyhow::Result<Self> {
        let extension = engine.load(&worker(), "pace")?;
        let context = context("pace");
        let least = |turns: u64| -> anyhow::Result<Duration> {
            let mut least = Duration::MAX;
            for _ in 0..TRIES {
                let outcome = engine.block_on(engine.engine.invoke(&extension, call(&context, input(turns))));
                outcome.result?;
                least = least.min(outcome.stats.cpu);
            }
            Ok(least)
        };
        let (full, empty) = (least(TURNS[0])?, least(TURNS[1])?);
        Ok(Self { empty, turns_per_micro: TURNS[0] as f64 / (full.saturating_sub(empty).as_secs_f64() * 1e6) })
    }

    /// The input that makes a call take about `cpu`.
    pub(crate) fn input(&self, cpu: Duration) -> String {
        input((cpu.saturating_sub(self.empty).as_secs_f64() * 1e6 * self.turns_per_micro) as u64)
    }
}

fn input(turns: u64) -> String {
    format!("{{\"turns\":{}}}", turns.max(1))
}
