//! Looks after an engine's instances that are ready ahead of their calls.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use extensions_engine::{Engine, MemoryRoom};
use tokio::{runtime::Handle, time};

/// What is switched off, or no longer called, holds memory for so long at most,
/// and so late is it noticed that memory is short.
const TEND_EVERY: Duration = Duration::from_secs(1);

/// Tends them on `background` for as long as the engine is there.
pub(crate) fn tend(engine: &Arc<Engine>, background: &Handle) {
    background.spawn(tending(Arc::downgrade(engine)));
}

async fn tending(engine: Weak<Engine>) {
    loop {
        time::sleep(TEND_EVERY).await;
        let Some(engine) = engine.upgrade() else { return };
        // A few reads of files of the kernel, and instances that are taken down.
        let tended = tokio::task::spawn_blocking(move || engine.tend(Instant::now(), MemoryRoom::read()));
        if let Err(error) = tended.await {
            tracing::error!(%error, "instances that were made ready are not looked after any more");
            return;
        }
    }
}
