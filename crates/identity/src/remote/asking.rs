//! The one thread of a verifier that fetches keys.
//!
//! A thread of its own: neither I/O threads nor whoever makes a verifier, with or
//! without a runtime, has anything to do with it.

use std::{io, sync::Arc, thread, time::Duration};

use aws_lc_rs::rand;
use tokio::{
    runtime::Builder,
    sync::watch,
    task::JoinSet,
    time::{sleep, sleep_until},
};

use super::{ASKED_APART, Remote};

/// After the first failure; doubled up to the time between two looks.
const RETRY_FIRST: Duration = Duration::from_secs(1);

/// Asks for keys until it is dropped.
#[derive(Debug)]
pub(crate) struct Asking {
    /// Held for its drop, which everybody who asks notices.
    _alive: watch::Sender<()>,
}

impl Asking {
    /// Asks at once, and then again and again.
    pub(crate) fn begin(remotes: Vec<Arc<Remote>>) -> io::Result<Self> {
        let (alive, ended) = watch::channel(());
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let work = move || {
            runtime.block_on(async {
                let mut asking = JoinSet::new();
                for remote in remotes {
                    asking.spawn(ask(remote, ended.clone()));
                }
                while asking.join_next().await.is_some() {}
            });
            // A name that is looked up may take its time: nobody waits for it.
            runtime.shutdown_background();
        };
        thread::Builder::new().name("issuer-keys".into()).spawn(work)?;
        Ok(Self { _alive: alive })
    }
}

async fn ask(remote: Arc<Remote>, mut ended: watch::Receiver<()>) {
    let mut retry = RETRY_FIRST;
    loop {
        let started = tokio::time::Instant::now();
        let is_good = tokio::select! {
            is_good = remote.look() => is_good,
            _ = ended.changed() => return,
        };
        let pause = if is_good { remote.refresh } else { retry.min(remote.refresh) };
        retry = if is_good { RETRY_FIRST } else { (retry * 2).min(remote.refresh) };
        let asked = async {
            sleep_until(started + ASKED_APART).await;
            remote.asked.notified().await;
        };
        tokio::select! {
            () = sleep(jittered(pause)) => {}
            () = asked => {}
            _ = ended.changed() => return,
        }
    }
}

/// Between three quarters and the whole of it, so that a fleet does not ask at once.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [0];
    // Without randomness the pause is whole.
    let _ = rand::fill(&mut byte);
    pause - pause * u32::from(byte[0]) / 1_024
}
