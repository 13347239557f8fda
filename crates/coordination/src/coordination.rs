//! One program's voice and ears in its fleet.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use aws_lc_rs::rand;
use extensions_types::{Environment, with_causes};
use prometheus_client::registry::Registry;
use tokio::{task::JoinHandle, time};

use crate::{Change, Changes, Heartbeat, HostId, Members, OperationError, RedisSettings, RedisStatus, SettingsError, key::Said, shared::Shared};

/// A Redis that hangs is found out within this and its allowance.
const PING_EVERY: Duration = Duration::from_secs(1);
/// A slow Redis is still one: operations end at their time, the connection only
/// when it has been silent for several of them.
const SILENT_OPERATIONS: u32 = 3;
/// The first pause after a connection broke or could not be made.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// A Redis that is back is found within this.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// A connection to the fleet's Redis that repairs itself. Cheap to clone; ends
/// with its last clone. Every operation answers within the time of its setting,
/// at once where Redis is known to be gone.
#[derive(Debug, Clone)]
pub struct Coordination {
    inner: Arc<Keeping>,
}

#[derive(Debug)]
struct Keeping {
    shared: Arc<Shared>,
    keeper: JoinHandle<()>,
}

impl Drop for Keeping {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Coordination {
    /// Checks the settings, reads the keys, and connects in the background. Call
    /// it on the runtime that shall do the work.
    ///
    /// # Errors
    /// When a setting cannot work; a Redis that cannot be reached is no error.
    pub fn open(settings: &RedisSettings) -> Result<Self, SettingsError> {
        let shared = Arc::new(Shared::new(settings.clone())?);
        let keeper = tokio::spawn(keep(Arc::clone(&shared)));
        Ok(Self { inner: Arc::new(Keeping { shared, keeper }) })
    }

    /// How the connection is.
    #[must_use]
    pub fn status(&self) -> RedisStatus {
        self.shared().status()
    }

    /// Resolves when Redis answers; for programs that wait and tests.
    pub async fn connected(&self) {
        self.shared().connected().await;
    }

    /// Shows what is counted here in `registry`.
    pub fn show(&self, registry: &mut Registry) {
        self.shared().metrics.show(registry);
    }

    /// Tells all hosts of an environment that something changed. A hint: whoever
    /// misses it finds the change by polling.
    ///
    /// # Errors
    /// When it was not said, or not seen to be said; it is counted, and said
    /// again as soon as Redis answers.
    pub async fn announce(&self, env: Environment, change: &Change) -> Result<(), OperationError> {
        self.shared().announce(env, change).await
    }

    /// What changes in an environment from now on. It begins with
    /// [`Heard::Reconnected`](crate::Heard::Reconnected) as soon as Redis listens.
    #[must_use]
    pub fn changes(&self, env: Environment) -> Changes {
        Changes::begin(Arc::clone(self.shared()), env)
    }

    /// Says what this host serves; it counts as gone three periods later.
    ///
    /// # Errors
    /// When it was not said, or not seen to be said; it is counted.
    pub async fn beat(&self, heartbeat: &Heartbeat) -> Result<(), OperationError> {
        self.shared().beat(heartbeat).await
    }

    /// Says that this host is gone, at the end of its drain.
    ///
    /// # Errors
    /// When it was not said; then it counts as gone three periods after its last heartbeat.
    pub async fn leave(&self, env: Environment, host: &HostId) -> Result<(), OperationError> {
        let shared = self.shared();
        shared.ask::<u64>(redis::cmd("DEL").arg(shared.names.host(env, host))).await.map(|_| ())
    }

    /// Which hosts of an environment live, and what they serve.
    ///
    /// # Errors
    /// When Redis cannot be asked: then nobody knows.
    pub async fn hosts(&self, env: Environment) -> Result<Members, OperationError> {
        self.shared().hosts(env).await
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }
}

impl Shared {
    async fn announce(&self, env: Environment, change: &Change) -> Result<(), OperationError> {
        let message = self.seal(env).seal(Said::Change, &change.to_text());
        let said = self.ask::<u64>(redis::cmd("PUBLISH").arg(self.names.changes(env)).arg(message)).await;
        self.metrics.announced(said.is_ok());
        if said.is_err() {
            self.unsaid.lock().unwrap_or_else(PoisonError::into_inner).keep(env, change);
        }
        said.map(|_| ())
    }

    /// Says what could not be said before; stops at the first that cannot be said now either.
    async fn say_unsaid(&self) {
        loop {
            let next = self.unsaid.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some((env, change)) = next else { return };
            if self.announce(env, &change).await.is_err() {
                return;
            }
        }
    }
}

/// Keeps one connection, for as long as it is not aborted.
async fn keep(shared: Arc<Shared>) {
    let mut pause = PAUSE_MIN;
    loop {
        let ended = match shared.connect().await {
            Ok((connection, driver)) => {
                tracing::info!("connected to Redis");
                shared.up(connection);
                pause = PAUSE_MIN;
                tokio::select! {
                    () = driver => OperationError::Connect(std::io::ErrorKind::ConnectionAborted.into()),
                    error = silence(&shared) => error,
                }
            }
            Err(error) => error,
        };
        if shared.down(&ended) {
            tracing::warn!(error = with_causes(&ended), "lost Redis; hosts poll until it is back");
        } else {
            tracing::debug!(error = with_causes(&ended), "cannot connect to Redis");
        }
        time::sleep(jittered(pause)).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Says what is unsaid and asks for a sign of life, now and then, until there is none.
async fn silence(shared: &Shared) -> OperationError {
    loop {
        shared.say_unsaid().await;
        time::sleep(PING_EVERY).await;
        let within = shared.settings.timeout() * SILENT_OPERATIONS;
        if let Err(error) = shared.ask_within::<String>(&redis::cmd("PING"), within).await {
            return error;
        }
    }
}

/// Between a half and the whole of it, so that a fleet does not come back at once.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let mut byte = [0];
    // Without randomness the pause is whole.
    let _ = rand::fill(&mut byte);
    pause - pause * u32::from(byte[0]) / 512
}
