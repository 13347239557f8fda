//! Threads of the lane that have nothing to do, and how they are woken: without
//! a lock, since whoever wakes them must never wait for one of them.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering::SeqCst, fence},
    },
    thread::{self, Thread},
    time::Duration,
};

/// The idle threads by number, and the one that keeps the minimum share.
pub(crate) struct Sleepers {
    idle: Vec<Bed>,
    minimum: Bed,
}

#[derive(Default)]
struct Bed {
    thread: OnceLock<Thread>,
    asleep: AtomicBool,
}

impl Bed {
    /// Wakes its thread if it sleeps; says whether it did.
    fn wake(&self) -> bool {
        let slept = self.asleep.load(SeqCst) && self.asleep.swap(false, SeqCst);
        if slept && let Some(thread) = self.thread.get() {
            thread.unpark();
        }
        slept
    }

    /// Sleeps until it is woken, unless there is work, which is looked for once
    /// more after others can see that this thread sleeps.
    fn sleep(&self, has_work: impl FnOnce() -> bool) {
        self.thread.get_or_init(thread::current);
        self.asleep.store(true, SeqCst);
        // Whoever adds work does it before it looks who sleeps: one of both sees the other.
        fence(SeqCst);
        if has_work() {
            self.asleep.store(false, SeqCst);
            return;
        }
        while self.asleep.load(SeqCst) {
            thread::park();
        }
    }
}

impl Sleepers {
    pub(crate) fn new(idle_threads: usize) -> Self {
        Self { idle: (0..idle_threads).map(|_| Bed::default()).collect(), minimum: Bed::default() }
    }

    /// There is one more call: one more idle thread takes it, and the minimum
    /// share is watched over.
    pub(crate) fn wake_for_more(&self) {
        fence(SeqCst);
        self.idle.iter().any(Bed::wake);
        self.minimum.wake();
    }

    /// A call that one thread leaves, another one may take on.
    pub(crate) fn wake_an_idle_one(&self) {
        fence(SeqCst);
        self.idle.iter().any(Bed::wake);
    }

    pub(crate) fn wake_all(&self) {
        fence(SeqCst);
        for bed in self.idle.iter().chain([&self.minimum]) {
            bed.wake();
        }
        // It may be at rest between two turns.
        self.minimum.thread.get().inspect(|thread| thread.unpark());
    }

    /// Puts idle thread `number`, the calling one, to sleep.
    pub(crate) fn sleep(&self, number: usize, has_work: impl FnOnce() -> bool) {
        self.idle[number].sleep(has_work);
    }

    /// Puts the thread of the minimum share, the calling one, to sleep.
    pub(crate) fn sleep_minimum(&self, has_work: impl FnOnce() -> bool) {
        self.minimum.sleep(has_work);
    }

    /// Waits for `length`, or until the lane closes: then it is woken early.
    pub(crate) fn rest(length: Duration) {
        thread::park_timeout(length);
    }
}
