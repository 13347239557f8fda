//! Whether requests are wanted here: the stores answer, and no drain has begun.

use std::time::Duration;

use axum::{Router, extract::State, response::IntoResponse, routing::get};
use extensions_registry_api::GRPC_SERVICE;
use extensions_registry_ledger::Ledger;
use http::StatusCode;
use tokio::{sync::watch, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::control_files::ControlFileProblems;

/// How often the stores are asked: a few requests, for all who want to know.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// The last seen readiness.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    ready: watch::Receiver<bool>,
    files: ControlFileProblems,
}

impl Health {
    /// Looks at the stores until `leaving`, and tells `reporter`.
    pub(crate) fn watch(ledger: Ledger, reporter: HealthReporter, leaving: CancellationToken) -> Self {
        let (tell, ready) = watch::channel(false);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(PROBE_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = leaving.cancelled() => break,
                    _ = ticks.tick() => {}
                }
                let answer = ledger.probe().await;
                if let (Err(error), true) = (&answer, *tell.borrow()) {
                    tracing::warn!(error = %extensions_types::with_causes(error), "not ready: a store does not answer");
                }
                say(&tell, &reporter, answer.is_ok()).await;
            }
            say(&tell, &reporter, false).await;
        });
        Self { ready, files: ControlFileProblems::default() }
    }

    /// Tells of files that are not imported; requests are wanted all the same.
    pub(crate) fn with(self, files: ControlFileProblems) -> Self {
        Self { files, ..self }
    }

    /// `/healthz` and `/readyz`.
    pub(crate) fn routes(&self) -> Router {
        Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(readyz)).with_state(self.clone())
    }

    /// Waits until it is ready for the first time.
    pub(crate) async fn ready(&mut self) {
        // The sender is gone only when the registry is.
        let _ = self.ready.wait_for(|ready| *ready).await;
    }
}

async fn readyz(State(health): State<Health>) -> impl IntoResponse {
    if *health.ready.borrow() {
        (StatusCode::OK, format!("ready\n{}", health.files.lines()))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: a store does not answer, or the registry stops\n".to_owned())
    }
}

async fn say(tell: &watch::Sender<bool>, reporter: &HealthReporter, ready: bool) {
    tell.send_replace(ready);
    let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    reporter.set_service_status("", status).await;
    reporter.set_service_status(GRPC_SERVICE, status).await;
}
