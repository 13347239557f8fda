//! What an operator may choose about the listeners, checked before a port is bound.
//!
//! Every other bound is a constant beside the code that it bounds.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, thread::available_parallelism, time::Duration};

use extensions_tls::ServerTls;

/// Connections that may be open at once: each costs about 20 KiB idle.
const CONNECTIONS_MAX_DEFAULT: usize = 10_000;
/// More would let one connection keep an I/O thread busy for itself alone.
const STREAMS_MAX_DEFAULT: u32 = 256;
/// A host has at most a few hundred cores; more threads than that is a typing error.
const IO_THREADS_MAX: usize = 1_024;
/// Long enough for a load balancer that probes every second to see it.
const DRAIN_NOTICE_DEFAULT: Duration = Duration::from_secs(2);

/// Where to listen and how much to take on.
#[derive(Debug, Clone)]
pub struct FrontSettings {
    /// gRPC and HTTP over TCP; port 0 takes a free one.
    pub listen: Option<SocketAddr>,
    /// The same over a Unix socket, made with mode 0660.
    pub unix: Option<PathBuf>,
    /// Metrics and admin.
    pub admin_listen: Option<SocketAddr>,
    /// TLS of `listen`; none: in the open. The Unix socket never has it.
    pub tls: Option<ServerTls>,
    /// TLS of `admin_listen`.
    pub admin_tls: Option<ServerTls>,
    /// Metrics and admin on the main listeners as well, for one-machine use.
    pub merge_admin: bool,
    /// Threads that accept requests and start calls: one per core.
    pub io_threads: usize,
    /// Open connections; one more is closed at once.
    pub connections_max: usize,
    /// Requests in flight on one HTTP/2 connection.
    pub streams_per_connection_max: u32,
    /// Whether gRPC reflection answers.
    pub reflection: bool,
    /// How long peers may take.
    pub timeouts: Timeouts,
    /// How long a drain says "not ready" before it stops accepting.
    pub drain_notice: Duration,
}

/// How long peers may take over their part.
#[derive(Debug, Clone)]
pub struct Timeouts {
    /// For the protocol's preface and for one HTTP/1 head, idle time before it included.
    pub header_read: Duration,
    /// For one whole body.
    pub body_read: Duration,
    /// A caller that takes nothing of its answer for this long loses it.
    pub answer_read: Duration,
    /// A connection without a request for this long is closed.
    pub idle: Duration,
    /// While more than half of the connections are taken, one that has not
    /// authenticated within this is closed: it may be one of many that hold places.
    pub stranger: Duration,
    /// Time between HTTP/2 pings.
    pub keepalive_interval: Duration,
    /// An unanswered ping ends the connection after this.
    pub keepalive_timeout: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header_read: Duration::from_secs(10),
            // 8 MiB in that time is 280 KB a second, which any real network gives.
            body_read: Duration::from_secs(30),
            answer_read: Duration::from_secs(30),
            // Clients keep a connection between bursts; proxies usually give up after as long.
            idle: Duration::from_secs(300),
            // A caller authenticates with its first request.
            stranger: Duration::from_secs(10),
            keepalive_interval: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(20),
        }
    }
}

impl Default for FrontSettings {
    fn default() -> Self {
        Self {
            listen: None,
            unix: None,
            admin_listen: None,
            tls: None,
            admin_tls: None,
            merge_admin: false,
            io_threads: available_parallelism().map_or(1, NonZeroUsize::get),
            connections_max: CONNECTIONS_MAX_DEFAULT,
            streams_per_connection_max: STREAMS_MAX_DEFAULT,
            reflection: true,
            timeouts: Timeouts::default(),
            drain_notice: DRAIN_NOTICE_DEFAULT,
        }
    }
}

/// A setting that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Nobody could ever call.
    #[error("no listener: set a TCP address or a Unix socket path")]
    NoListener,
    /// Zero or absurd.
    #[error("{name} is {got}, it must be from 1 to {max}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// Its value.
        got: usize,
        /// The largest that works.
        max: usize,
    },
    /// A timeout of zero would refuse everything.
    #[error("{name} is 0, it must be longer")]
    ZeroTimeout {
        /// The setting.
        name: &'static str,
    },
}

impl FrontSettings {
    /// Everything that can be known to be wrong before binding.
    ///
    /// # Errors
    /// Names the first setting that cannot work.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.listen.is_none() && self.unix.is_none() {
            return Err(SettingsError::NoListener);
        }
        in_range("io_threads", self.io_threads, IO_THREADS_MAX)?;
        in_range("connections_max", self.connections_max, 1 << 20)?;
        in_range("streams_per_connection_max", self.streams_per_connection_max as usize, 1 << 16)?;
        let times = &self.timeouts;
        for (name, time) in [
            ("timeouts.header_read", times.header_read),
            ("timeouts.body_read", times.body_read),
            ("timeouts.answer_read", times.answer_read),
            ("timeouts.idle", times.idle),
            ("timeouts.stranger", times.stranger),
            ("timeouts.keepalive_interval", times.keepalive_interval),
            ("timeouts.keepalive_timeout", times.keepalive_timeout),
        ] {
            if time.is_zero() {
                return Err(SettingsError::ZeroTimeout { name });
            }
        }
        Ok(())
    }
}

fn in_range(name: &'static str, got: usize, max: usize) -> Result<(), SettingsError> {
    if (1..=max).contains(&got) { Ok(()) } else { Err(SettingsError::OutOfRange { name, got, max }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> FrontSettings {
        FrontSettings { listen: Some(([127, 0, 0, 1], 0).into()), ..FrontSettings::default() }
    }

    #[test]
    fn the_defaults_lack_only_an_address() {
        assert_eq!(FrontSettings::default().check(), Err(SettingsError::NoListener));
        assert_eq!(local().check(), Ok(()));
    }

    #[test]
    fn what_cannot_work_is_named() {
        let none = FrontSettings { io_threads: 0, ..local() };
        assert_eq!(none.check().unwrap_err().to_string(), "io_threads is 0, it must be from 1 to 1024");
        let timeouts = Timeouts { idle: Duration::ZERO, ..Timeouts::default() };
        let zero = FrontSettings { timeouts, ..local() };
        assert_eq!(zero.check(), Err(SettingsError::ZeroTimeout { name: "timeouts.idle" }));
    }
}
