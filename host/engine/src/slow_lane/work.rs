//! What the lane's threads do: take the call whose turn it is, give it a slice,
//! put it back or end it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    task::Poll,
    time::{Duration, Instant},
};

use extensions_fair::{FairQueue, Lane, Turn};
use extensions_types::ErrorCode;

use super::{Entry, sleepers::Sleepers};
use crate::{
    call::{Failure, Outcome},
    figures::{Counters, Dropped},
    slice::Sliced,
};

/// What the lane's threads share. Nobody else takes its lock.
pub(crate) struct Shared {
    queue: Mutex<Queue>,
    pub(crate) sleepers: Sleepers,
    pub(crate) counters: Arc<Counters>,
    closed: AtomicBool,
    /// Callers have left since the queue was last searched for their calls.
    left: AtomicBool,
}

struct Queue {
    inbox: mpsc::Receiver<Entry>,
    /// Unbounded of itself: whoever is in it has its place in the lane's room.
    fair: FairQueue<Entry>,
    /// Calls that cannot begin before others end: their memory is not free.
    parked: Vec<Entry>,
}

impl Queue {
    fn receive(&mut self) {
        while let Ok(entry) = self.inbox.try_recv() {
            self.add(entry);
        }
    }

    fn add(&mut self, entry: Entry) {
        let share = Arc::clone(entry.call.share());
        assert!(self.fair.push(&share, entry).is_ok(), "a queue for any number of calls is never full");
    }

    /// The call whose turn it is, with the memory that it needs.
    fn next(&mut self) -> Option<(Turn, Entry)> {
        self.receive();
        loop {
            let Some((turn, mut entry)) = self.fair.pop() else {
                if self.unpark() {
                    continue;
                }
                return None;
            };
            if entry.hold_memory() {
                return Some((turn, entry));
            }
            // Under the lock: whoever frees memory looks at the parked calls after it.
            self.fair.settle(turn, Duration::ZERO);
            self.parked.push(entry);
        }
    }

    /// Lets those begin whose memory is free now; says whether there were any.
    fn unpark(&mut self) -> bool {
        let free: Vec<_> = self.parked.extract_if(.., Entry::hold_memory).collect();
        let any = !free.is_empty();
        free.into_iter().for_each(|entry| self.add(entry));
        any
    }

    fn take_where(&mut self, unwanted: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        self.receive();
        let mut taken = self.fair.take_where(&unwanted);
        taken.extend(self.parked.extract_if(.., |entry| unwanted(entry)));
        taken
    }
}

impl Shared {
    pub(crate) fn new(inbox: mpsc::Receiver<Entry>, sleepers: Sleepers, counters: Arc<Counters>) -> Self {
        let queue = Queue { inbox, fair: FairQueue::new(Lane::Slow, usize::MAX), parked: Vec::new() };
        Self { queue: Mutex::new(queue), sleepers, counters, closed: AtomicBool::new(false), left: AtomicBool::new(false) }
    }

    pub(crate) fn caller_left(&self) {
        self.left.store(true, SeqCst);
        self.sleepers.wake_for_more();
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, SeqCst);
        self.sleepers.wake_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(SeqCst)
    }

    /// Idle thread `number`'s life.
    pub(crate) fn work(&self, number: usize) {
        while !self.is_closed() {
            match self.turn() {
                Some(cpu) => self.counters.slow_idle(cpu),
                None => self.sleepers.sleep(number, || self.is_closed() || self.has_work()),
            }
        }
        self.end_all();
    }

    /// Gives one slice to the call whose turn it is: what it took, and what it
    /// took to end calls whose callers have left. None where there was nothing.
    pub(crate) fn turn(&self) -> Option<Duration> {
        let ended = self.end_those_whose_caller_left();
        let next = self.lock().next();
        match next {
            Some((turn, entry)) => Some(ended + self.run(turn, entry)),
            None => Some(ended).filter(|ended| !ended.is_zero()),
        }
    }

    /// Ends what waits when the lane has closed. Each thread does it after its
    /// last slice, so that no call is left.
    pub(crate) fn end_all(&self) {
        let left = self.lock().take_where(|_| true);
        for entry in left {
            self.end(entry, Failure::new(ErrorCode::Unavailable, "the host is stopping"), Dropped::Stopping);
        }
    }

    fn run(&self, turn: Turn, mut entry: Entry) -> Duration {
        if let Some((failure, why)) = entry.call.not_worth_beginning(Instant::now()) {
            self.end(entry, failure, why);
            self.lock().fair.settle(turn, Duration::ZERO);
            return Duration::ZERO;
        }
        if entry.call.is_call() && !entry.call.has_begun() {
            self.counters.begun_slowly();
        }
        match entry.call.poll_slice(Lane::Slow) {
            Poll::Pending => {
                let cpu = entry.call.last_slice();
                self.lock().fair.put_back(turn, cpu, entry);
                cpu
            }
            Poll::Ready(outcome) => {
                let cpu = entry.call.last_slice();
                self.lock().fair.settle(turn, cpu);
                self.ended(entry, outcome);
                cpu
            }
        }
    }

    fn ended(&self, entry: Entry, outcome: Outcome) {
        entry.ended(outcome);
        self.let_begin();
    }

    /// Memory may be free: those that wait for it try again.
    fn let_begin(&self) {
        if self.lock().unpark() {
            self.sleepers.wake_an_idle_one();
        }
    }

    /// Ends a call without another slice.
    fn end(&self, entry: Entry, failure: Failure, why: Dropped) {
        let Entry { call, done, place, .. } = entry;
        if !call.has_begun() {
            self.dropped(&call, why);
        }
        let outcome = call.abandon(failure);
        drop(place);
        // Who left does not want it.
        let _ = done.send(outcome);
        self.let_begin();
    }

    /// Counts a call, not a start made ahead.
    pub(crate) fn dropped(&self, call: &Sliced, why: Dropped) {
        if call.is_call() {
            self.counters.dropped(Lane::Slow, why);
        }
    }

    /// They do not wait for their turns, nor do their places. A guest that has
    /// begun stops itself as soon as it goes on, and its log is kept; says what
    /// CPU time that took.
    fn end_those_whose_caller_left(&self) -> Duration {
        if !self.left.load(SeqCst) || !self.left.swap(false, SeqCst) {
            return Duration::ZERO;
        }
        let left = self.lock().take_where(|entry| entry.call.is_caller_gone());
        let mut cpu = Duration::ZERO;
        for mut entry in left {
            if let Some((failure, why)) = entry.call.not_worth_beginning(Instant::now()) {
                self.end(entry, failure, why);
                continue;
            }
            let polled = entry.call.poll_slice(Lane::Slow);
            cpu += entry.call.last_slice();
            match polled {
                Poll::Ready(outcome) => self.ended(entry, outcome),
                Poll::Pending => self.lock().add(entry),
            }
        }
        cpu
    }

    fn has_work(&self) -> bool {
        let mut queue = self.lock();
        queue.receive();
        !queue.fair.is_empty() || queue.unpark()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No code that can panic runs under the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
