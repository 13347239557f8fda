//! Room on disk: the directory of code is bounded, and what nobody used for longest goes first.

use std::{
    fs::{self, DirEntry},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::SystemTime,
};

use super::place::{CacheError, io_error};

/// Code of 10,000 small components is about 3.3 GB.
const DIRECTORY_BYTES_MAX: u64 = 4 << 30;

/// How full the directory is. Counted as files are added, so that a load looks
/// at its own file only; counted anew when the bound seems to be reached.
#[derive(Debug)]
pub(super) struct Room {
    bytes_max: u64,
    bytes: AtomicU64,
}

struct Stored {
    used: SystemTime,
    bytes: u64,
    path: PathBuf,
}

impl Room {
    pub(super) fn new(bytes_max: u64, bytes: u64) -> Self {
        Self { bytes_max, bytes: AtomicU64::new(bytes) }
    }

    /// As full as `directory` is now.
    pub(super) fn of(directory: &Path) -> Result<Self, CacheError> {
        let stored = list(directory).map_err(io_error("list", directory))?;
        Ok(Self::new(DIRECTORY_BYTES_MAX, stored.iter().map(|file| file.bytes).sum()))
    }

    /// Takes room for `bytes` more, and removes files down to nine tenths of the bound where there is none.
    pub(super) fn make(&self, directory: &Path, bytes: u64) -> Result<(), CacheError> {
        if self.bytes.fetch_add(bytes, Relaxed) + bytes <= self.bytes_max {
            return Ok(());
        }
        let mut stored = list(directory).map_err(io_error("list", directory))?;
        let mut total = stored.iter().map(|file| file.bytes).sum::<u64>() + bytes;
        if total > self.bytes_max {
            stored.sort_by_key(|file| file.used);
            for file in stored {
                if total <= self.bytes_max / 10 * 9 {
                    break;
                }
                // Mapped code lives on after its name is gone.
                fs::remove_file(&file.path).map_err(io_error("remove", &file.path))?;
                total -= file.bytes;
            }
        }
        self.bytes.store(total, Relaxed);
        Ok(())
    }
}

fn list(directory: &Path) -> io::Result<Vec<Stored>> {
    fs::read_dir(directory)?.map(|entry| entry.and_then(|entry| look_at(&entry))).collect()
}

fn look_at(entry: &DirEntry) -> io::Result<Stored> {
    let about = entry.metadata()?;
    // Most file systems note the first read of a day; those that note none have the time of writing.
    let used = about.accessed().map_or(about.modified()?, |accessed| accessed.max(about.modified().unwrap_or(accessed)));
    Ok(Stored { used, bytes: about.len(), path: entry.path() })
}
