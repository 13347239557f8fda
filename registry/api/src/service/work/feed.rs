//! From this registry's own hints to the stream that a fleet's workers read.
//!
//! Hints wait here, where tenants take turns, and few of them in the stream. While
//! nobody reads the stream, or Redis is gone, they stay here for whoever asks this
//! registry.

use std::time::Duration;

use extensions_coordination::{CompileStream, Offered, STREAM_WAITING_MAX, Tended};
use extensions_types::with_causes;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout_at},
};

use crate::service::Service;

/// Between two looks at a stream that has readers and room.
const TEND_EVERY: Duration = Duration::from_secs(5);
/// A stream that nobody reads, or that Redis does not give, is looked at again after this long.
const RETRY: Duration = Duration::from_secs(1);
/// A full stream has room again once workers have taken some.
const FULL_PAUSE: Duration = Duration::from_millis(250);

/// Feeds the stream until it is dropped.
#[derive(Debug)]
pub struct Feeder(JoinHandle<()>);

impl Drop for Feeder {
    fn drop(&mut self) {
        // What it held is found again by its marker.
        self.0.abort();
    }
}

impl Service {
    /// Starts to feed the stream, on the current tokio runtime.
    #[must_use]
    pub fn feed_stream(&self, stream: CompileStream) -> Feeder {
        let service = self.clone();
        Feeder(tokio::spawn(async move { service.feed(&stream).await }))
    }

    async fn feed(&self, stream: &CompileStream) {
        let mut is_gone = false;
        loop {
            let tended = stream.tend().await;
            match &tended {
                Err(error) if !is_gone => tracing::warn!(error = with_causes(error), "the compile stream is gone; workers ask the registry"),
                Ok(_) if is_gone => tracing::info!("the compile stream is back"),
                _ => {}
            }
            is_gone = tended.is_err();
            match tended {
                Ok(Tended { readers: 1.., waiting, .. }) => {
                    self.inner.board.presence.hear();
                    self.fill(stream, STREAM_WAITING_MAX.saturating_sub(waiting)).await;
                }
                Ok(_) | Err(_) => sleep(RETRY).await,
            }
        }
    }

    /// Moves hints for a while, at most `room` of them.
    async fn fill(&self, stream: &CompileStream, room: u64) {
        let hints = &self.inner.board.hints;
        let until = Instant::now() + TEND_EVERY;
        for _ in 0..room {
            let Ok(job) = timeout_at(until, hints.wait()).await else { return };
            let pause = match stream.offer(&job.to_string()).await {
                Ok(Offered::Added | Offered::There) => continue,
                Ok(Offered::Aside) => {
                    tracing::warn!(%job, "workers took this compile and none of them came to its end; it waits for a while");
                    continue;
                }
                Ok(Offered::Full) => FULL_PAUSE,
                Err(_) => RETRY,
            };
            hints.offer(job);
            return sleep(pause).await;
        }
        if room == 0 {
            sleep(FULL_PAUSE).await;
        }
    }
}
