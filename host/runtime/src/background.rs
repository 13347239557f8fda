//! Threads for everything that no call runs on: polls, loads, file work, heartbeats.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// Enough to wait for store and Redis; what takes time runs on the others.
const WORKERS: usize = 2;
/// Threads that hash, map and write files. Few: they share the cores with the
/// calls. Not fewer: one that waits for a name server or a disk holds its place.
const BLOCKING_MAX: usize = 16;
/// A tenth of a call's share where both want a core, so that a reload costs
/// the calls beside it little; all of it where a core is free.
const NICENESS: i32 = 10;

/// A runtime whose threads give way to calls. What they start, such as a compile, gives way too.
pub(crate) fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING_MAX)
        .thread_name("background")
        .on_thread_start(give_way)
        .enable_all()
        .build()
}

/// On Linux a niceness is a thread's own, and "this process" means this thread.
fn give_way() {
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%error, "background work has the same priority as calls");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn background_threads_give_way_and_others_do_not() {
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let own = niceness();
        let runtime = runtime().unwrap();
        let (worker, blocking) = runtime.block_on(async {
            let worker = tokio::spawn(async move { niceness() }).await.unwrap();
            (worker, tokio::task::spawn_blocking(niceness).await.unwrap())
        });
        assert!(worker >= NICENESS && blocking >= NICENESS, "{worker} {blocking}");
        assert_eq!(niceness(), own);
    }
}
