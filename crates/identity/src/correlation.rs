//! Correlation ids for calls that bring none.
//!
//! They need to be unique, not secret: random bytes are drawn in batches,
//! because a system call for each id would cost more than the rest of a context.
//! So is the time of day: between two batches it goes on by the moments that are passed in.

use std::{
    cell::RefCell,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::rand;
use extensions_types::CallLabel;
use uuid::{Builder, Uuid};

/// What a UUID of version 7 takes beside its time.
const RANDOM_BYTES: usize = 10;
/// Ids for each batch; the batch stays far below a page.
const BATCH: usize = 64;

struct Pool {
    bytes: [u8; RANDOM_BYTES * BATCH],
    left: usize,
    /// When the batch was drawn, by both clocks.
    drawn: Option<(Instant, SystemTime)>,
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; RANDOM_BYTES * BATCH], left: 0, drawn: None }) };
}

/// A new correlation id for what happens at `now`, which may be a little old. It
/// sorts by time, so that logs of one stretch lie together.
#[must_use]
pub fn new_correlation(now: Instant) -> CallLabel {
    let (random, time) = POOL.with_borrow_mut(|pool| pool.take(now));
    let millis = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let uuid = Builder::from_unix_timestamp_millis(u64::try_from(millis).unwrap_or(u64::MAX), &random).into_uuid();
    let mut buffer = Uuid::encode_buffer();
    CallLabel::parse(uuid.hyphenated().encode_lower(&mut buffer)).expect("a UUID is 36 visible ASCII bytes")
}

impl Pool {
    /// The random bytes of an id, and its time of day.
    fn take(&mut self, now: Instant) -> ([u8; RANDOM_BYTES], SystemTime) {
        if self.left == 0 {
            rand::fill(&mut self.bytes).expect("AWS-LC aborts where the system has no randomness");
            (self.left, self.drawn) = (BATCH, None);
        }
        let (drawn, time) = *self.drawn.get_or_insert_with(|| (now, SystemTime::now()));
        self.left -= 1;
        let start = self.left * RANDOM_BYTES;
        let random = self.bytes[start..start + RANDOM_BYTES].try_into().expect("the slice has that length");
        (random, time + now.saturating_duration_since(drawn))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_differ_across_batches_and_threads() {
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(|| (0..1000).map(|_| new_correlation(Instant::now())).collect::<Vec<_>>())).collect();
        let ids: BTreeSet<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(ids.len(), 4000);
    }

    #[test]
    fn ids_are_of_version_7() {
        let id = Uuid::parse_str(new_correlation(Instant::now()).as_str()).unwrap();
        assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
    }

    #[test]
    fn ids_have_the_time_of_their_calls_within_a_batch() {
        let (start, hour) = (Instant::now(), std::time::Duration::from_secs(3_600));
        let seconds = |now| Uuid::parse_str(new_correlation(now).as_str()).unwrap().get_timestamp().unwrap().to_unix().0;
        let first = seconds(start);
        assert!((3_599..=3_601).contains(&(seconds(start + hour) - first)), "a thread that was idle for long does not give old ids");
    }
}
