//! What every request of a front can reach.

use std::sync::{Arc, Mutex};

use prometheus_client::registry::Registry;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;

use crate::{budget::ByteBudget, drain::Draining, grpc::Health, metrics::Metrics, service::Service};

/// One per front.
pub(crate) struct Shared<S> {
    pub(crate) service: Arc<S>,
    pub(crate) draining: Arc<Draining>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) registry: Arc<Mutex<Registry>>,
    pub(crate) bodies: ByteBudget,
    pub(crate) body_read: std::time::Duration,
    pub(crate) health: HealthServer<Health<S>>,
    pub(crate) reflection: Option<Routes>,
}

impl<S: Service> Shared<S> {
    /// Whether calls are wanted here.
    pub(crate) fn is_ready(&self) -> bool {
        !self.draining.has_begun() && self.service.ready()
    }
}
