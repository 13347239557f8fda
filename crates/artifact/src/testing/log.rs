//! What was asked of a backend, and what of it ran at the same time.

use crate::{error::Operation, key::Key};

/// One call of the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its place among all calls, from 1.
    pub number: u64,
    /// What was asked.
    pub operation: Operation,
    /// Of which object or folder, as the backend sees it.
    pub path: String,
    /// A stamp that rises with every beginning and end.
    pub began: u64,
    /// The stamp of its end; none while it runs, or when it never answers.
    pub ended: Option<u64>,
}

impl Call {
    /// The key, where the store has no prefix in its bucket.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        Key::parse(&self.path)
    }
}

/// The longest chain of calls of which each began after the one before had ended:
/// what a command costs in round trips, however many ran side by side.
#[must_use]
pub fn round_trips(calls: &[Call]) -> usize {
    let mut chains: Vec<(u64, usize)> = Vec::with_capacity(calls.len());
    for call in calls {
        let before = chains.iter().filter(|(ended, _)| *ended < call.began).map(|(_, length)| *length).max().unwrap_or(0);
        chains.push((call.ended.unwrap_or(u64::MAX), before + 1));
    }
    chains.into_iter().map(|(_, length)| length).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(number: u64, began: u64, ended: Option<u64>) -> Call {
        Call { number, operation: Operation::Get, path: String::new(), began, ended }
    }

    #[test]
    fn what_runs_side_by_side_counts_once() {
        let calls = [call(1, 1, Some(3)), call(2, 2, Some(6)), call(3, 4, Some(5)), call(4, 7, None)];
        assert_eq!(round_trips(&calls), 3);
        assert_eq!(round_trips(&[]), 0);
    }
}
