//! How quiet the machine is before a scenario begins: what others take of the
//! cores while we do nothing, and the same piece of work again and again on each.

use std::{
    fs,
    time::{Duration, Instant},
};

use super::rounds::median;

/// Pieces of work on each core.
const PIECES: usize = 60;
/// How long a piece takes on a quiet machine: longer than what interrupts it for a moment.
const PIECE: Duration = Duration::from_millis(1);
/// Steps between two looks at the clock.
const STEPS: u64 = 2_000;
/// A core that gives a typical piece so much less than the best one is shared with others.
const SLOWED_MAX: f64 = 1.25;
/// We do nothing for so long: the kernel counts in hundredths of a second.
const IDLE: Duration = Duration::from_millis(250);
/// More of the cores that others take meanwhile is more than a system's own housekeeping.
const BUSY_MAX: f64 = 0.15;

/// What disturbs a measurement that begins now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noise {
    /// A typical piece of work beside the fastest: 1 on a machine of one's own.
    pub(crate) slowed: f64,
    /// The part of the cores that others took while we did nothing; they may yield to us and still be in the way.
    pub(crate) busy: f64,
    /// Of the last minute, our own work too.
    pub(crate) load: f64,
}

impl Noise {
    /// Takes about a third of a second.
    pub(crate) fn listen() -> Self {
        let busy = busy();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let steps = calibrated();
        let pieces: Vec<f64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..cores).map(|_| scope.spawn(move || (0..PIECES).map(|_| piece(steps)).collect::<Vec<_>>())).collect();
            // A thread that panicked has no pieces; the others still tell.
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        });
        let load = fs::read_to_string("/proc/loadavg").ok().and_then(|text| text.split(' ').next()?.parse().ok());
        Self { slowed: slowed(pieces), busy, load: load.unwrap_or(f64::NAN) }
    }

    /// Why figures that are taken now do not count, if they do not.
    pub(crate) fn problem(self) -> Option<String> {
        (self.slowed > SLOWED_MAX || self.busy > BUSY_MAX).then(|| {
            let (slowed, busy, load) = ((self.slowed - 1.0) * 100.0, self.busy * 100.0, self.load);
            format!("the machine was not quiet when it began: others took {busy:.0} % of it, the same work {slowed:.0} % longer than at best (load {load:.1})")
        })
    }
}

/// Nothing where the kernel does not tell: then the pieces decide.
fn busy() -> f64 {
    let Some(before) = ticks() else { return 0.0 };
    std::thread::sleep(IDLE);
    ticks().map_or(0.0, |after| busy_between(before, after))
}

/// Idle ticks and all ticks of all cores since the machine started.
fn ticks() -> Option<(u64, u64)> {
    parse_ticks(&fs::read_to_string("/proc/stat").ok()?)
}

/// `cpu user nice system idle iowait …`, in ticks.
fn parse_ticks(stat: &str) -> Option<(u64, u64)> {
    let ticks: Vec<u64> = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().map_while(|word| word.parse().ok()).collect();
    Some((ticks.get(3)? + ticks.get(4)?, ticks.iter().sum()))
}

fn busy_between((idle_before, all_before): (u64, u64), (idle, all): (u64, u64)) -> f64 {
    let passed = all.saturating_sub(all_before).max(1);
    1.0 - idle.saturating_sub(idle_before) as f64 / passed as f64
}

fn slowed(pieces: Vec<f64>) -> f64 {
    let best = pieces.iter().copied().fold(f64::INFINITY, f64::min);
    median(pieces) / best
}

/// Steps of one piece on this machine: as many as its fastest try takes.
fn calibrated() -> u64 {
    let tries = (0..5).map(|_| piece(STEPS));
    let best = tries.fold(f64::INFINITY, f64::min);
    (PIECE.as_secs_f64() / best * STEPS as f64) as u64
}

/// Seconds that so many steps take by the wall clock.
fn piece(steps: u64) -> f64 {
    let begin = Instant::now();
    let mut state = steps;
    for _ in 0..steps {
        state = std::hint::black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    }
    std::hint::black_box(state);
    begin.elapsed().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_is_shared_slows_the_typical_piece_and_an_interruption_does_not() {
        let noise = |pieces: &[f64]| Noise { slowed: slowed(pieces.to_vec()), busy: 0.0, load: 0.0 };
        assert!(noise(&[1.0, 1.0, 1.01, 5.0, 1.02]).problem().is_none());
        let problem = noise(&[1.0, 2.0, 2.0, 2.1, 1.9]).problem().unwrap();
        assert!(problem.contains("100 %"), "{problem}");
    }

    #[test]
    fn others_count_although_they_yield_to_us() {
        let (before, after) = (parse_ticks("cpu 10 20 30 100 4 0 0\ncpu0 1").unwrap(), parse_ticks("cpu 10 60 30 158 6 0 0").unwrap());
        assert_eq!((before, after), ((104, 164), (164, 264)));
        let busy = busy_between(before, after);
        assert!((busy - 0.4).abs() < 1e-9, "{busy}");
        assert!(Noise { slowed: 1.0, busy, load: 0.0 }.problem().unwrap().contains("others took 40 %"));
    }
}
