//! Counts of the busiest keys, each on its own, and of all others together.
//!
//! However many tenants and extensions there are, a scraper sees a bounded
//! number of series. While there are few keys each has one. After that a key that
//! becomes busy gets one, from then on; one that
//! is no longer busy leaves its counts to the others. So no count is lost, none
//! is counted twice, and that of the others never falls.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
    ops::AddAssign,
    time::{Duration, Instant},
};

/// Candidates for each series, and of each kind at least: whoever has more than
/// this part of all weight is among them. A candidate takes about 150 bytes.
const CANDIDATES_PER_SERIES: usize = 8;
const CANDIDATES_MIN: usize = 1_024;
/// What was busy this long ago weighs half.
const HALF_LIFE: Duration = Duration::from_secs(60);
/// A candidate takes a series away from a key only when it is busier by this
/// many quarters, so that two of about the same weight do not take turns.
const BUSIER_QUARTERS: u64 = 5;

/// How a call ended, for those who look at one tenant or extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Answered,
    /// The extension's own no: by a business rule, or to this input.
    Rejected,
    /// The extension or the platform under it did not answer.
    Failed,
    /// The platform did not let it run.
    Refused,
}

impl Class {
    pub(super) const ALL: [Self; 4] = [Self::Answered, Self::Rejected, Self::Failed, Self::Refused];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

/// What is counted of one key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) ended: [u64; Class::ALL.len()],
    pub(super) cpu_nanos: u64,
    pub(super) fallbacks: u64,
}

impl Counts {
    /// How busy it was: a call weighs as much as 100 µs of CPU time.
    fn weight(&self) -> u64 {
        self.ended.iter().sum::<u64>() + self.cpu_nanos / 100_000
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.ended.iter_mut().zip(more.ended).for_each(|(count, more)| *count += more);
        self.cpu_nanos += more.cpu_nanos;
        self.fallbacks += more.fallbacks;
    }
}

#[derive(Debug, Default)]
struct Series {
    counts: Counts,
    weight: u64,
    /// By an operator: it stays.
    named: bool,
}

/// Counts by key, of which at most `series_max` and those named are told apart.
#[derive(Debug)]
pub(super) struct Busiest<K> {
    series: HashMap<K, Series>,
    others: Counts,
    /// Weights of keys without a series: a space-saving sketch, cleared out in batches.
    candidates: HashMap<K, u64>,
    /// What a key may have weighed at most that is not in the sketch.
    floor: u64,
    series_max: usize,
    decayed: Option<Instant>,
}

impl<K: Hash + Eq + Clone> Busiest<K> {
    pub(super) fn new(series_max: usize, named: impl IntoIterator<Item = K>) -> Self {
        let series: HashMap<K, Series> = named.into_iter().map(|key| (key, Series { named: true, ..Series::default() })).collect();
        Self { series_max: series_max + series.len(), series, others: Counts::default(), candidates: HashMap::new(), floor: 0, decayed: None }
    }

    pub(super) fn add(&mut self, key: K, counts: Counts) {
        let (weight, has_room) = (counts.weight(), self.series.len() < self.series_max);
        match self.series.entry(key) {
            Entry::Occupied(mut series) => {
                let series = series.get_mut();
                series.counts += counts;
                series.weight += weight;
            }
            Entry::Vacant(vacant) if has_room => {
                vacant.insert(Series { counts, weight, named: false });
            }
            Entry::Vacant(vacant) => {
                self.others += counts;
                let floor = self.floor;
                *self.candidates.entry(vacant.into_key()).or_insert(floor) += weight;
                self.clear_out();
            }
        }
    }

    fn candidates_max(&self) -> usize {
        (self.series_max * CANDIDATES_PER_SERIES).max(CANDIDATES_MIN)
    }

    /// Keeps the heavier half of candidates that have become too many.
    fn clear_out(&mut self) {
        let kept = self.candidates_max();
        if self.candidates.len() <= kept * 2 {
            return;
        }
        let mut weights: Vec<u64> = self.candidates.values().copied().collect();
        let at = weights.len() - kept;
        let (_, &mut least, _) = weights.select_nth_unstable(at);
        self.floor = least;
        self.candidates.retain(|_, weight| *weight > least);
    }

    /// Gives series to the busiest; called before they are read.
    pub(super) fn elect(&mut self, now: Instant) {
        self.decay(now);
        let mut candidates: Vec<(K, u64)> = self.candidates.iter().map(|(key, weight)| (key.clone(), *weight)).collect();
        candidates.sort_unstable_by_key(|(_, weight)| std::cmp::Reverse(*weight));
        for (key, weight) in candidates {
            if self.series.len() >= self.series_max {
                let unnamed = self.series.iter().filter(|(_, series)| !series.named);
                let Some((least, lightest)) = unnamed.min_by_key(|(_, series)| series.weight).map(|(key, series)| (key.clone(), series.weight))
                else {
                    return;
                };
                if weight * 4 <= lightest * BUSIER_QUARTERS {
                    return;
                }
                if let Some(series) = self.series.remove(&least) {
                    self.others += series.counts;
                    self.candidates.insert(least, series.weight);
                }
            }
            self.candidates.remove(&key);
            self.series.insert(key, Series { weight, ..Series::default() });
        }
    }

    fn decay(&mut self, now: Instant) {
        let decayed = *self.decayed.get_or_insert(now);
        let halvings = now.saturating_duration_since(decayed).as_secs() / HALF_LIFE.as_secs();
        if halvings == 0 {
            return;
        }
        self.decayed = Some(now);
        let halve = |weight: &mut u64| *weight = weight.checked_shr(u32::try_from(halvings).unwrap_or(u32::MAX)).unwrap_or(0);
        self.series.values_mut().for_each(|series| halve(&mut series.weight));
        self.candidates.values_mut().for_each(halve);
        self.candidates.retain(|_, weight| *weight > 0);
        halve(&mut self.floor);
    }

    /// The keys with series, and the others together.
    pub(super) fn read(&self) -> (impl Iterator<Item = (&K, Counts)>, Counts) {
        (self.series.iter().map(|(key, series)| (key, series.counts)), self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(count: u64) -> Counts {
        Counts { ended: [count, 0, 0, 0], ..Counts::default() }
    }

    fn shown(busiest: &Busiest<u32>) -> Vec<u32> {
        let mut keys: Vec<u32> = busiest.read().0.map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys
    }

    fn all(busiest: &Busiest<u32>) -> u64 {
        let (series, others) = busiest.read();
        series.map(|(_, counts)| counts.ended[0]).sum::<u64>() + others.ended[0]
    }

    #[test]
    fn of_ten_thousand_keys_the_busiest_and_the_named_are_told_apart() {
        let mut busiest = Busiest::new(10, [9_999]);
        let mut sent = 0;
        for round in 0..20 {
            for key in 0..10_000u32 {
                let count = if key % 1_000 == 7 { 50 } else { 1 };
                busiest.add(key, calls(count));
                sent += count;
            }
            if round % 5 == 0 {
                busiest.elect(Instant::now());
            }
            assert!(busiest.candidates.len() <= busiest.candidates_max() * 2, "the sketch is bounded");
        }
        busiest.elect(Instant::now());
        let mut expected: Vec<u32> = (0..10).map(|at| at * 1_000 + 7).collect();
        expected.push(9_999);
        assert_eq!(shown(&busiest), expected);
        assert_eq!(all(&busiest), sent, "nothing is lost or counted twice");
    }

    #[test]
    fn who_was_busy_once_makes_room_and_the_others_never_fall() {
        let (mut busiest, start) = (Busiest::new(1, []), Instant::now());
        busiest.add(1, calls(1_000));
        busiest.elect(start);
        let mut before = 0;
        for minute in 1..10 {
            busiest.add(2, calls(100));
            busiest.elect(start + HALF_LIFE * minute);
            let others = busiest.read().1.ended[0];
            assert!(others >= before);
            before = others;
        }
        assert_eq!(shown(&busiest), [2]);
        assert_eq!(all(&busiest), 1_900);
    }

    #[test]
    fn two_of_a_weight_do_not_take_turns() {
        let (mut busiest, start) = (Busiest::new(1, []), Instant::now());
        busiest.add(1, calls(100));
        busiest.elect(start);
        busiest.add(2, calls(110));
        busiest.elect(start);
        assert_eq!(shown(&busiest), [1]);
    }
}
