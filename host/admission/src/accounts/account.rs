//! One request's open account: who learns something of the request notes it
//! here, and when the last holder lets go it becomes one record.
//!
//! Held by admission until the caller is answered or gone, and by each of the
//! engine's calls until its instance is gone, whichever is later: so there is
//! always one record, with true totals, and it knows of the fallback too.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use extensions_engine::{Call, Observer, Outcome, Stats};
use extensions_types::{ErrorCode, ExecutionContext, ExtensionDefinition, Fallback, Refusal, Version};

use super::{
    late,
    record::{Batch, End, Fell, Record},
    shard::Shard,
};
use crate::guest_logs::Kept;

/// One request's open account.
#[derive(Debug)]
pub struct Account {
    pub(super) shard: Arc<Shard>,
    pub(crate) context: Arc<ExecutionContext>,
    batch: Batch,
    notes: Mutex<Notes>,
}

/// What has been noted so far.
#[derive(Debug, Default)]
struct Notes {
    definition: Option<Arc<ExtensionDefinition>>,
    /// The extension as it was asked for, where no version was found.
    asked: Option<Box<str>>,
    end: Option<End>,
    /// Of all runs.
    stats: Stats,
    runs: u32,
    fallback: Option<Fell>,
    /// What the guests logged.
    logs: Vec<Kept>,
    /// When the last run ended, by the runs' own clock.
    ended: Option<Instant>,
}

/// An account that nothing more comes to.
#[derive(Debug)]
pub(super) struct Ended {
    context: Arc<ExecutionContext>,
    batch: Batch,
    notes: Notes,
}

impl Account {
    pub(super) fn open(shard: Arc<Shard>, context: Arc<ExecutionContext>, batch: Batch) -> Arc<Self> {
        Arc::new(Self { shard, context, batch, notes: Mutex::default() })
    }

    /// The version that the request is for is known; a later one does not replace it.
    pub fn resolved(&self, definition: &Arc<ExtensionDefinition>) {
        self.notes().definition.get_or_insert_with(|| Arc::clone(definition));
    }

    /// The platform refused before any version of the `asked` extension ran;
    /// `quota` is the one that was used up. What ended first counts: a refusal
    /// of the last good version's run does not hide why it was asked for.
    pub fn refused(&self, asked: &str, refusal: &Refusal, quota: Option<&'static str>) {
        let mut notes = self.notes();
        if notes.definition.is_none() {
            notes.asked = Some(asked.into());
        }
        let end = || End { code: Some(refusal.code), reason: refusal.message.clone(), quota };
        notes.end.get_or_insert_with(end);
    }

    /// The failure contract answered; `served` is the version whose answer it is.
    pub fn fell_back(&self, fallback: &Fallback, served: Version) {
        let Fallback { action, cause, .. } = *fallback;
        self.notes().fallback = Some(Fell { action, cause, served });
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        // Every note is whole.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Account {
    fn ended(&self, call: &Call, definition: &Arc<ExtensionDefinition>, outcome: &mut Outcome) {
        let logs = Kept::of(call, definition, mem::take(&mut outcome.logs), outcome.logs_dropped);
        let mut notes = self.notes();
        notes.ended = Some(call.accepted + outcome.stats.wall);
        notes.definition.get_or_insert_with(|| Arc::clone(definition));
        if has_begun(outcome) {
            notes.runs += 1;
            notes.stats = if notes.runs == 1 { outcome.stats } else { both(notes.stats, outcome.stats) };
        }
        notes.logs.extend(logs);
        notes.end.get_or_insert_with(|| match &outcome.result {
            Ok(_) => End::default(),
            Err(failure) => End { code: Some(failure.code), reason: failure.message.clone(), quota: None },
        });
    }
}

/// Whether anything ran: a call that a lane had no place or time for took no CPU
/// time at all, and is a refusal.
fn has_begun(outcome: &Outcome) -> bool {
    !outcome.stats.cpu.is_zero()
}

/// What two runs for one request cost. The second one's waiting holds the first
/// one's run, so that its wall time is the request's.
fn both(first: Stats, second: Stats) -> Stats {
    Stats {
        cpu: first.cpu + second.cpu,
        wall: second.wall,
        queue: second.queue.saturating_sub(first.wall.saturating_sub(first.queue)),
        instantiate: first.instantiate + second.instantiate,
        guest: first.guest + second.guest,
        host_call_time: first.host_call_time + second.host_call_time,
        memory_peak_bytes: first.memory_peak_bytes.max(second.memory_peak_bytes),
        host_calls: first.host_calls + second.host_calls,
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let notes = self.notes.get_mut().unwrap_or_else(PoisonError::into_inner);
        match &self.shard.late {
            Some(late) if !late::may_enter() => {
                late.hand_over(Ended { context: Arc::clone(&self.context), batch: self.batch, notes: mem::take(notes) });
            }
            _ => notes.enter(&self.shard, &self.context, self.batch),
        }
    }
}

impl Ended {
    /// Makes the record of it.
    pub(super) fn enter(mut self, shard: &Shard) {
        self.notes.enter(shard, &self.context, self.batch);
    }
}

impl Notes {
    fn enter(&mut self, shard: &Shard, context: &ExecutionContext, batch: Batch) {
        for logs in self.logs.drain(..) {
            shard.books.guest_logs.append(context, logs);
        }
        // A caller that left before anything came of its request.
        let gone = || End { code: Some(ErrorCode::Deadline), reason: "the caller left before it was decided".to_owned(), quota: None };
        let end = self.end.get_or_insert_with(gone);
        shard.enter(&Record {
            context,
            asked: self.asked.as_deref(),
            definition: self.definition.as_ref(),
            end,
            stats: self.stats,
            runs: self.runs,
            fallback: self.fallback,
            batch,
            at: self.ended.unwrap_or_else(Instant::now),
        });
    }
}
