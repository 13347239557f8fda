//! The fast lane: calls that begin on the thread that received them.
//!
//! While nothing waits there and the thread has lately looked at its I/O, a call
//! begins at once. Else it waits in the thread's own fair queue, and a task of
//! the thread's runtime, which is there only while something waits, gives turns:
//! as many as fit into one cycle, then the runtime looks at its I/O. What a
//! tenant uses on other threads is seen through its share; no thread ever waits
//! for another one.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use extensions_fair::{FairQueue, Full, Lane, Ticket};
use extensions_types::ErrorCode;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::oneshot,
};

use crate::{
    budget::SLICE,
    call::{Failure, Outcome},
    figures::{Counters, Dropped, FastWait},
    slice::Sliced,
};

/// Guest time between two looks at I/O. The last call of a cycle may take a
/// slice more, so that I/O waits for a millisecond at most.
const CYCLE: Duration = SLICE;
/// Calls that wait on one thread, some KiB each and their input of 64 KiB at most. A machine that stood still for 200 ms
/// brings a tenant's calls by the thousand: one that is alone may have half of the room, 50 ms of short calls.
pub(crate) const WAITING_MAX: usize = 4_096;

/// What became of a call's first slice.
pub(crate) enum Turned {
    Ended(Outcome),
    /// It outlived the slice.
    GoesOn(Sliced),
}

thread_local! {
    static THREAD: Arc<Thread> = Arc::default();
}

/// The lane on one thread. Its own thread alone uses it, but for a waiting call
/// or a runtime that is dropped elsewhere.
#[derive(Default)]
struct Thread {
    waiting: AtomicUsize,
    /// Guest time since the last look at I/O.
    cycle_nanos: AtomicU64,
    turns: Mutex<Turns>,
}

struct Turns {
    queue: FairQueue<Waiting>,
    /// No call that waits has its end before.
    next_end: Option<Instant>,
    /// Alive while a task gives turns.
    driver: Weak<Driver>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { queue: FairQueue::new(Lane::Fast, WAITING_MAX), next_end: None, driver: Weak::new() }
    }
}

/// Held by the task that gives turns.
struct Driver;

/// A call that waits for its first slice.
struct Waiting {
    call: Sliced,
    done: oneshot::Sender<Turned>,
    since: Instant,
    counted: FastWait,
}

/// The runtime of this thread looks at its I/O now: the next calls begin at once.
///
/// For runtimes that call it when they park; without it, each cycle's end costs
/// a call some microseconds.
pub fn looked_at_io() {
    // A thread that ends has no calls.
    let _ = THREAD.try_with(|thread| thread.cycle_nanos.store(0, Relaxed));
}

/// Whether a call may begin at once on this thread.
pub(crate) fn is_free() -> bool {
    THREAD.with(|thread| thread.is_free())
}

/// The guest has run for so long on this thread.
pub(crate) fn used(cpu: Duration) {
    THREAD.with(|thread| thread.used(cpu));
}

/// Waits for a turn on this thread and gives the call its first slice. Where
/// no runtime's thread would be held up, there is nothing to wait for.
pub(crate) async fn take_turn(call: Sliced, counters: &Arc<Counters>) -> Turned {
    let runtime = Handle::try_current().ok().filter(|runtime| runtime.runtime_flavor() == RuntimeFlavor::CurrentThread);
    let Some(runtime) = runtime else { return first_slice(call) };
    match THREAD.with(|thread| thread.wait(call, counters, &runtime)) {
        Ok(waiter) => waiter.await,
        Err(refused) => Turned::Ended(*refused),
    }
}

fn first_slice(mut call: Sliced) -> Turned {
    match call.poll_slice(Lane::Fast) {
        Poll::Ready(outcome) => Turned::Ended(outcome),
        Poll::Pending => Turned::GoesOn(call),
    }
}

/// How a call ends for which a lane has no place.
pub(crate) fn no_place(full: Full) -> (Failure, Dropped) {
    let (text, why) = match full {
        Full::ForAll => ("this host has no room for another call now; try again", Dropped::Full),
        Full::ForTenant => ("the tenant has as many calls waiting on this host as there is room for; try again", Dropped::TenantFull),
    };
    (Failure::new(ErrorCode::Overloaded, text), why)
}

impl Thread {
    fn is_free(&self) -> bool {
        self.waiting.load(Relaxed) == 0 && self.has_time()
    }

    fn has_time(&self) -> bool {
        self.cycle_nanos.load(Relaxed) < CYCLE.as_nanos() as u64
    }

    fn used(&self, cpu: Duration) {
        // One thread writes it: no need for an atomic addition.
        let used = self.cycle_nanos.load(Relaxed).saturating_add(u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX));
        self.cycle_nanos.store(used, Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Turns> {
        // No code that can panic halfway runs under the lock.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(self: &Arc<Self>, call: Sliced, counters: &Arc<Counters>, runtime: &Handle) -> Result<Waiter, Box<Outcome>> {
        let share = Arc::clone(call.share());
        let end = call.end_at();
        let (done, turned) = oneshot::channel();
        let waiting = Waiting { call, done, since: Instant::now(), counted: FastWait::begin(counters) };
        let mut turns = self.lock();
        let ticket = match turns.queue.push(&share, waiting) {
            Ok(ticket) => ticket,
            Err((full, waiting)) => {
                drop(turns);
                let (failure, why) = no_place(full);
                return Err(Box::new(waiting.abandon(failure, why).0));
            }
        };
        turns.next_end = Some(turns.next_end.map_or(end, |next| next.min(end)));
        self.waiting.store(turns.queue.len(), Relaxed);
        if turns.driver.strong_count() == 0 {
            let driver = Arc::new(Driver);
            turns.driver = Arc::downgrade(&driver);
            let thread = Arc::clone(self);
            drop(turns);
            runtime.spawn(async move { thread.drive(driver).await });
        }
        Ok(Waiter { thread: Arc::clone(self), ticket, turned })
    }

    /// Gives turns until nothing waits.
    async fn drive(&self, driver: Arc<Driver>) {
        loop {
            // The runtime looks at its I/O before it goes on here.
            tokio::task::yield_now().await;
            self.cycle_nanos.store(0, Relaxed);
            self.drop_those_whose_time_is_over(Instant::now());
            while self.has_time() && self.give_turn() {}
            // The same thread adds to the queue: nothing comes in between.
            if self.has_time() && self.lock().queue.is_empty() {
                return drop(driver);
            }
        }
    }

    /// Whether there was one to give.
    fn give_turn(&self) -> bool {
        let mut turns = self.lock();
        let Some((turn, waiting)) = turns.queue.pop() else { return false };
        self.waiting.store(turns.queue.len(), Relaxed);
        drop(turns);
        let cpu = waiting.take_turn();
        self.used(cpu);
        self.lock().queue.settle(turn, cpu);
        true
    }

    /// Looks at all only when the next one's time is over.
    fn drop_those_whose_time_is_over(&self, now: Instant) {
        let mut turns = self.lock();
        if turns.next_end.is_none_or(|end| now < end) {
            return;
        }
        let over = turns.queue.take_where(|waiting| waiting.call.end_at() <= now);
        turns.next_end = turns.queue.iter().map(|waiting| waiting.call.end_at()).min();
        self.waiting.store(turns.queue.len(), Relaxed);
        drop(turns);
        for waiting in over {
            waiting.take_turn();
        }
    }

    /// The caller has left.
    fn leave(&self, ticket: Ticket) {
        let mut turns = self.lock();
        let left = turns.queue.remove(ticket);
        self.waiting.store(turns.queue.len(), Relaxed);
        drop(turns);
        if let Some(waiting) = left {
            waiting.abandon(Sliced::caller_left(), Dropped::CallerGone);
        }
    }
}

impl Waiting {
    /// Runs the first slice, if that still makes sense; says what CPU time it took.
    fn take_turn(mut self) -> Duration {
        let now = Instant::now();
        if self.done.is_closed() {
            self.abandon(Sliced::caller_left(), Dropped::CallerGone);
            return Duration::ZERO;
        }
        if let Some((failure, why)) = self.call.not_worth_beginning(now) {
            let (outcome, done) = self.abandon(failure, why);
            // Whoever left meanwhile does not want it.
            let _ = done.send(Turned::Ended(outcome));
            return Duration::ZERO;
        }
        self.counted.over(now.saturating_duration_since(self.since));
        let polled = self.call.poll_slice(Lane::Fast);
        let cpu = self.call.last_slice();
        let turned = match polled {
            Poll::Ready(outcome) => Turned::Ended(outcome),
            Poll::Pending => Turned::GoesOn(self.call),
        };
        if let Err(Turned::GoesOn(call)) = self.done.send(turned) {
            call.abandon(Sliced::caller_left());
        }
        cpu
    }

    fn abandon(self, failure: Failure, why: Dropped) -> (Outcome, oneshot::Sender<Turned>) {
        self.counted.dropped(why);
        (self.call.abandon(failure), self.done)
    }
}

/// Waits for its call's turn; dropping it takes the call out of the queue.
struct Waiter {
    thread: Arc<Thread>,
    ticket: Ticket,
    turned: oneshot::Receiver<Turned>,
}

impl Future for Waiter {
    type Output = Turned;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Turned> {
        let turned = ready!(Pin::new(&mut self.turned).poll(context));
        // Only a runtime that ends drops what gives turns.
        Poll::Ready(turned.unwrap_or_else(|_| Turned::Ended(Outcome::failed(Failure::new(ErrorCode::Unavailable, "the host is stopping")))))
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        // Its turn came: it is not there any more.
        if self.turned.is_terminated() {
            return;
        }
        self.thread.leave(self.ticket);
        // The turn may be over with nobody having looked: what goes on then has an end and an account, too.
        if let Ok(Turned::GoesOn(call)) = self.turned.try_recv() {
            call.abandon(Sliced::caller_left());
        }
    }
}
