//! How often each of many extensions is called.

use std::sync::Arc;

/// Draws before they repeat: each of 10,000 extensions occurs in them.
const DRAWS: usize = 1 << 18;

/// Who is called next, and next, …: drawn ahead, so that callers only look.
#[derive(Debug, Clone)]
pub(super) struct Popularity(Arc<[u32]>);

impl Popularity {
    /// The first extension alone.
    pub(super) fn one() -> Self {
        Self(Arc::from([0]))
    }

    /// Zipf with exponent 1: the extension of rank r is called in proportion to 1/r.
    pub(super) fn zipf(extensions: usize) -> Self {
        let mut sum = 0.0;
        let up_to: Vec<f64> = (1..=extensions)
            .map(|rank| {
                sum += 1.0 / rank as f64;
                sum
            })
            .collect();
        // The golden ratio's multiples fill the unit interval evenly; an odd stride takes them out of order.
        let draw = |at: usize| {
            let even = (at.wrapping_mul(40_503) % DRAWS) as f64 / DRAWS as f64;
            u32::try_from(up_to.partition_point(|part| *part <= even * sum)).unwrap_or_default()
        };
        Self((0..DRAWS).map(draw).collect())
    }

    /// What caller `caller` of `callers` calls, for ever.
    pub(super) fn of(&self, caller: usize, callers: usize) -> impl Iterator<Item = usize> + Send + use<> {
        let draws = Arc::clone(&self.0);
        let mut at = draws.len() / callers * caller;
        std::iter::repeat_with(move || {
            at = (at + 1) % draws.len();
            draws[at] as usize
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_called_in_proportion_to_their_inverse() {
        let drawn = Popularity::zipf(100);
        let count = |rank: u32| drawn.0.iter().filter(|&&at| at == rank - 1).count() as f64;
        for rank in [2, 10, 50] {
            let ratio = count(1) / count(rank);
            assert!((ratio / f64::from(rank) - 1.0).abs() < 0.05, "rank {rank}: {ratio}");
        }
        assert!((1..=100).all(|rank| count(rank) > 0.0));
    }

    #[test]
    fn the_same_is_not_called_in_a_row() {
        let first: Vec<_> = Popularity::zipf(10_000).of(1, 16).take(1_000).collect();
        let mut distinct = first.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert!(distinct.len() > 300, "{} of 1,000", distinct.len());
    }
}
