//! The slow lane: calls that outlive their slice go on here, off the I/O threads.
//!
//! A few threads of idle scheduling class take what I/O leaves over; one of
//! normal class, kept to a tenth of a core by its own CPU clock, is the lane's
//! minimum share when I/O leaves nothing. Every call gets a slice in turn.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::Poll,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use extensions_types::ErrorCode;
use tokio::sync::oneshot;

use crate::{
    call::{Failure, Outcome},
    clock::thread_cpu,
    slice::Sliced,
};

/// The normal-class thread runs one part of this many.
const MINIMUM_SHARE_OF: u32 = 10;

/// The lane's bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LaneSize {
    /// Calls in the lane, running or waiting their turn.
    pub(crate) calls_max: usize,
    /// Sum of their memory limits.
    pub(crate) memory_bytes_max: usize,
    /// Threads of idle class.
    pub(crate) idle_threads: usize,
}

/// The lane takes no more calls now.
#[derive(Debug)]
pub(crate) struct Full(pub(crate) Sliced);

struct Entry {
    call: Sliced,
    done: oneshot::Sender<Outcome>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Entry>,
    calls: usize,
    memory_bytes: usize,
    closed: bool,
}

struct Shared {
    size: LaneSize,
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// Threads and queue; ends them when dropped.
pub(crate) struct SlowLane {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl SlowLane {
    pub(crate) fn start(size: LaneSize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { size, queue: Mutex::default(), changed: Condvar::new() });
        let mut threads = Vec::new();
        for at in 0..size.idle_threads {
            let shared = Arc::clone(&shared);
            threads.push(thread::Builder::new().name(format!("slow-idle-{at}")).spawn(move || {
                be_idle();
                shared.work(|_| {});
            })?);
        }
        let minimum = Arc::clone(&shared);
        threads.push(thread::Builder::new().name("slow-minimum".to_owned()).spawn(move || minimum.work(rest_after))?);
        Ok(Self { shared, threads })
    }

    /// Hands a call over; its outcome arrives when it has ended, whether or
    /// not anyone waits for it.
    pub(crate) fn submit(&self, call: Sliced) -> Result<oneshot::Receiver<Outcome>, Box<Full>> {
        let (done, outcome) = oneshot::channel();
        let memory_bytes = call.limits().memory_bytes();
        let mut queue = self.shared.lock();
        let size = self.shared.size;
        if queue.closed || queue.calls >= size.calls_max || queue.memory_bytes + memory_bytes > size.memory_bytes_max {
            return Err(Box::new(Full(call)));
        }
        queue.calls += 1;
        queue.memory_bytes += memory_bytes;
        queue.waiting.push_back(Entry { call, done });
        drop(queue);
        self.shared.changed.notify_one();
        Ok(outcome)
    }

    /// Calls in the lane now.
    pub(crate) fn calls(&self) -> usize {
        self.shared.lock().calls
    }
}

impl Drop for SlowLane {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A panic there was in the lane itself; it has been reported on its thread.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No code that can panic runs under the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes calls in turn, a slice each, until the lane closes.
    fn work(&self, after_slice: impl Fn(Duration)) {
        while let Some(mut entry) = self.next() {
            let before = thread_cpu();
            match entry.call.poll_slice() {
                Poll::Pending => self.again(entry),
                Poll::Ready(outcome) => self.finish(entry, outcome),
            }
            after_slice(thread_cpu().saturating_sub(before));
        }
    }

    /// The next call; none once the lane is closed. What still waits then is ended by name.
    fn next(&self) -> Option<Entry> {
        let mut queue = self.lock();
        loop {
            let entry = queue.waiting.pop_front();
            match entry {
                Some(entry) if queue.closed => {
                    drop(queue);
                    self.close(entry);
                    queue = self.lock();
                }
                Some(entry) => return Some(entry),
                None if queue.closed => return None,
                None => queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn again(&self, entry: Entry) {
        self.lock().waiting.push_back(entry);
        self.changed.notify_one();
    }

    fn finish(&self, entry: Entry, outcome: Outcome) {
        let Entry { call, done } = entry;
        let memory_bytes = call.limits().memory_bytes();
        // The instance is gone before its place is free.
        drop(call);
        let mut queue = self.lock();
        queue.calls -= 1;
        queue.memory_bytes -= memory_bytes;
        drop(queue);
        // The caller may be gone; the outcome has been observed all the same.
        let _ = done.send(outcome);
    }

    fn close(&self, entry: Entry) {
        let Entry { call, done } = entry;
        let outcome = call.abandon(Failure::new(ErrorCode::Unavailable, "the host is stopping"));
        let _ = done.send(outcome);
    }
}

/// Keeps the calling thread to its minimum share: nine parts rest after one of work.
fn rest_after(worked: Duration) {
    thread::sleep(worked * (MINIMUM_SHARE_OF - 1));
}

/// Gives the calling thread the kernel's idle class: it runs when nobody else wants to.
fn be_idle() {
    let parameters = libc::sched_param { sched_priority: 0 };
    #[allow(unsafe_code, reason = "rustix has no call for scheduling classes")]
    // SAFETY: the pointer is to a live, initialised sched_param; 0 names the calling thread.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameters) };
    if result != 0 {
        tracing::warn!(error = %std::io::Error::last_os_error(), "cannot take the idle scheduling class; slow calls compete with I/O");
    }
}

/// The time from now to `end`.
pub(crate) fn until(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}
