//! What one request leaves behind: everything that metrics, logs and traces
//! tell of it, in one place.

use std::{sync::Arc, time::Instant};

use extensions_engine::Stats;
use extensions_types::{ErrorCode, ExecutionContext, ExtensionDefinition, FailureCause, FallbackAction, Version};

/// One ended request: an invocation, or a refusal.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    /// Who called, for whom and where.
    pub(crate) context: &'a ExecutionContext,
    /// The extension as it was asked for, where there is no version: its
    /// caller's word, so never a label.
    pub(crate) asked: Option<&'a str>,
    /// The version that it was for; none when there was none.
    pub(crate) definition: Option<&'a Arc<ExtensionDefinition>>,
    /// How it ended.
    pub(crate) end: &'a End,
    /// What it cost, over all of its runs.
    pub(crate) stats: Stats,
    /// Versions that ran for it: none for a refusal, two with a last good one.
    pub(crate) runs: u32,
    /// What answered instead.
    pub(crate) fallback: Option<Fell>,
    /// Whether it was one input of many.
    pub(crate) batch: Batch,
    /// When it ended.
    pub(crate) at: Instant,
}

/// A call's place in a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// How many inputs the request brought; 0 for a single call.
    pub(crate) inputs: u32,
    /// Whether it tells nothing of its caller's habits: it came after the first
    /// input, or under an id that was made up for it alone.
    pub(crate) is_quiet: bool,
}

/// How a request ended, before any fallback.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct End {
    /// None where the extension answered.
    pub(crate) code: Option<ErrorCode>,
    /// Its public text.
    pub(crate) reason: String,
    /// The quota that was used up.
    pub(crate) quota: Option<&'static str>,
}

/// What the failure contract did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fell {
    pub(crate) action: FallbackAction,
    pub(crate) cause: FailureCause,
    pub(crate) served: Version,
}

impl Record<'_> {
    /// Writes it to the log: answers at `debug`, everything else at `info`.
    pub(super) fn log(&self) {
        let Self { context, definition, end, stats, fallback, .. } = self;
        macro_rules! record {
            ($level:ident, $text:literal) => {
                tracing::$level!(
                    target: "record",
                    env = %context.env,
                    tenant = %context.tenant,
                    org = context.org.as_ref().map(tracing::field::display),
                    user = %context.user,
                    actor_type = %context.actor_type,
                    caller = %context.caller,
                    extension = definition.map_or(self.asked, |definition| Some(definition.id.as_str())),
                    version = definition.map(|definition| definition.version.get()),
                    kind = definition.map(|definition| definition.kind.as_str()),
                    hook_point = context.hook_point.as_ref().map(tracing::field::display),
                    correlation_id = %context.correlation,
                    error_code = end.code.map(ErrorCode::as_str),
                    reason = end.code.map(|_| end.reason.as_str()),
                    quota = end.quota,
                    fallback = fallback.map(|fell| fell.action.as_str()),
                    fallback_cause = fallback.map(|fell| fell.cause.as_str()),
                    served_version = fallback.map(|fell| fell.served.get()),
                    batch = (self.batch.inputs > 0).then_some(self.batch.inputs),
                    runs = self.runs,
                    cpu_micros = stats.cpu.as_micros(),
                    wall_micros = stats.wall.as_micros(),
                    queue_micros = stats.queue.as_micros(),
                    instantiate_micros = stats.instantiate.as_micros(),
                    guest_micros = stats.guest.as_micros(),
                    host_call_micros = stats.host_call_time.as_micros(),
                    memory_peak_bytes = stats.memory_peak_bytes,
                    host_calls = stats.host_calls,
                    $text
                )
            };
        }
        match (end.code, fallback, self.runs) {
            (None, None, _) => record!(debug, "invocation"),
            (_, Some(_), _) => record!(info, "invocation fell back"),
            (Some(_), None, 0) => record!(info, "refused"),
            (Some(_), None, _) => record!(info, "invocation failed"),
        }
    }
}
