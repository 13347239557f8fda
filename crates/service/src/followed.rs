//! Files that are read again when they change: certificates, keys, secrets.
//!
//! Their content decides, not their dates: a mounted secret is replaced by
//! turning a link. What cannot be used is named, and the last good one stays.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use arc_swap::ArcSwap;

use crate::{
    FollowError,
    follower::{self, FileStatus, Look},
    read_file::read_bytes,
};

type Parse<T> = dyn Fn(&[Vec<u8>]) -> Result<T, Box<dyn std::error::Error + Send + Sync>> + Send + Sync;

/// What was made of some files, and follows them as long as a clone of it
/// lives: their content is looked at every [`LOOK_EVERY`](crate::LOOK_EVERY).
/// Cheap to clone; clones share everything.
pub struct Followed<T>(Arc<Inner<T>>);

struct Inner<T> {
    files: Vec<PathBuf>,
    parse: Box<Parse<T>>,
    expires: fn(&T) -> Option<SystemTime>,
    current: ArcSwap<T>,
    generation: AtomicU64,
    seen: Mutex<Seen>,
}

/// What the last looks found.
struct Seen {
    /// What the value in force was made of.
    contents: Vec<Vec<u8>>,
    /// Why what lies there now is not in force.
    problem: Option<String>,
    expiry_said: bool,
}

/// What one look at the files found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// What is in force.
    Same,
    /// Something new, which is in force from now on.
    Replaced,
    /// Something that cannot be used; the last good one stays.
    Kept,
}

impl<T: Send + Sync + 'static> Followed<T> {
    /// Reads `files` and follows them. `parse` gets their contents in the same order.
    ///
    /// # Errors
    /// When a file cannot be read, is larger than a secret or document ever is, or `parse` refuses.
    pub fn open<E>(
        files: impl IntoIterator<Item = PathBuf>,
        parse: impl Fn(&[Vec<u8>]) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, FollowError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self::open_expiring(files, parse, |_| None)
    }

    /// As [`Followed::open`], for one file.
    ///
    /// # Errors
    /// As [`Followed::open`].
    pub fn file<E>(file: &Path, parse: impl Fn(&[u8]) -> Result<T, E> + Send + Sync + 'static) -> Result<Self, FollowError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self::open([file.to_owned()], move |contents| parse(contents.first().map_or(&[][..], Vec::as_slice)))
    }

    /// As [`Followed::open`], for what has an end: the log says so when it has passed.
    ///
    /// # Errors
    /// As [`Followed::open`].
    pub fn open_expiring<E>(
        files: impl IntoIterator<Item = PathBuf>,
        parse: impl Fn(&[Vec<u8>]) -> Result<T, E> + Send + Sync + 'static,
        expires: fn(&T) -> Option<SystemTime>,
    ) -> Result<Self, FollowError>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let files: Vec<_> = files.into_iter().collect();
        let parse: Box<Parse<T>> = Box::new(move |contents| parse(contents).map_err(Into::into));
        let contents = read_all(&files)?;
        let value = parsed(&*parse, &files, &contents)?;
        let inner = Arc::new(Inner {
            files,
            parse,
            expires,
            current: ArcSwap::from_pointee(value),
            generation: AtomicU64::new(0),
            seen: Mutex::new(Seen { contents, problem: None, expiry_said: false }),
        });
        if !inner.files.is_empty() {
            let weak = Arc::downgrade(&inner);
            follower::follow(weak);
        }
        Ok(Self(inner))
    }

    /// What is in force.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        self.0.current.load_full()
    }

    /// Grows with each replacement: whoever derived something from
    /// [`Followed::current`] knows by it when to derive anew.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// Looks at the files now instead of at the next round. It reads them: not for an I/O thread.
    pub fn look(&self) -> Looked {
        self.0.look()
    }

    /// Why what lies in the files now is not in force.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner).problem.clone()
    }
}

impl<T: Send + Sync + 'static> Look for Inner<T> {
    fn look(&self) -> Looked {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let read = read_all(&self.files);
        let looked = match read {
            Ok(contents) if contents == seen.contents => {
                if seen.problem.take().is_some() {
                    tracing::info!(files = names(&self.files), "the files are again as they were");
                }
                Looked::Same
            }
            Ok(contents) => match parsed(&*self.parse, &self.files, &contents) {
                Ok(value) => {
                    self.current.store(Arc::new(value));
                    self.generation.fetch_add(1, Ordering::Release);
                    *seen = Seen { contents, problem: None, expiry_said: false };
                    tracing::info!(files = names(&self.files), "replaced files are in force");
                    Looked::Replaced
                }
                Err(error) => seen.keep(&self.files, &error),
            },
            Err(error) => seen.keep(&self.files, &error),
        };
        self.say_expiry(&mut seen);
        looked
    }

    fn status(&self) -> FileStatus {
        let problem = self.seen.lock().unwrap_or_else(PoisonError::into_inner).problem.clone();
        let expires = (self.expires)(&self.current.load());
        FileStatus { files: self.files.clone(), replaced: self.generation.load(Ordering::Acquire), problem, expires }
    }
}

impl<T> Inner<T> {
    fn say_expiry(&self, seen: &mut Seen) {
        let expired = (self.expires)(&self.current.load()).is_some_and(|at| at <= SystemTime::now());
        if expired && !seen.expiry_said {
            tracing::error!(files = names(&self.files), "what is in force has expired; replace the files");
        }
        seen.expiry_said = expired;
    }
}

impl Seen {
    /// The log has each problem once, not each look.
    fn keep(&mut self, files: &[PathBuf], error: &FollowError) -> Looked {
        let problem = error.with_causes();
        if self.problem.as_ref() != Some(&problem) {
            tracing::warn!(files = names(files), problem, "changed files cannot be used; the last good ones stay in force");
            self.problem = Some(problem);
        }
        Looked::Kept
    }
}

fn read_all(files: &[PathBuf]) -> Result<Vec<Vec<u8>>, FollowError> {
    files.iter().map(|file| read_bytes(file)).collect()
}

/// A parser that panics on what it was given has refused it: whoever writes the file must not end the follower.
fn parsed<T>(parse: &Parse<T>, files: &[PathBuf], contents: &[Vec<u8>]) -> Result<T, FollowError> {
    match catch_unwind(AssertUnwindSafe(|| parse(contents))) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(FollowError::Refused { files: names(files), source }),
        Err(_) => Err(FollowError::Unreadable { files: names(files) }),
    }
}

fn names(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}

impl<T> Clone for Followed<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Followed<T> {
    /// Never what it holds: it may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Followed").field("files", &self.0.files).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, num::ParseIntError};

    use super::*;

    fn number(bytes: &[u8]) -> Result<u32, ParseIntError> {
        String::from_utf8_lossy(bytes).trim().parse()
    }

    #[test]
    fn content_decides_and_the_last_good_one_stays() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("n");
        fs::write(&file, "1").unwrap();
        let followed = Followed::file(&file, number).unwrap();
        fs::write(&file, "1").unwrap();
        assert_eq!((followed.look(), *followed.current(), followed.generation()), (Looked::Same, 1, 0));
        for bad in ["x", ""] {
            fs::write(&file, bad).unwrap();
            assert_eq!((followed.look(), *followed.current()), (Looked::Kept, 1));
            assert!(followed.problem().is_some());
        }
        fs::remove_file(&file).unwrap();
        assert_eq!((followed.look(), *followed.current()), (Looked::Kept, 1));
        assert!(followed.problem().unwrap().contains(file.to_str().unwrap()));
        fs::write(&file, "2").unwrap();
        assert_eq!((followed.look(), *followed.current(), followed.generation()), (Looked::Replaced, 2, 1));
        assert_eq!(followed.problem(), None);
    }

    #[test]
    fn a_turned_link_is_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("one"), "1").unwrap();
        fs::write(at("two"), "2").unwrap();
        std::os::unix::fs::symlink("one", at("link")).unwrap();
        let followed = Followed::file(&at("link"), number).unwrap();
        std::os::unix::fs::symlink("two", at("next")).unwrap();
        fs::rename(at("next"), at("link")).unwrap();
        assert_eq!((followed.look(), *followed.current()), (Looked::Replaced, 2));
    }

    #[test]
    fn what_can_never_work_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("n");
        assert!(Followed::file(&file, number).unwrap_err().with_causes().contains("cannot read"));
        fs::write(&file, "x").unwrap();
        let refused = Followed::file(&file, number).unwrap_err().with_causes();
        assert!(refused.contains(file.to_str().unwrap()) && refused.contains("invalid digit"), "{refused}");
        fs::write(&file, vec![b'1'; (1 << 20) + 1]).unwrap();
        assert!(Followed::file(&file, number).unwrap_err().with_causes().contains("larger"));
        fs::write(&file, "1").unwrap();
        let panics = |_: &[u8]| -> Result<u32, ParseIntError> { panic!("a parser's fault") };
        assert!(matches!(Followed::file(&file, panics).unwrap_err(), FollowError::Unreadable { .. }));
    }

    #[test]
    fn the_follower_looks_by_itself_and_shows_what_it_knows() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("n");
        fs::write(&file, "1").unwrap();
        let followed = Followed::open_expiring([file.clone()], |contents| number(&contents[0]), |_| Some(SystemTime::UNIX_EPOCH)).unwrap();
        let status = || crate::followed_files().into_iter().find(|status| status.files == [file.clone()]);
        assert_eq!(status().unwrap().expires, Some(SystemTime::UNIX_EPOCH));
        fs::write(&file, "2").unwrap();
        let patience = std::time::Instant::now() + 10 * crate::LOOK_EVERY;
        while followed.generation() == 0 && std::time::Instant::now() < patience {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert_eq!((*followed.current(), status().unwrap().replaced), (2, 1));
        drop(followed);
        assert!(status().is_none(), "what nobody holds is not followed");
    }
}
