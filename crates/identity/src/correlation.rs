//! Correlation ids for calls that bring none.
//!
//! They need to be unique, not secret: random bytes are drawn in batches,
//! because a system call for each id would cost more than the rest of a context.

use std::{
    cell::RefCell,
    time::{SystemTime, UNIX_EPOCH},
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
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; RANDOM_BYTES * BATCH], left: 0 }) };
}

/// A new correlation id. It sorts by time, so that logs of one stretch lie together.
#[must_use]
pub fn new_correlation() -> CallLabel {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let random = POOL.with_borrow_mut(Pool::take);
    let uuid = Builder::from_unix_timestamp_millis(u64::try_from(millis).unwrap_or(u64::MAX), &random).into_uuid();
    let mut buffer = Uuid::encode_buffer();
    CallLabel::parse(uuid.hyphenated().encode_lower(&mut buffer)).expect("a UUID is 36 visible ASCII bytes")
}

impl Pool {
    fn take(&mut self) -> [u8; RANDOM_BYTES] {
        if self.left == 0 {
            rand::fill(&mut self.bytes).expect("AWS-LC aborts where the system has no randomness");
            self.left = BATCH;
        }
        self.left -= 1;
        let start = self.left * RANDOM_BYTES;
        self.bytes[start..start + RANDOM_BYTES].try_into().expect("the slice has that length")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_differ_across_batches_and_threads() {
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(|| (0..1000).map(|_| new_correlation()).collect::<Vec<_>>())).collect();
        let ids: BTreeSet<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(ids.len(), 4000);
    }

    #[test]
    fn ids_are_of_version_7() {
        let id = Uuid::parse_str(new_correlation().as_str()).unwrap();
        assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
    }
}
