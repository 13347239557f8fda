//! Lines on their way out: those who log never wait for whoever reads.
//!
//! A thread of its own writes what lies in a bounded buffer. When nobody reads,
//! the buffer fills and plain lines are lost, counted, and told of as soon as
//! lines go out again. What is important has room of its own behind that, and
//! once that is full too, a moment's patience.

use std::{
    io::{self, Write},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

/// Bytes that wait to be written: some seconds of a host under attack.
const PLAIN_BYTES_MAX: usize = 4 << 20;
/// Beyond them, for what is important.
const IMPORTANT_BYTES_MAX: usize = 1 << 20;
/// How long an important line waits for room: it may be a thread that serves
/// callers, so that no deadline of theirs is at stake.
const PATIENCE: Duration = Duration::from_millis(10);
/// How long the end of a process waits for whoever reads.
pub(super) const FLUSH_MAX: Duration = Duration::from_secs(2);

/// Lines that nobody will read.
#[derive(Debug, Default)]
pub(super) struct Lost {
    pub(super) plain: AtomicU64,
    pub(super) important: AtomicU64,
}

impl Lost {
    pub(super) const fn new() -> Self {
        Self { plain: AtomicU64::new(0), important: AtomicU64::new(0) }
    }
}

#[derive(Debug, Default)]
struct Pending {
    bytes: Vec<u8>,
    /// Whether the thread has lines that it has not written yet.
    writing: bool,
    /// An important line has waited in vain since the thread last took lines:
    /// others do not wait as well.
    stalled: bool,
}

#[derive(Debug)]
struct Shared {
    pending: Mutex<Pending>,
    /// There are lines, or there is room.
    changed: Condvar,
    lost: &'static Lost,
}

/// Where lines go; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Lines(Arc<Shared>);

impl Lines {
    /// Starts the thread that writes to `sink`. `told` is called on it when
    /// lines were lost and others go out again, with how many.
    ///
    /// # Errors
    /// When there is no thread.
    pub(super) fn start(sink: impl Write + Send + 'static, lost: &'static Lost, told: impl Fn(u64, u64) + Send + 'static) -> io::Result<Self> {
        let lines = Self(Arc::new(Shared { pending: Mutex::default(), changed: Condvar::new(), lost }));
        let shared = Arc::clone(&lines.0);
        // It owns nothing that needs an end: where its reader is stuck, it ends with the process.
        thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_on(sink, told))?;
        Ok(lines)
    }

    /// Hands a whole line over.
    pub(super) fn push(&self, line: &[u8], important: bool) {
        if !self.0.push(line, important) {
            let lost = if important { &self.0.lost.important } else { &self.0.lost.plain };
            lost.fetch_add(1, Relaxed);
        }
    }

    /// Waits until everything is written, for `most` at most; says whether it is.
    pub(super) fn flush(&self, most: Duration) -> bool {
        let end = Instant::now() + most;
        let mut pending = self.0.lock();
        while pending.writing || !pending.bytes.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            pending = self.0.changed.wait_timeout(pending, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        // A panic between two lines leaves whole lines.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8], important: bool) -> bool {
        let most = PLAIN_BYTES_MAX + if important { IMPORTANT_BYTES_MAX } else { 0 };
        let mut pending = self.lock();
        let end = (important && !pending.stalled).then(|| Instant::now() + PATIENCE);
        while pending.bytes.len() + line.len() > most {
            let left = end.map_or(Duration::ZERO, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                pending.stalled = true;
                return false;
            }
            pending = self.changed.wait_timeout(pending, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let was_empty = pending.bytes.is_empty();
        pending.bytes.extend_from_slice(line);
        drop(pending);
        if was_empty {
            self.changed.notify_all();
        }
        true
    }

    /// The thread: takes what lies there and writes it, again and again.
    fn write_on(&self, mut sink: impl Write, told: impl Fn(u64, u64)) -> ! {
        let (mut taken, mut before) = (Vec::new(), (0, 0));
        loop {
            self.take(&mut taken);
            // Said while there is room again; it stands behind what was kept.
            let lost = (self.lost.plain.load(Relaxed), self.lost.important.load(Relaxed));
            if lost != before {
                told(lost.0 - before.0, lost.1 - before.1);
                before = lost;
            }
            // There is nowhere to say that the log itself cannot be written.
            let _ = sink.write_all(&taken).and_then(|()| sink.flush());
            taken.clear();
        }
    }

    /// Waits for lines and moves them to `taken`.
    fn take(&self, taken: &mut Vec<u8>) {
        let mut pending = self.lock();
        pending.writing = false;
        self.changed.notify_all();
        while pending.bytes.is_empty() {
            pending = self.changed.wait(pending).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut pending.bytes, taken);
        pending.writing = true;
        pending.stalled = false;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A reader that reads when it is told to.
    struct Reader {
        may_read: Receiver<()>,
        read: Sender<Vec<u8>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.read.send(bytes.to_vec());
            // When the test has no more to say, whatever comes is read.
            let _ = self.may_read.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    type Told = Receiver<(u64, u64)>;

    fn lines() -> (Lines, &'static Lost, Sender<()>, Receiver<Vec<u8>>, Told) {
        let lost: &'static Lost = Box::leak(Box::default());
        let ((go, may_read), (read, has_read), (tell, told)) = (channel(), channel(), channel());
        let say = move |plain, important| tell.send((plain, important)).unwrap_or_default();
        (Lines::start(Reader { may_read, read }, lost, say).unwrap(), lost, go, has_read, told)
    }

    #[test]
    fn lines_arrive_whole_and_in_order() {
        let (lines, lost, go, read, _) = lines();
        drop(go);
        (0..10_000).for_each(|at| lines.push(format!("line {at}\n").as_bytes(), at % 7 == 0));
        assert!(lines.flush(Duration::from_secs(20)));
        let all = String::from_utf8(read.try_iter().flatten().collect()).unwrap();
        assert!(all.lines().map(str::to_owned).eq((0..10_000).map(|at| format!("line {at}"))));
        assert_eq!((lost.plain.load(Relaxed), lost.important.load(Relaxed)), (0, 0));
    }

    #[test]
    fn nobody_reads_and_nobody_waits_and_what_is_lost_is_told() {
        let (lines, lost, go, read, told) = lines();
        let line = [b'x'; 1_024];
        // The first is with the reader who does not come back.
        lines.push(&line, false);
        assert_eq!(read.recv().unwrap().len(), 1_024);
        let began = Instant::now();
        (0..8_192).for_each(|_| lines.push(&line, false));
        let plain = lost.plain.load(Relaxed);
        assert!(plain == 4_096, "{plain} of 8,192 KiB are beyond the 4 MiB");
        (0..1_000).for_each(|_| lines.push(&line, true));
        assert_eq!(lost.important.load(Relaxed), 0, "what is important has room of its own");
        (0..1_000).for_each(|_| lines.push(&line, true));
        assert_eq!(lost.important.load(Relaxed), 1_000 - 24);
        assert!(began.elapsed() < Duration::from_secs(10), "one waits for a moment, and not everyone");
        assert!(!lines.flush(Duration::from_millis(1)));
        drop(go);
        assert!(lines.flush(Duration::from_secs(20)));
        assert_eq!(told.recv().unwrap(), (plain, 1_000 - 24));
        let kept: usize = read.try_iter().map(|bytes| bytes.len()).sum();
        assert!(kept <= PLAIN_BYTES_MAX + IMPORTANT_BYTES_MAX && kept.is_multiple_of(1_024));
    }
}
