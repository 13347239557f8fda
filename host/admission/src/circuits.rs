//! Breakers as admission sees them: whether a version is called, what its end
//! says of it, and who is told when that changes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use extensions_breakers::{Breakers, Change, Ended, Key, Open, Reason, Ticket};
use extensions_catalog::ServedVersion;
use extensions_engine::{Outcome, Stats};
use extensions_modules::NotLoaded;
use extensions_types::{ErrorCode, FailureCause};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, LabelSetEncoder},
    metrics::{counter::Counter, family::Family, gauge::ConstGauge},
    registry::Registry,
};

/// The breakers of a host, and their metrics.
#[derive(Debug)]
pub(crate) struct Circuits {
    breakers: Arc<Breakers>,
    opened: Family<Why, Counter>,
    closed: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Why(Reason);

impl EncodeLabelSet for Why {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        use prometheus_client::encoding::EncodeLabel;
        ("reason", self.0.as_str()).encode(encoder.encode_label())
    }
}

impl Circuits {
    pub(crate) fn new(breakers: Arc<Breakers>, metrics: &mut Registry) -> Self {
        let circuits = Self { breakers, opened: Family::default(), closed: Counter::default() };
        metrics.register("circuits_opened", "Versions that stopped being called, by reason", circuits.opened.clone());
        metrics.register("circuits_closed", "Versions that are called again", circuits.closed.clone());
        metrics.register_collector(Box::new(Now(Arc::clone(&circuits.breakers))));
        circuits
    }

    pub(crate) fn breakers(&self) -> &Breakers {
        &self.breakers
    }

    pub(crate) fn admit(&self, version: &ServedVersion, now: Instant) -> Result<Ticket, Open> {
        self.breakers.admit(key(version), now)
    }

    /// A call of the version has ended.
    pub(crate) fn ended(&self, ticket: Ticket, version: &ServedVersion, outcome: &Outcome, accepted: Instant) {
        let code = outcome.result.as_ref().err().map(|failure| failure.code);
        let is_slow = || self.breakers.is_slow(ran(&outcome.stats), version.definition.limits.timeout());
        if let Some(ended) = says(code, is_slow) {
            // The outcome's own clock: none is read here.
            self.report(ticket, version, ended, accepted + outcome.stats.wall);
        }
    }

    /// The version could not be loaded for a call.
    pub(crate) fn not_loaded(&self, ticket: Ticket, version: &ServedVersion, error: &NotLoaded, now: Instant) {
        match error {
            // This host is not done yet: that says nothing of the version.
            NotLoaded::Loading | NotLoaded::Busy => {}
            NotLoaded::Unavailable | NotLoaded::Corrupt | NotLoaded::Refused(_) | NotLoaded::Internal => {
                self.report(ticket, version, Ended::Failed, now)
            }
        }
    }

    fn report(&self, ticket: Ticket, version: &ServedVersion, ended: Ended, now: Instant) {
        let Some(change) = self.breakers.report(ticket, key(version), ended, now) else { return };
        let definition = &version.definition;
        let (tenant, extension, version) = (&definition.tenant_id, &definition.id, definition.version);
        match change {
            Change::Opened { reason, rest } => {
                self.opened.get_or_create(&Why(reason)).inc();
                tracing::warn!(%tenant, %extension, %version, reason = reason.as_str(), rest_ms = rest.as_millis(), "circuit opened");
            }
            Change::Closed => {
                self.closed.inc();
                tracing::info!(%tenant, %extension, %version, "circuit closed");
            }
        }
    }
}

fn key(version: &ServedVersion) -> Key<'_> {
    Key { hash: version.key().hash64(), definition: &version.definition }
}

/// How long the version itself took: what waited for bodies, loads and turns is not its fault.
fn ran(stats: &Stats) -> Duration {
    stats.wall.saturating_sub(stats.queue)
}

/// What an end says of the version; none where it says nothing: callers,
/// operators and other tenants can cause it alone.
fn says(code: Option<ErrorCode>, is_slow: impl FnOnce() -> bool) -> Option<Ended> {
    use FailureCause as C;
    // A rejection is an answer, too: a rule that rejects nearly everything is well.
    let Some(code) = code.filter(|code| !matches!(code, ErrorCode::Rejected | ErrorCode::InvalidInput)) else {
        return Some(Ended::Answered { slow: is_slow() });
    };
    if code == ErrorCode::Deadline {
        return None;
    }
    match code.cause()? {
        // Wall time also passes while others have their turns: only what ran for most of it is to blame.
        C::Timeout => is_slow().then_some(Ended::Failed),
        C::Failed | C::Trap | C::Limit | C::HostCall | C::Unavailable => Some(Ended::Failed),
        C::Denied | C::Missing | C::Disabled | C::Circuit | C::Overload | C::Quota => None,
    }
}

/// What stands open when metrics are asked for.
#[derive(Debug)]
struct Now(Arc<Breakers>);

impl Collector for Now {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let open = ConstGauge::new(i64::try_from(self.0.open()).unwrap_or(i64::MAX));
        let described =
            encoder.encode_descriptor("circuits_open", "Versions that are not called now, or are being tried", None, open.metric_type())?;
        open.encode(described)?;
        let untracked = ConstGauge::new(i64::try_from(self.0.untracked()).unwrap_or(i64::MAX));
        let text = "Failures of versions that no breaker was left for, since the start";
        let described = encoder.encode_descriptor("circuits_untracked", text, None, untracked.metric_type())?;
        untracked.encode(described)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_technical_failures_count_against_a_version() {
        let says = |code| says(Some(code), || true);
        let counted: Vec<_> = ErrorCode::ALL.iter().filter(|&&code| says(code) == Some(Ended::Failed)).map(|code| code.as_str()).collect();
        let technical = [
            "GUEST_FAILED",
            "INVALID_OUTPUT",
            "TRAP",
            "TIMEOUT",
            "CPU_LIMIT",
            "MEMORY_LIMIT",
            "OUTPUT_LIMIT",
            "HOST_CALL_FAILED",
            "UNAVAILABLE",
            "ARTIFACT_CORRUPT",
            "INTERNAL",
        ];
        assert_eq!(counted, technical);
        let answers: Vec<_> = ErrorCode::ALL.iter().filter(|&&code| says(code) == Some(Ended::Answered { slow: true })).collect();
        assert_eq!(answers, [&ErrorCode::Rejected, &ErrorCode::InvalidInput], "a rejection is an answer");
        assert_eq!(super::says(Some(ErrorCode::Timeout), || false), None, "it waited for others");
        assert_eq!(super::says(None, || false), Some(Ended::Answered { slow: false }));
    }

    #[test]
    fn waiting_is_not_running() {
        let stats = Stats { wall: Duration::from_millis(900), queue: Duration::from_millis(850), ..Stats::default() };
        assert_eq!(ran(&stats), Duration::from_millis(50));
    }
}
