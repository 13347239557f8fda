//! Foreign code on hostile bytes: a panic in it must not end this process.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `work` gives; none when it panicked.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}
