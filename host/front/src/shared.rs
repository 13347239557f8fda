//! What every request of a front can reach.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use prometheus_client::registry::Registry;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;

use crate::{
    budget::{ByteBudget, Holder, Holders},
    drain::Draining,
    grpc::Health,
    intake::Bounds,
    metrics::Metrics,
    mount::Mount,
    router::Plane,
    seats::Seats,
    service::Service,
};

/// One per front.
pub(crate) struct Shared<S> {
    pub(crate) service: Arc<S>,
    pub(crate) draining: Arc<Draining>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) registry: Arc<Mutex<Registry>>,
    pub(crate) holders: Holders,
    pub(crate) bodies: ByteBudget,
    pub(crate) body_read: Duration,
    /// The longest that a piece of an answer waits for its caller.
    pub(crate) answer_read: Duration,
    /// For answers that their callers have not read yet.
    pub(crate) unread: ByteBudget,
    pub(crate) health: HealthServer<Health<S>>,
    pub(crate) reflection: Option<Routes>,
    /// For streams of health and reflection.
    pub(crate) watchers: Seats,
    /// For followers of logs.
    pub(crate) followers: Seats,
    pub(crate) mount: Option<Arc<dyn Mount>>,
}

impl<S: Service> Shared<S> {
    /// The mounted service, where a path that the host does not know is its.
    pub(crate) fn mounted(&self, plane: Plane, path: &str) -> Option<&Arc<dyn Mount>> {
        let is_for_callers = matches!(plane, Plane::Main | Plane::Merged);
        self.mount.as_ref().filter(|mount| is_for_callers && mount.owns(path))
    }

    /// What a body may be of a request of `holder` that came at `accepted`, whose caller waits for `timeout`.
    pub(crate) fn bounds(&self, holder: Holder, bytes_max: usize, accepted: Instant, timeout: Option<Duration>) -> Bounds<'_> {
        Bounds { bytes_max, until: accepted + self.body_read, deadline: timeout.map(|timeout| accepted + timeout), budget: self.bodies.of(holder) }
    }

    /// Whether calls are wanted here.
    pub(crate) fn is_ready(&self) -> bool {
        !self.draining.has_begun() && self.service.ready()
    }
}
