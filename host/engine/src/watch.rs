//! Which threads run a slice, and since when.

use std::{
    cell::RefCell,
    marker::PhantomData,
    sync::{
        Arc, LazyLock, Mutex, PoisonError, TryLockError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// Every thread that ever ran a slice of one engine, while it is there.
#[derive(Debug, Default)]
pub(crate) struct Watches(Mutex<Vec<Weak<Watch>>>);

/// One thread's slice: its beginning in nanoseconds after [`START`], 0 while it runs none.
/// Alone on its cache line: its own thread writes it in every call.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Watch(AtomicU64);

/// A slice runs on this thread, until this is dropped there.
pub(crate) struct Running(PhantomData<*const ()>);

thread_local! {
    /// The watch of the engine that this thread last ran a slice of. A process
    /// has one engine, but for tests.
    static WATCH: RefCell<Option<(Weak<Watches>, Arc<Watch>)>> = const { RefCell::new(None) };
}

/// Before every time that is told here.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Watches {
    /// A slice begins at `now` on this thread.
    pub(crate) fn begin(this: &Arc<Self>, now: Instant) -> Running {
        WATCH.with_borrow_mut(|known| match known {
            Some((watches, watch)) if std::ptr::eq(watches.as_ptr(), Arc::as_ptr(this)) => watch.begin(now),
            _ => known.insert((Arc::downgrade(this), this.add())).1.begin(now),
        });
        Running(PhantomData)
    }

    fn add(&self) -> Arc<Watch> {
        LazyLock::force(&START);
        let watch = Arc::<Watch>::default();
        let mut watches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watches.retain(|watch| watch.strong_count() > 0);
        watches.push(Arc::downgrade(&watch));
        watch
    }

    /// For how long the oldest slice has run.
    pub(crate) fn oldest(&self, now: Instant) -> Option<Duration> {
        let watches = match self.0.try_lock() {
            Ok(watches) => watches,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // A thread is being added, and may have lost its core: whatever runs may be old.
            Err(TryLockError::WouldBlock) => return Some(Duration::MAX),
        };
        let began = watches.iter().filter_map(Weak::upgrade).map(|watch| watch.0.load(Relaxed)).filter(|began| *began > 0).min()?;
        Some(Duration::from_nanos(since_start(now).saturating_sub(began)))
    }
}

impl Watch {
    fn begin(&self, now: Instant) {
        self.0.store(since_start(now), Relaxed);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        WATCH.with_borrow(|known| known.iter().for_each(|(_, watch)| watch.0.store(0, Relaxed)));
    }
}

/// Never 0.
fn since_start(at: Instant) -> u64 {
    // 2^64 ns are 584 years.
    u64::try_from(at.saturating_duration_since(*START).as_nanos()).unwrap_or(u64::MAX - 1) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_all_threads_is_found() {
        let (watches, other) = (Arc::new(Watches::default()), Arc::new(Watches::default()));
        let millis = Duration::from_millis;
        drop(Watches::begin(&watches, Instant::now()));
        let now = Instant::now() + millis(100);
        assert_eq!(watches.oldest(now), None);
        let running = Watches::begin(&watches, now - millis(3));
        std::thread::scope(|scope| {
            let other_thread = scope.spawn(|| {
                let running = Watches::begin(&watches, now - millis(5));
                assert_eq!(watches.oldest(now), Some(millis(5)));
                drop(running);
            });
            // The scope alone waits for the closure, not for what the thread kept.
            other_thread.join().unwrap();
        });
        assert_eq!((watches.oldest(now), other.oldest(now)), (Some(millis(3)), None));
        drop(running);
        assert_eq!(watches.oldest(now), None);
        // A thread may run slices of another engine in between.
        let running = Watches::begin(&other, now - millis(1));
        assert_eq!((watches.oldest(now), other.oldest(now)), (None, Some(millis(1))));
        drop(running);
        assert_eq!(watches.0.lock().unwrap().iter().filter(|watch| watch.strong_count() > 0).count(), 0, "nothing is kept of them");
    }
}
