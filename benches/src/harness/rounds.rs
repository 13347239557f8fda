//! Alternating rounds: A B A B …, so that a machine that drifts drifts for both.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::clock::Servers;

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) length: Duration,
}

impl Plan {
    pub(crate) const fn new(rounds: usize, length_ms: u64) -> Self {
        Self { rounds, length: Duration::from_millis(length_ms) }
    }
}

/// What one contender did in one round.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sample {
    /// Operations per second.
    pub(crate) rate: f64,
    /// CPU microseconds per operation: of the thread that did all, or of the server.
    pub(crate) cpu_micros: Option<f64>,
    /// Latency in microseconds.
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
}

impl Sample {
    /// Latencies in nanoseconds, seen in `length`.
    pub(crate) fn of(latencies: &Histogram<u64>, length: Duration) -> Self {
        let micros = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
        Self { rate: latencies.len() as f64 / length.as_secs_f64(), cpu_micros: None, p50_micros: micros(0.5), p99_micros: micros(0.99) }
    }

    /// With CPU microseconds per operation.
    pub(crate) fn with_cpu(self, micros: f64) -> Self {
        Self { cpu_micros: Some(micros), ..self }
    }

    /// Not a number where no clock of threads was read.
    pub(crate) fn cpu(&self) -> f64 {
        self.cpu_micros.unwrap_or(f64::NAN)
    }
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

    /// With what each operation costs `servers`.
    pub(crate) fn served(name: impl Into<String>, servers: Servers, mut round: impl FnMut(Duration) -> anyhow::Result<Sample> + 'c) -> Self {
        Self::new(name, move |length| servers.metered(length, &mut round))
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
    /// One figure of each round.
    pub(crate) fn each(&self, figure: impl Fn(&Sample) -> f64) -> Values {
        Values(self.samples.iter().map(figure).collect())
    }

    /// The median of one figure over the rounds.
    pub(crate) fn median(&self, figure: impl Fn(&Sample) -> f64) -> f64 {
        self.each(figure).median()
    }

    /// The ratios to `other`, round by round.
    pub(crate) fn ratio(&self, other: &Series, figure: impl Fn(&Sample) -> f64) -> Values {
        self.each(&figure).with(&other.each(&figure), |own, other| own / other)
    }
}

/// One figure, a value for each round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values(Vec<f64>);

impl From<f64> for Values {
    fn from(value: f64) -> Self {
        Self(vec![value])
    }
}

impl From<Vec<f64>> for Values {
    fn from(values: Vec<f64>) -> Self {
        Self(values)
    }
}

impl Values {
    pub(crate) fn median(&self) -> f64 {
        median(self.0.clone())
    }

    /// Combined with `other`, round by round.
    pub(crate) fn with(&self, other: &Self, combine: impl Fn(f64, f64) -> f64) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(own, other)| combine(*own, *other)).collect())
    }

    /// Each value changed.
    pub(crate) fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        Self(self.0.iter().map(|value| change(*value)).collect())
    }

    /// Half the distance between the extremes, in the figure's own unit.
    pub(crate) fn swing(&self) -> f64 {
        let (least, most) = self.0.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(*value), most.max(*value)));
        if self.0.is_empty() { f64::NAN } else { (most - least) / 2.0 }
    }

    /// The same as a part of the median.
    pub(crate) fn spread(&self) -> f64 {
        self.swing() / self.median().abs()
    }

    pub(crate) fn rounds(&self) -> &[f64] {
        &self.0
    }
}

/// Not a number of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// Latencies from a nanosecond to a minute, to three digits.
pub(crate) fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("constant bounds in order")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_lies_in_the_middle_and_an_outlier_only_widens_the_spread() {
        let values = Values::from(vec![10.0, 12.0, 11.0, 50.0, 11.0]);
        assert!((values.median() - 11.0).abs() < 1e-9);
        assert!((values.swing() - 20.0).abs() < 1e-9);
        assert!(values.spread() > 1.0);
        assert!(Values::from(3.0).spread() < 1e-9, "one value does not differ from itself");
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let series = |rates: [f64; 3]| Series { name: String::new(), samples: rates.map(|rate| Sample { rate, ..Sample::default() }).to_vec() };
        // A machine that halves its speed does so for both.
        let ratio = series([100.0, 50.0, 100.0]).ratio(&series([200.0, 100.0, 200.0]), |sample| sample.rate);
        assert_eq!(ratio.rounds(), [0.5, 0.5, 0.5]);
    }
}
