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
    recent::Recent,
    record::Record,
    totals::{Totals, nanos},
};

/// One thread's counts. Aligned so that two shards share no cache line.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Shard {
    pub(super) books: Arc<Books>,
    pub(super) totals: Totals,
    recent: Mutex<Recent>,
}

impl Shard {
    pub(super) fn new(books: Arc<Books>) -> Self {
        Self { books, totals: Totals::default(), recent: Mutex::default() }
    }

    /// Counts and logs one record.
    pub(super) fn enter(&self, record: &Record<'_>) {
        self.totals.add(record);
        if let Some(definition) = record.definition {
            let counts = Counts {
                ended: Class::ALL.map(|class| u64::from(class == class_of(record))),
                cpu_nanos: nanos(record.stats.cpu),
                fallbacks: record.fallback.is_some().into(),
            };
            let mut recent = self.recent();
            recent.add(definition, counts);
            let full = recent.is_full().then(|| mem::take(&mut *recent));
            drop(recent);
            if let Some(full) = full {
                self.books.take_over(&full);
            }
        }
        self.books.listen_for_chatter(record);
        record.log();
    }

    /// Gives what was counted since the last time to the books.
    pub(super) fn hand_over(&self) {
        // The thread goes on counting meanwhile.
        let recent = mem::take(&mut *self.recent());
        self.books.take_over(&recent);
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        // Every count is whole.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
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
