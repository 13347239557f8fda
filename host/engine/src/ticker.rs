//! The clock that interrupts guests: one OS thread, so that no executor can
//! hold it up. It rests while no guest runs.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{
            AtomicBool,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread::{self, JoinHandle, Thread},
};

use wasmtime::Engine;

use crate::{budget::SLICE, scheduling::be_prompt};

/// Without a slice for this many ticks (32 ms), the ticker rests. A slice under
/// way has met its deadline long before, and says so when it goes on.
const TICKS_UNTIL_REST: u32 = 64;

/// Tells the ticker that guests run.
#[derive(Debug, Default)]
pub(crate) struct Beat {
    /// Written once in [`TICKS_UNTIL_REST`]; otherwise only read, so that threads do not compete for it.
    felt: AtomicBool,
    resting: AtomicBool,
    ticker: OnceLock<Thread>,
    stop: AtomicBool,
}

impl Beat {
    /// A slice begins or goes on: the epoch ticks for the next while.
    pub(crate) fn feel(&self) {
        if !self.felt.load(Relaxed) {
            self.wake();
        }
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
}

/// Ticks an engine's epoch every slice while guests run, until dropped.
pub(crate) struct Ticker {
    beat: Arc<Beat>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let engine = engine.clone();
        Self::every_slice(move || engine.increment_epoch())
    }

    fn every_slice(tick: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let beat = Arc::new(Beat::default());
        let beats = Arc::clone(&beat);
        let thread = thread::Builder::new().name("epoch-ticker".to_owned()).spawn(move || {
            let _ = beats.ticker.set(thread::current());
            // A late tick is CPU time beyond a limit, and I/O that waits.
            be_prompt();
            while !beats.stop.load(SeqCst) {
                for _ in 0..TICKS_UNTIL_REST {
                    thread::sleep(SLICE);
                    tick();
                }
                if !beats.felt.swap(false, SeqCst) {
                    beats.rest();
                }
            }
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
    use std::{sync::mpsc, time::Duration};

    use super::*;

    /// No test waits longer; only a failure is this slow.
    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn it_rests_when_nothing_runs_and_ticks_again_when_something_does() {
        let (ticked, ticks) = mpsc::channel();
        let ticker = Ticker::every_slice(move || {
            let _ = ticked.send(());
        })
        .unwrap();
        for _ in 0..3 {
            ticker.beat().feel();
            ticks.recv_timeout(PATIENCE).unwrap();
            let since = std::time::Instant::now();
            while !ticker.beat().resting.load(SeqCst) {
                assert!(since.elapsed() < PATIENCE, "it goes on ticking for nobody");
                thread::yield_now();
            }
            while ticks.try_recv().is_ok() {}
        }
    }

    #[test]
    fn it_ends_while_it_rests() {
        let ticker = Ticker::every_slice(|| {}).unwrap();
        let since = std::time::Instant::now();
        while !ticker.beat().resting.load(SeqCst) {
            assert!(since.elapsed() < PATIENCE);
            thread::yield_now();
        }
        drop(ticker);
    }
}
