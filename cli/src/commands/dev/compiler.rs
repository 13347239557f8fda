//! Compiles pushed source on this machine: the compile worker, on the embedded registry's board.

use std::{path::Path, time::Duration};

use extensions_host::THIS_BINARY;
use extensions_pipeline::{Tools, Workbench};
use extensions_registry::Embedded;
use extensions_types::{CallLabel, with_causes};
use extensions_worker::{Isolation, LimitSettings, Metrics, Parts, Worker};
use prometheus_client::registry::Registry;

use crate::{dev_state::ISSUER, failure::Failure, say::Say};

/// Its files, in the data directory.
const FOLDER: &str = "worker";
/// Some hundred components.
const RESULTS_BYTES_MAX: u64 = 64 << 20;
/// Who ends `ext dev` waits for nothing but what is about to end.
const DRAIN: Duration = Duration::from_millis(500);

/// Begins to compile what is pushed. Without isolation only what identities of
/// this machine's own key push is compiled, and `say` hears of it.
pub(super) fn start(registry: &Embedded, tools: Tools, workbench: Workbench, data: &Path, say: &Say) -> Result<Worker, Failure> {
    let limits = LimitSettings::default();
    let parts = Parts {
        name: CallLabel::parse("ext-dev").expect("a constant of the grammar"),
        queue: registry.queue(),
        claims: registry.claims(),
        home: tools.home,
        dir: data.join(FOLDER),
        sdks: tools.sdks,
        workbench,
        isolation: isolation(say),
        limits: limits.of_build(),
        tests_within: limits.of_tests(),
        slots: 1,
        results_bytes_max: RESULTS_BYTES_MAX,
        metrics: Metrics::new(&mut Registry::default()),
    };
    Worker::start(parts).map_err(|error| Failure::Local(format!("cannot compile what is pushed: {}", with_causes(&error))))
}

pub(super) async fn stop(worker: Worker) {
    worker.drain(DRAIN).await;
}

fn isolation(say: &Say) -> Isolation {
    match Isolation::of_this_kernel(THIS_BINARY) {
        Ok(isolation) => {
            tracing::info!(isolation = isolation.words(), "builds are isolated");
            isolation
        }
        Err(why) => {
            say.warning(format_args!("{why}; only source that this machine's own identities push is compiled"));
            Isolation::OwnSourceOnly { issuer: ISSUER.to_owned() }
        }
    }
}
