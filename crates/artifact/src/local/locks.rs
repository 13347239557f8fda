//! Locks between processes: a fixed set of files, one for many objects.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io, thread,
    time::{Duration, Instant},
};

use super::{LOCKS, LocalDisk};
use crate::blobs::digest;

/// Whoever holds a lock only renames: this long means that it was stopped.
const WAIT_MAX: Duration = Duration::from_secs(3);
const PAUSE_MIN: Duration = Duration::from_micros(100);
const PAUSE_MAX: Duration = Duration::from_millis(4);

/// Held until dropped, or until the process ends.
#[derive(Debug)]
pub(super) struct Held {
    _file: File,
}

impl LocalDisk {
    /// Waits for the lock of the object at `path`.
    pub(super) fn lock(&self, path: &str) -> io::Result<Held> {
        // The digest is the same in every process and version; 256 files are few and collide seldom.
        let name = format!("{:02x}", digest(path.as_bytes()).as_bytes()[0]);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(self.root.join(LOCKS).join(name))?;
        let (started, mut pause) = (Instant::now(), PAUSE_MIN);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Held { _file: file }),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if started.elapsed() >= WAIT_MAX => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "another process holds the lock; is it stopped?"));
                }
                Err(TryLockError::WouldBlock) => {
                    thread::sleep(pause);
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }
}
