//! Alternating rounds: A B A B …, so that a machine that drifts drifts for both.

use std::time::Duration;

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) length: Duration,
}

/// What one contender did in one round.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sample {
    /// Operations per second.
    pub(crate) rate: f64,
    /// CPU microseconds per operation, where one thread did all.
    pub(crate) cpu_micros: Option<f64>,
    /// Latency in microseconds.
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
}

/// One thing to measure beside others.
pub(crate) struct Contender<'c> {
    pub(crate) name: String,
    pub(crate) round: Box<dyn FnMut(Duration) -> anyhow::Result<Sample> + 'c>,
}

impl<'c> Contender<'c> {
    pub(crate) fn new(name: impl Into<String>, round: impl FnMut(Duration) -> anyhow::Result<Sample> + 'c) -> Self {
        Self { name: name.into(), round: Box::new(round) }
    }
}

/// All samples of one contender, a round each.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) samples: Vec<Sample>,
}

/// Runs every contender once unmeasured, then in alternating rounds.
pub(crate) fn alternate(mut contenders: Vec<Contender<'_>>, plan: Plan) -> anyhow::Result<Vec<Series>> {
    let mut series: Vec<_> = contenders.iter().map(|contender| Series { name: contender.name.clone(), samples: Vec::new() }).collect();
    for contender in &mut contenders {
        (contender.round)(plan.length / 4)?;
    }
    for _ in 0..plan.rounds {
        for (contender, series) in contenders.iter_mut().zip(&mut series) {
            series.samples.push((contender.round)(plan.length)?);
        }
    }
    Ok(series)
}

impl Series {
    /// The median of one figure over the rounds.
    pub(crate) fn median(&self, figure: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(figure).collect())
    }

    /// The median of the ratios to `other`, round by round.
    pub(crate) fn ratio(&self, other: &Series, figure: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().zip(&other.samples).map(|(own, other)| figure(own) / figure(other)).collect())
    }

    /// Half the distance between the extremes, as a part of the median.
    pub(crate) fn spread(&self, figure: impl Fn(&Sample) -> f64) -> f64 {
        let values = || self.samples.iter().map(&figure);
        let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
        (most - least) / 2.0 / self.median(&figure)
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// Latencies from a nanosecond to a minute, to three digits.
pub(crate) fn latencies() -> hdrhistogram::Histogram<u64> {
    hdrhistogram::Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("constant bounds in order")
}
