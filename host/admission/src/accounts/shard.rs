//! Where a thread's records are counted: on counters that other threads do not
//! touch, which are summed when somebody looks.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use extensions_types::ErrorCode;

use super::{
    Books,
    busiest::{Class, Counts},
    late::Late,
    recent::Recent,
    record::Record,
    totals::{Totals, nanos},
};

/// One thread's counts. Aligned so that two shards share no cache line.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Shard {
    pub(super) books: Arc<Books>,
    /// Where accounts go that end on a thread that opens none.
    pub(super) late: Option<Late>,
    /// As a rule nobody else wants it: one lock costs less than ten atomic additions.
    counted: Mutex<Counted>,
}

/// What was counted since it was last handed over.
#[derive(Debug, Default)]
struct Counted {
    totals: Totals,
    recent: Recent,
}

impl Shard {
    pub(super) fn new(books: Arc<Books>, late: Option<Late>) -> Self {
        Self { books, late, counted: Mutex::default() }
    }

    /// Counts and logs one record.
    pub(super) fn enter(&self, record: &Record<'_>) {
        if let Some(full) = self.count(record) {
            self.books.take_over(&full);
        }
        self.books.listen_for_chatter(record);
        record.log();
    }

    /// Gives the table of recent ones where it is full.
    fn count(&self, record: &Record<'_>) -> Option<Recent> {
        let mut counted = self.counted();
        counted.totals.add(record);
        let counts = Counts {
            ended: Class::ALL.map(|class| u64::from(class == class_of(record))),
            cpu_nanos: nanos(record.stats.cpu),
            fallbacks: record.fallback.is_some().into(),
        };
        counted.recent.add(record.definition?, counts);
        counted.recent.is_full().then(|| mem::take(&mut counted.recent))
    }

    /// Counts a request that never had an account.
    pub(super) fn count_refused(&self, code: ErrorCode) {
        self.counted().totals.add_refused(Some(code));
    }

    /// Gives what was counted since the last time to the books, and all totals to `sum`.
    pub(super) fn hand_over(&self, sum: &mut Totals) {
        let mut counted = self.counted();
        *sum += &counted.totals;
        let recent = mem::take(&mut counted.recent);
        // The thread goes on counting meanwhile.
        drop(counted);
        self.books.take_over(&recent);
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        // Every count is whole.
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn class_of(record: &Record<'_>) -> Class {
    match record.end.code {
        None => Class::Answered,
        Some(_) if record.runs == 0 => Class::Refused,
        Some(ErrorCode::Rejected | ErrorCode::InvalidInput) => Class::Rejected,
        Some(_) => Class::Failed,
    }
}
