//! How quiet the machine is before a scenario begins: the same piece of work
//! again and again on every core, and what the kernel says is running.

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

/// What disturbs a measurement that begins now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noise {
    /// A typical piece of work beside the fastest: 1 on a machine of one's own.
    pub(crate) slowed: f64,
    /// Of the last minute, our own work too.
    pub(crate) load: f64,
}

impl Noise {
    /// Takes about a tenth of a second.
    pub(crate) fn listen() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let steps = calibrated();
        let pieces: Vec<f64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..cores).map(|_| scope.spawn(move || (0..PIECES).map(|_| piece(steps)).collect::<Vec<_>>())).collect();
            // A thread that panicked has no pieces; the others still tell.
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        });
        let load = fs::read_to_string("/proc/loadavg").ok().and_then(|text| text.split(' ').next()?.parse().ok());
        Self { slowed: slowed(pieces), load: load.unwrap_or(f64::NAN) }
    }

    /// Why figures that are taken now do not count, if they do not.
    pub(crate) fn problem(self) -> Option<String> {
        (self.slowed > SLOWED_MAX).then(|| {
            let part = (self.slowed - 1.0) * 100.0;
            format!("the machine was not quiet when it began: the same work took {part:.0} % longer than at best (load {:.1})", self.load)
        })
    }
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
        let noise = |pieces: &[f64]| Noise { slowed: slowed(pieces.to_vec()), load: 0.0 };
        assert!(noise(&[1.0, 1.0, 1.01, 5.0, 1.02]).problem().is_none());
        let problem = noise(&[1.0, 2.0, 2.0, 2.1, 1.9]).problem().unwrap();
        assert!(problem.contains("100 %"), "{problem}");
    }
}
