//! What the API counts: requests by method and outcome, and how long they took.

use std::time::Duration;

use extensions_types::ErrorCode;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

/// From a list of a page to a compile's request: 1 ms to 30 s.
const BUCKETS: [f64; 10] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 1.0, 3.0, 10.0, 30.0];

/// Both words come from closed sets: methods of the contract, codes of the table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: &'static str,
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Method {
    method: &'static str,
}

/// The API's metrics.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: Family<Request, Counter>,
    seconds: Family<Method, Histogram, fn() -> Histogram>,
    strangers: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        Self { requests: Family::default(), seconds: Family::new_with_constructor(histogram), strangers: Counter::default() }
    }
}

impl Metrics {
    /// Metrics that `registry` shows.
    #[must_use]
    pub fn registered(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("registry_requests", "Requests by method and outcome", metrics.requests.clone());
        registry.register("registry_request_seconds", "Time from a request's head to its answer", metrics.seconds.clone());
        registry.register("registry_strangers", "Requests refused before their caller was known", metrics.strangers.clone());
        metrics
    }

    pub(crate) fn answered(&self, method: &'static str, code: Option<ErrorCode>, took: Duration) {
        let code = code.map_or("OK", ErrorCode::as_str);
        self.requests.get_or_create(&Request { method, code }).inc();
        self.seconds.get_or_create(&Method { method }).observe(took.as_secs_f64());
    }

    pub(crate) fn stranger(&self) {
        self.strangers.inc();
    }
}
