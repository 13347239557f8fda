//! Runs one extension once: a fresh instance under limits, in the fast or the slow lane.

mod call;

pub use call::{Call, Failure, LogLevel, LogLine, Outcome, Stats};
