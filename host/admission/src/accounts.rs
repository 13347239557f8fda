//! What every ended call leaves behind: metrics, a record in the log, its guest's lines.

use std::sync::Arc;

use extensions_engine::{Observer, Outcome};
use extensions_types::{ErrorCode, ExecutionContext, ExtensionDefinition, Kind};
use prometheus_client::{
    encoding::{EncodeLabelSet, LabelSetEncoder},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::GuestLogs;

/// From 10 µs, where a small guest ends, doubling to the wall maximum.
const SECONDS_BUCKETS: [f64; 13] = [0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025, 0.1, 0.5, 5.0, 30.0];

/// Both labels are closed sets, so the series are bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Labels {
    kind: Kind,
    code: Option<ErrorCode>,
}

impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        use prometheus_client::encoding::EncodeLabel;
        ("kind", self.kind.as_str()).encode(encoder.encode_label())?;
        ("outcome", self.code.map_or("OK", ErrorCode::as_str)).encode(encoder.encode_label())
    }
}

/// Accounts for every call of a host.
#[derive(Debug)]
pub struct Accounts {
    calls: Family<Labels, Counter>,
    cpu_micros: Counter,
    host_calls: Counter,
    wall: Histogram,
    queue: Histogram,
    guest_logs: Arc<GuestLogs>,
}

impl Accounts {
    /// Registers the metrics; guests' lines go to `guest_logs`.
    #[must_use]
    pub fn new(registry: &mut Registry, guest_logs: Arc<GuestLogs>) -> Self {
        let accounts = Self {
            calls: Family::default(),
            cpu_micros: Counter::default(),
            host_calls: Counter::default(),
            wall: Histogram::new(SECONDS_BUCKETS),
            queue: Histogram::new(SECONDS_BUCKETS),
            guest_logs,
        };
        registry.register("invocations", "Ended invocations by kind and outcome", accounts.calls.clone());
        registry.register("invocation_cpu_microseconds", "Thread CPU time of all invocations", accounts.cpu_micros.clone());
        registry.register("host_calls", "Host calls made by extensions, denied ones included", accounts.host_calls.clone());
        registry.register_with_unit("invocation_wall", "From acceptance to outcome", Unit::Seconds, accounts.wall.clone());
        registry.register_with_unit("invocation_queue", "Waiting to run", Unit::Seconds, accounts.queue.clone());
        accounts
    }
}

impl Observer for Accounts {
    fn ended(&self, extension: &ExtensionDefinition, context: &ExecutionContext, outcome: &Outcome) {
        let stats = &outcome.stats;
        let code = outcome.result.as_ref().err().map(|failure| failure.code);
        self.calls.get_or_create(&Labels { kind: extension.kind, code }).inc();
        self.cpu_micros.inc_by(u64::try_from(stats.cpu.as_micros()).unwrap_or(u64::MAX));
        self.host_calls.inc_by(stats.host_calls.into());
        self.wall.observe(stats.wall.as_secs_f64());
        self.queue.observe(stats.queue.as_secs_f64());
        self.guest_logs.append(extension, context, outcome);
        record(extension, context, outcome, code);
    }
}

/// One record for each invocation: what failed at `info`, the rest at `debug`.
fn record(extension: &ExtensionDefinition, context: &ExecutionContext, outcome: &Outcome, code: Option<ErrorCode>) {
    macro_rules! invocation {
        ($level:ident, $($more:tt)*) => {
            tracing::$level!(
                tenant = %context.tenant,
                org = context.org.as_ref().map(tracing::field::display),
                user = %context.user,
                actor_type = %context.actor_type,
                caller = %context.caller,
                extension = %extension.id,
                version = %extension.version,
                kind = %extension.kind,
                hook_point = context.hook_point.as_ref().map(tracing::field::display),
                correlation_id = %context.correlation,
                cpu_micros = outcome.stats.cpu.as_micros(),
                wall_micros = outcome.stats.wall.as_micros(),
                queue_micros = outcome.stats.queue.as_micros(),
                memory_peak_bytes = outcome.stats.memory_peak_bytes,
                host_calls = outcome.stats.host_calls,
                $($more)*
            )
        };
    }
    match (&outcome.result, code) {
        (Err(failure), Some(code)) => invocation!(info, error_code = %code, reason = failure.message, "invocation failed"),
        (Ok(_) | Err(_), _) => invocation!(debug, "invocation"),
    }
}
