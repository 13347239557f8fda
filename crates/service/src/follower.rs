//! The one thread of a process that looks at followed files.
//!
//! A thread and no task: reading a file may block, and I/O threads must not.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::{Duration, SystemTime},
};

use crate::followed::Looked;

/// How often files are looked at: a rotation is in force long before what it
/// replaces ends, and some small reads cost nothing.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What is known about files that are followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStatus {
    /// The files that belong together.
    pub files: Vec<PathBuf>,
    /// How often they were replaced.
    pub replaced: u64,
    /// Why what lies there now is not in force.
    pub problem: Option<String>,
    /// When what is in force ends: of certificates.
    pub expires: Option<SystemTime>,
}

/// Something that can look at its files.
pub(crate) trait Look: Send + Sync {
    fn look(&self) -> Looked;
    fn status(&self) -> FileStatus;
}

struct Follower {
    followed: Vec<Weak<dyn Look>>,
    at_work: bool,
}

static FOLLOWER: Mutex<Follower> = Mutex::new(Follower { followed: Vec::new(), at_work: false });

/// What is known about every file that this process follows.
#[must_use]
pub fn followed_files() -> Vec<FileStatus> {
    let alive = alive(&mut follower());
    alive.iter().map(|one| one.status()).collect()
}

/// Looks at `one` in each round until nobody holds it.
pub(crate) fn follow(one: Weak<dyn Look>) {
    let mut follower = follower();
    follower.followed.push(one);
    if !follower.at_work {
        let thread = thread::Builder::new().name("followed-files".into()).spawn(rounds);
        // Without a thread the machine is at its end; the next file tries again.
        follower.at_work = thread.is_ok();
        if let Err(error) = thread {
            tracing::error!(%error, "files cannot be followed; replacing them needs a restart");
        }
    }
}

/// Ends when there is nothing to follow.
fn rounds() {
    loop {
        thread::sleep(LOOK_EVERY);
        let alive = {
            let mut follower = follower();
            let alive = alive(&mut follower);
            if alive.is_empty() {
                follower.at_work = false;
                return;
            }
            alive
        };
        for one in alive {
            one.look();
        }
    }
}

fn alive(follower: &mut Follower) -> Vec<Arc<dyn Look>> {
    follower.followed.retain(|one| one.strong_count() > 0);
    follower.followed.iter().filter_map(Weak::upgrade).collect()
}

fn follower() -> MutexGuard<'static, Follower> {
    FOLLOWER.lock().unwrap_or_else(PoisonError::into_inner)
}
