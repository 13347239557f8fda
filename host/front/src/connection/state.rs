//! What is known about one connection, and a request under way on it.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
};

use extensions_identity::Channel;
use tokio_util::sync::CancellationToken;

use crate::{
    handout::Place,
    metrics::{Class, Shard},
    router::{Plane, RouteName},
    shared::Shared,
};

/// What the connections of one I/O thread share; nothing of it is touched by other threads' requests.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) closing: CancellationToken,
    pub(crate) shard: Arc<Shard>,
}

/// A connection and what it reaches.
pub(crate) struct Conn<S> {
    pub(crate) shared: Arc<Shared<S>>,
    pub(crate) state: Arc<ConnState>,
}

/// What is known about one connection.
#[derive(Debug)]
pub(crate) struct ConnState {
    pub(crate) worker: Arc<Worker>,
    pub(crate) plane: Plane,
    pub(crate) peer: Peer,
    pub(crate) channel: Channel,
    running: AtomicU32,
    begun: AtomicU64,
    abuse: AtomicBool,
    /// Whoever is at the other end has authenticated.
    known: AtomicBool,
    place: Place,
}

impl ConnState {
    pub(super) fn new(worker: Arc<Worker>, plane: Plane, peer: Peer, place: Place) -> Self {
        let channel = Channel::new(std::time::Instant::now());
        Self {
            worker,
            plane,
            peer,
            channel,
            running: AtomicU32::new(0),
            begun: AtomicU64::new(0),
            abuse: AtomicBool::new(false),
            known: AtomicBool::new(false),
            place,
        }
    }

    /// Somebody has authenticated over it.
    pub(crate) fn is_a_callers(&self) {
        // Read first: connections of callers do not write into shared lines at each request.
        if !self.known.load(Relaxed) {
            self.known.store(true, Relaxed);
        }
    }

    pub(super) fn is_known(&self) -> bool {
        self.known.load(Relaxed)
    }

    /// It holds a place that a caller may need.
    pub(super) fn is_in_the_way(&self) -> bool {
        !self.is_known() && self.place.is_crowded()
    }

    /// Ends the connection after the answer under way.
    pub(crate) fn leave_for_abuse(&self) {
        self.abuse.store(true, Relaxed);
    }

    pub(crate) fn is_leaving_for_abuse(&self) -> bool {
        self.abuse.load(Relaxed)
    }

    /// Requests that have begun, since the connection did.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Relaxed)
    }

    /// Whether any request is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.running.load(Relaxed) > 0
    }
}

/// Who is at the other end, for logs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Peer {
    Tcp(SocketAddr),
    Unix,
    /// A part of this process.
    Memory,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
            Self::Memory => f.write_str("memory"),
        }
    }
}

/// A request under way. Lives until its answer's last frame has been handed on,
/// so that a drain can count it and idleness does not.
#[derive(Debug)]
pub(crate) struct InFlight {
    state: Arc<ConnState>,
    route: RouteName,
    class: Class,
}

impl InFlight {
    pub(crate) fn begin(state: &Arc<ConnState>, route: RouteName) -> Self {
        state.running.fetch_add(1, Relaxed);
        state.begun.fetch_add(1, Relaxed);
        state.worker.shard.begin();
        Self { state: Arc::clone(state), route, class: Class::Cancelled }
    }

    /// There is an answer.
    pub(crate) fn answered(&mut self, class: Class) {
        self.class = class;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.state.running.fetch_sub(1, Relaxed);
        self.state.worker.shard.end(self.route, self.class);
    }
}
