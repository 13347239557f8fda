//! What is being built is written down first: a source that ended the worker
//! itself is known after the restart, and set aside when it does so again.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use extensions_compile_jobs::JobId;
use extensions_types::Sha256;
use serde::{Deserialize, Serialize};

/// A worker may be killed for other reasons once; twice with the same source is the source.
pub(crate) const CRASHES_MAX: u32 = 2;
/// Sources that are remembered; each is a small file.
const SUSPECTS_MAX: usize = 1_000;

const RUNNING: &str = "running";
const SUSPECTS: &str = "suspects";

/// The journal's folder.
#[derive(Debug)]
pub(crate) struct Journal {
    dir: PathBuf,
}

/// A job that was under way when the worker ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Left {
    pub(crate) job: JobId,
    pub(crate) source_sha256: Sha256,
    /// How often this source was under way at such an end.
    #[serde(default)]
    pub(crate) crashes: u32,
}

/// A job that is under way; its entry goes when this does.
#[derive(Debug)]
pub(crate) struct Running(PathBuf);

impl Journal {
    /// Opens it, and counts what an earlier worker left under way.
    pub(crate) fn open(dir: &Path) -> io::Result<(Self, Vec<Left>)> {
        let journal = Self { dir: dir.to_owned() };
        for part in [RUNNING, SUSPECTS] {
            fs::create_dir_all(dir.join(part))?;
        }
        let mut left = Vec::new();
        for path in files(&dir.join(RUNNING))? {
            // An entry that was cut off while it was written began nothing yet.
            if let Some(mut one) = read(&path) {
                one.crashes = journal.crashes(&one.source_sha256) + 1;
                write(&journal.suspect(&one.source_sha256), &one)?;
                left.push(one);
            }
            fs::remove_file(&path)?;
        }
        journal.forget_oldest()?;
        Ok((journal, left))
    }

    /// Writes down that a job begins; on disk before it does.
    pub(crate) fn begin(&self, job: &JobId, source_sha256: Sha256) -> io::Result<Running> {
        let name = job.to_string().replace('/', "_");
        let path = self.dir.join(RUNNING).join(name);
        write(&path, &Left { job: job.clone(), source_sha256, crashes: 0 })?;
        Ok(Running(path))
    }

    /// How often a worker ended while it built this source.
    pub(crate) fn crashes(&self, source: &Sha256) -> u32 {
        read(&self.suspect(source)).map_or(0, |left| left.crashes)
    }

    fn suspect(&self, source: &Sha256) -> PathBuf {
        self.dir.join(SUSPECTS).join(source.to_string())
    }

    fn forget_oldest(&self) -> io::Result<()> {
        let mut all = Vec::new();
        for path in files(&self.dir.join(SUSPECTS))? {
            all.push((fs::metadata(&path)?.modified()?, path));
        }
        all.sort();
        let surplus = all.len().saturating_sub(SUSPECTS_MAX);
        all.into_iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "the journal keeps a job that has ended; it counts as one that ended the worker");
        }
    }
}

fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

fn read(path: &Path) -> Option<Left> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn write(path: &Path, left: &Left) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(&serde_json::to_vec(left)?)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(version: u64) -> JobId {
        format!("acme/x/{version}/1").parse().unwrap()
    }

    #[test]
    fn a_source_that_was_under_way_at_each_end_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let (bad, good) = (Sha256::new([1; 32]), Sha256::new([2; 32]));
        for round in 1..=CRASHES_MAX {
            let (journal, left) = Journal::open(dir.path()).unwrap();
            assert_eq!(left.len(), usize::from(round > 1), "the one of the round before");
            assert_eq!(journal.crashes(&bad), round - 1);
            drop(journal.begin(&job(9), good).unwrap());
            // The worker dies: nothing is dropped.
            std::mem::forget(journal.begin(&job(u64::from(round)), bad).unwrap());
        }
        let (journal, left) = Journal::open(dir.path()).unwrap();
        assert_eq!((left[0].crashes, journal.crashes(&bad), journal.crashes(&good)), (CRASHES_MAX, CRASHES_MAX, 0));
        assert!(Journal::open(dir.path()).unwrap().1.is_empty(), "each end counts once");
    }

    #[test]
    fn half_an_entry_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        Journal::open(dir.path()).unwrap();
        fs::write(dir.path().join(RUNNING).join("x"), "{\"job\":").unwrap();
        assert!(Journal::open(dir.path()).unwrap().1.is_empty());
    }
}
