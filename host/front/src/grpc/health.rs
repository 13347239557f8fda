//! grpc.health.v1: whether calls are wanted here, asked once or watched.
//!
//! `Check` looks at the moment; watchers are told by one poll for all of them.

use std::{convert::Infallible, pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, stream};
use tokio::{sync::watch, time::MissedTickBehavior};
use tonic::{Request, Response, Status};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_check_response::ServingStatus,
    health_server::{Health as HealthApi, HealthServer},
};

use crate::{drain::Draining, service::Service};

/// How often readiness is looked at for those who watch it.
const POLL_EVERY: Duration = Duration::from_millis(250);
/// A request is the name of a service.
const REQUEST_BYTES_MAX: usize = 1 << 10;
/// What is asked for: the host as a whole, or its one service.
const SERVICES: [&str; 2] = ["", "ameide.extensions.v1.WasmExtensionRuntime"];

/// The last seen readiness.
#[derive(Debug, Clone)]
pub(crate) struct Readiness {
    seen: Arc<watch::Sender<bool>>,
}

impl Readiness {
    pub(crate) fn new<S: Service>(service: &S) -> Self {
        Self { seen: Arc::new(watch::Sender::new(service.ready())) }
    }

    /// Keeps it up to date, for as long as it is polled.
    pub(crate) async fn watch<S: Service>(&self, service: &S, draining: &Draining) -> Infallible {
        let mut phases = draining.phases();
        let mut ticks = tokio::time::interval(POLL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                Ok(()) = phases.changed() => {}
            }
            let now = service.ready() && !draining.has_begun();
            self.seen.send_if_modified(|seen| std::mem::replace(seen, now) != now);
        }
    }
}

/// Answers for one front.
pub(crate) struct Health<S> {
    service: Arc<S>,
    draining: Arc<Draining>,
    readiness: Readiness,
}

pub(crate) fn health_server<S: Service>(service: &Arc<S>, draining: &Arc<Draining>, readiness: &Readiness) -> HealthServer<Health<S>> {
    let health = Health { service: Arc::clone(service), draining: Arc::clone(draining), readiness: readiness.clone() };
    HealthServer::new(health).max_decoding_message_size(REQUEST_BYTES_MAX)
}

fn answer(ready: bool) -> HealthCheckResponse {
    let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl<S: Service> HealthApi for Health<S> {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        if !SERVICES.contains(&request.get_ref().service.as_str()) {
            return Err(Status::not_found("no such service; ask for \"\" or ameide.extensions.v1.WasmExtensionRuntime"));
        }
        Ok(Response::new(answer(self.service.ready() && !self.draining.has_begun())))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        if !SERVICES.contains(&request.get_ref().service.as_str()) {
            // The protocol wants the stream kept open: the service might come.
            let unknown = HealthCheckResponse { status: ServingStatus::ServiceUnknown.into() };
            let once = stream::once(async move { Ok(unknown) });
            return Ok(Response::new(Box::pin(stream::StreamExt::chain(once, stream::pending()))));
        }
        let mut seen = self.readiness.seen.subscribe();
        seen.mark_changed();
        let changes = stream::unfold(seen, |mut seen| async move {
            // Ends with the front, which holds the sender.
            seen.changed().await.ok()?;
            let ready = *seen.borrow_and_update();
            Some((Ok(answer(ready)), seen))
        });
        Ok(Response::new(Box::pin(changes)))
    }
}
