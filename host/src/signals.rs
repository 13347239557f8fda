//! When a host should stop: a signal, or memory that could leak.

use std::time::Duration;

use extensions_service::stop_asked;

/// Swap that appears is noticed within this time.
const SWAP_CHECK_PERIOD: Duration = Duration::from_secs(1);

/// Why a host stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// SIGTERM or SIGINT.
    Asked,
    /// Swap appeared while memory is reset by `scan`: the service manager
    /// starts the host again, in `keep`.
    Swap,
}

impl Stop {
    /// Waits for SIGTERM or SIGINT; with `scan`, for swap too.
    ///
    /// # Errors
    /// When signals cannot be received.
    pub async fn wait(scan: bool) -> std::io::Result<Self> {
        tokio::select! {
            stopped = stop_asked() => stopped.map(|()| Self::Asked),
            () = swap_appears(), if scan => Ok(Self::Swap),
        }
    }
}

async fn swap_appears() {
    let mut period = tokio::time::interval(SWAP_CHECK_PERIOD);
    loop {
        period.tick().await;
        if extensions_engine::swap::possible() {
            tracing::error!("swap has appeared while memory_reset is scan; the host stops so that nothing leaks; start it with memory_reset = keep");
            return;
        }
    }
}
