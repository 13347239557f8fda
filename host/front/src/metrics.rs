//! What the front counts, one shard per I/O thread, summed when scraped. The
//! registry puts `extensions_` before every name.
//!
//! Shards keep threads from sharing cache lines on the hot path. Labels are
//! closed enums: nothing from a request becomes one.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use crate::router::RouteName;

/// How a request ended, by its HTTP status whatever the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Ok,
    Client,
    Server,
    /// The caller left, or the drain's time was up, before there was an answer.
    Cancelled,
}

impl Class {
    pub(crate) const ALL: [Self; 4] = [Self::Ok, Self::Client, Self::Server, Self::Cancelled];

    pub(crate) fn of(status: u16) -> Self {
        match status {
            0..400 => Self::Ok,
            400..500 => Self::Client,
            _ => Self::Server,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Ok => "2xx",
            Self::Client => "4xx",
            Self::Server => "5xx",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why a connection was closed at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turned {
    /// The limit on open connections.
    Limit,
    /// Every I/O thread's queue of new connections was full.
    Busy,
    /// No TLS handshake: too slow, without a certificate that we trust, or none at all.
    Handshake,
}

impl Turned {
    const ALL: [Self; 3] = [Self::Limit, Self::Busy, Self::Handshake];

    fn label(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Busy => "busy",
            Self::Handshake => "handshake",
        }
    }
}

/// One I/O thread's counts. Aligned so that two shards share no cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Shard {
    begun: AtomicU64,
    ended: [[AtomicU64; Class::ALL.len()]; RouteName::ALL.len()],
    auth_failures: AtomicU64,
}

impl Shard {
    pub(crate) fn begin(&self) {
        self.begun.fetch_add(1, Relaxed);
    }

    pub(crate) fn end(&self, route: RouteName, class: Class) {
        self.ended[route as usize][class as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn auth_failed(&self) {
        self.auth_failures.fetch_add(1, Relaxed);
    }

    fn ended(&self) -> u64 {
        self.ended.iter().flatten().map(|count| count.load(Relaxed)).sum()
    }
}

/// Every count of the front.
#[derive(Debug)]
pub(crate) struct Metrics {
    shards: Vec<Arc<Shard>>,
    accepted: AtomicU64,
    open: AtomicU64,
    turned: [AtomicU64; Turned::ALL.len()],
    accept_errors: AtomicU64,
}

impl Metrics {
    pub(crate) fn new(threads: usize) -> Arc<Self> {
        let shards = (0..threads).map(|_| Arc::default()).collect();
        Arc::new(Self { shards, accepted: AtomicU64::new(0), open: AtomicU64::new(0), turned: Default::default(), accept_errors: AtomicU64::new(0) })
    }

    pub(crate) fn shard(&self, thread: usize) -> Arc<Shard> {
        Arc::clone(&self.shards[thread])
    }

    pub(crate) fn opened(&self) {
        self.accepted.fetch_add(1, Relaxed);
        self.open.fetch_add(1, Relaxed);
    }

    pub(crate) fn closed(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    pub(crate) fn open(&self) -> u64 {
        self.open.load(Relaxed)
    }

    pub(crate) fn turned_away(&self, why: Turned) {
        self.turned[why as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn accept_failed(&self) {
        self.accept_errors.fetch_add(1, Relaxed);
    }

    /// Requests that have ended, however they did.
    pub(crate) fn ended(&self) -> u64 {
        self.shards.iter().map(|shard| shard.ended()).sum()
    }

    /// Requests that have begun and not ended.
    pub(crate) fn in_flight(&self) -> u64 {
        // Read in this order, a request between the two reads counts as running.
        let ended = self.ended();
        let begun: u64 = self.shards.iter().map(|shard| shard.begun.load(Relaxed)).sum();
        begun.saturating_sub(ended)
    }

    fn auth_failures(&self) -> u64 {
        self.shards.iter().map(|shard| shard.auth_failures.load(Relaxed)).sum()
    }

    fn requests(&self, mut metric: MetricEncoder<'_>) -> fmt::Result {
        for route in RouteName::ALL {
            for class in Class::ALL {
                let count: u64 = self.shards.iter().map(|shard| shard.ended[route as usize][class as usize].load(Relaxed)).sum();
                if count > 0 {
                    ConstCounter::new(count).encode(metric.encode_family(&[("route", route.as_str()), ("class", class.label())])?)?;
                }
            }
        }
        Ok(())
    }
}

/// The registry's way to the counts.
#[derive(Debug)]
pub(crate) struct Scrape(pub(crate) Arc<Metrics>);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let metrics = &self.0;
        let mut gauge = |name, help, value: u64| {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
        };
        gauge("front_connections_open", "Connections open now", metrics.open())?;
        gauge("front_requests_in_flight", "Requests begun and not ended", metrics.in_flight())?;
        let mut counter = |name, help, value: u64| {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(value).encode(metric)
        };
        counter("front_connections_accepted", "Connections taken on", metrics.accepted.load(Relaxed))?;
        counter("front_accept_errors", "Failed accepts, such as too many open files", metrics.accept_errors.load(Relaxed))?;
        counter("front_authentication_failures", "Requests without a valid token", metrics.auth_failures())?;
        let name = "front_connections_turned_away";
        let mut turned = encoder.encode_descriptor(name, "Connections closed at the door", None, MetricType::Counter)?;
        for why in Turned::ALL {
            let count = metrics.turned[why as usize].load(Relaxed);
            ConstCounter::new(count).encode(turned.encode_family(&[("reason", why.label())])?)?;
        }
        let name = "front_requests";
        metrics.requests(encoder.encode_descriptor(name, "Requests by route and status class", None, MetricType::Counter)?)
    }
}
