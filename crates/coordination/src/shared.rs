//! What everyone who speaks through one [`Coordination`](crate::Coordination) shares.

use std::{
    io,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use extensions_tls::ClientTls;
use extensions_types::{Environment, with_causes};
use redis::{Cmd, FromRedisValue, RedisError, aio::MultiplexedConnection};
use serde::Serialize;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use crate::{RedisSettings, SettingsError, key::Seal, metrics::Metrics, names::Names, settings::Address, unsaid::Unsaid};

/// Why an operation was not done, or not seen to be done.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// There is no connection now; one is being made.
    #[error("Redis cannot be reached: {last}")]
    NotConnected {
        /// Why not, as far as it is known.
        last: String,
    },
    /// A connection could not be made.
    #[error("cannot connect to Redis")]
    Connect(#[source] io::Error),
    /// Redis did not answer in time.
    #[error("Redis did not answer within {} ms", within.as_millis())]
    TimedOut {
        /// The bound.
        within: Duration,
    },
    /// Redis refused, or the connection broke.
    #[error("Redis did not do it")]
    Redis(#[from] RedisError),
    /// An answer that no Redis of ours gives.
    #[error("Redis answered something else than was asked")]
    Nonsense,
}

/// How the connection is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RedisStatus {
    /// Redis answers.
    pub connected: bool,
    /// Since when it is so.
    pub for_ms: u64,
    /// What went wrong last; none: nothing yet.
    pub last_error: Option<String>,
}

/// The shared connection, as it is.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) connection: Option<MultiplexedConnection>,
    since: Instant,
    last_error: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: RedisSettings,
    pub(crate) address: Address,
    pub(crate) names: Names,
    pub(crate) metrics: Metrics,
    pub(crate) tls: Option<ClientTls>,
    pub(crate) unsaid: Mutex<Unsaid>,
    seals: Vec<Seal>,
    is_warned: AtomicBool,
    link: watch::Sender<Link>,
}

impl Shared {
    /// Reads keys and certificates; nothing is connected yet.
    pub(crate) fn new(settings: RedisSettings) -> Result<Self, SettingsError> {
        let address = settings.checked()?;
        let seal = |env: &Environment| match settings.key_of(*env) {
            Some((setting, path)) => Seal::read(*env, &setting, path),
            None => Ok(Seal::open(*env)),
        };
        let seals = Environment::ALL.iter().map(seal).collect::<Result<_, _>>()?;
        let tls = address.tls.then(|| ClientTls::open(&settings.tls)).transpose().map_err(SettingsError::Tls)?;
        let (link, _) = watch::channel(Link { connection: None, since: Instant::now(), last_error: None });
        Ok(Self {
            address,
            names: Names::within(settings.namespace.clone()),
            metrics: Metrics::default(),
            unsaid: Mutex::default(),
            tls,
            seals,
            is_warned: AtomicBool::new(false),
            link,
            settings,
        })
    }

    /// What proves who speaks in `env`; the log says once where nothing does.
    pub(crate) fn seal(&self, env: Environment) -> &Seal {
        let seal = &self.seals[Environment::ALL.iter().position(|known| *known == env).expect("every environment has a seal")];
        if !seal.is_keyed() && !self.is_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(%env, "redis.key_file is not set: what is heard through Redis is not authenticated");
        }
        seal
    }

    pub(crate) fn up(&self, connection: MultiplexedConnection) {
        self.link.send_modify(|link| {
            link.connection = Some(connection);
            link.since = Instant::now();
        });
        self.metrics.connected(true);
    }

    /// Tells whether it was up before.
    pub(crate) fn down(&self, error: &OperationError) -> bool {
        let mut was_up = false;
        self.link.send_modify(|link| {
            was_up = link.connection.take().is_some();
            if was_up {
                link.since = Instant::now();
            }
            link.last_error = Some(with_causes(error));
        });
        self.metrics.connected(false);
        was_up
    }

    pub(crate) fn status(&self) -> RedisStatus {
        let link = self.link.borrow();
        let for_ms = u64::try_from(link.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        RedisStatus { connected: link.connection.is_some(), for_ms, last_error: link.last_error.clone() }
    }

    /// Resolves when Redis answers.
    pub(crate) async fn connected(&self) {
        let mut link = self.link.subscribe();
        // Err means that the sender is gone: it lives in `self`.
        let _ = link.wait_for(|link| link.connection.is_some()).await;
    }

    /// The connection, if there is one now: nobody waits for Redis to come back.
    pub(crate) fn connection(&self) -> Result<MultiplexedConnection, OperationError> {
        let link = self.link.borrow();
        let last = || link.last_error.clone().unwrap_or_else(|| "still connecting".to_owned());
        link.connection.clone().ok_or_else(|| OperationError::NotConnected { last: last() })
    }

    /// One command on the shared connection, within the operation's time. Never
    /// a blocking one: it would hold up everyone's.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, OperationError> {
        self.ask_within(command, self.settings.timeout()).await
    }

    pub(crate) async fn ask_within<T: FromRedisValue>(&self, command: &Cmd, within: Duration) -> Result<T, OperationError> {
        let mut connection = self.connection()?;
        let answer = timeout(within, command.query_async(&mut connection)).await;
        Ok(answer.map_err(|_| OperationError::TimedOut { within })??)
    }
}
