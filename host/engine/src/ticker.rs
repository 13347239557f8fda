//! The clock that interrupts guests: one OS thread, so that no executor can
//! hold it up. It ticks where a slice is over, and rests while no guest runs.
//!
//! Waking a thread costs some microseconds of a core, on a virtual machine
//! three times as much. Most guests end long before their slice: threads say
//! when their slices began, and the clock wakes when the next one may be over.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread::{self, JoinHandle, Thread},
    time::{Duration, Instant},
};

use wasmtime::Engine;

use crate::{
    budget::SLICE,
    scheduling::be_prompt,
    watch::{Running, Watches},
};

/// No slice runs for longer before the clock looks at it: a guest delays the
/// I/O of its thread by this much and the clock's own lateness.
const UNSEEN_MAX: Duration = Duration::from_millis(1);
/// Without a slice for so many looks (32 ms), the clock rests.
const LOOKS_UNTIL_REST: u32 = 32;

/// Tells the ticker that guests run.
#[derive(Debug, Default)]
pub(crate) struct Beat {
    /// Written once in [`LOOKS_UNTIL_REST`]; otherwise only read, so that threads do not compete for it.
    felt: AtomicBool,
    resting: AtomicBool,
    ticker: OnceLock<Thread>,
    stop: AtomicBool,
    ticks: AtomicU64,
    watches: Arc<Watches>,
}

impl Beat {
    /// A slice begins at `now` on this thread; it is over when this is dropped.
    pub(crate) fn slice(&self, now: Instant) -> Running {
        let running = Watches::begin(&self.watches, now);
        if !self.felt.load(Relaxed) {
            self.wake();
        }
        running
    }

    /// How often the clock has ticked.
    pub(crate) fn ticks(&self) -> u64 {
        self.ticks.load(Relaxed)
    }

    #[cold]
    fn wake(&self) {
        // Written before `resting` is read; the ticker does it the other way round, so one of the two sees the other.
        self.felt.store(true, SeqCst);
        if self.resting.load(SeqCst)
            && let Some(ticker) = self.ticker.get()
        {
            ticker.unpark();
        }
    }

    /// Blocks until a slice begins or the ticker is to stop.
    fn rest(&self) {
        self.resting.store(true, SeqCst);
        while !self.felt.load(SeqCst) && !self.stop.load(SeqCst) {
            thread::park();
        }
        self.resting.store(false, SeqCst);
    }

    /// The ticker's life.
    fn keep(&self, tick: impl Fn()) {
        while !self.stop.load(SeqCst) {
            let mut quiet = true;
            for _ in 0..LOOKS_UNTIL_REST {
                let oldest = self.watches.oldest(Instant::now());
                quiet &= oldest.is_none();
                let look = look(oldest);
                if look.is_over {
                    // The clock's own thread alone writes it.
                    self.ticks.store(self.ticks() + 1, Relaxed);
                    tick();
                }
                thread::sleep(look.again_after);
            }
            if !self.felt.swap(false, SeqCst) && quiet {
                self.rest();
            }
        }
    }
}

/// What the ticker does when it looks.
#[derive(Debug, PartialEq, Eq)]
struct Look {
    /// Whether some slice is over: the epoch ticks.
    is_over: bool,
    again_after: Duration,
}

/// Decides by how long the oldest slice has run.
fn look(oldest: Option<Duration>) -> Look {
    let is_over = oldest.is_some_and(|age| age >= SLICE);
    let again_after = match oldest {
        // A guest that runs long does so in slices; the next one may begin now.
        Some(_) if is_over => SLICE,
        // As a rule it ends long before.
        Some(age) => UNSEEN_MAX - age,
        None => UNSEEN_MAX,
    };
    Look { is_over, again_after }
}

/// Ticks an engine's epoch while guests outlive their slices, until dropped.
pub(crate) struct Ticker {
    beat: Arc<Beat>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let engine = engine.clone();
        Self::ticking(move || engine.increment_epoch())
    }

    fn ticking(tick: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let beat = Arc::new(Beat::default());
        let beats = Arc::clone(&beat);
        let thread = thread::Builder::new().name("epoch-ticker".to_owned()).spawn(move || {
            let _ = beats.ticker.set(thread::current());
            // A late tick is CPU time beyond a limit, and I/O that waits.
            be_prompt();
            beats.keep(tick);
        })?;
        Ok(Self { beat, thread: Some(thread) })
    }

    pub(crate) fn beat(&self) -> &Arc<Beat> {
        &self.beat
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.beat.stop.store(true, SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // The thread does nothing that can panic.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// No test waits longer; only a failure is this slow.
    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn no_slice_is_unseen_for_longer_than_a_millisecond() {
        let micros = Duration::from_micros;
        assert_eq!(look(None), Look { is_over: false, again_after: micros(1_000) });
        assert_eq!(look(Some(micros(10))), Look { is_over: false, again_after: micros(990) });
        assert_eq!(look(Some(micros(499))), Look { is_over: false, again_after: micros(501) });
        assert_eq!(look(Some(SLICE)), Look { is_over: true, again_after: SLICE });
        assert_eq!(look(Some(micros(7_000))), Look { is_over: true, again_after: SLICE });
    }

    fn until(mut happened: impl FnMut() -> bool) {
        let since = Instant::now();
        while !happened() {
            assert!(since.elapsed() < PATIENCE, "it never happened");
            thread::yield_now();
        }
    }

    #[test]
    fn it_ticks_for_a_slice_that_is_over_and_rests_when_nothing_runs() {
        let (ticked, ticks) = mpsc::channel();
        let ticker = Ticker::ticking(move || {
            let _ = ticked.send(());
        })
        .unwrap();
        for _ in 0..3 {
            let running = ticker.beat().slice(Instant::now());
            for _ in 0..100 {
                ticks.recv_timeout(PATIENCE).unwrap();
            }
            assert!(!ticker.beat().resting.load(SeqCst), "a slice runs");
            drop(running);
            until(|| ticker.beat().resting.load(SeqCst));
            while ticks.try_recv().is_ok() {}
        }
    }

    #[test]
    fn it_ends_while_it_rests() {
        let ticker = Ticker::ticking(|| {}).unwrap();
        until(|| ticker.beat().resting.load(SeqCst));
        drop(ticker);
    }
}
