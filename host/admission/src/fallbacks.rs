//! Counts what failure contracts do.

use extensions_types::{FailureCause, FallbackAction};
use prometheus_client::{
    encoding::{EncodeLabelSet, LabelSetEncoder},
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// Both labels are closed sets, so the series are bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Labels {
    cause: FailureCause,
    /// None where it was to be the last good version, which did not answer.
    action: Option<FallbackAction>,
}

impl EncodeLabelSet for Labels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        use prometheus_client::encoding::EncodeLabel;
        ("cause", self.cause.as_str()).encode(encoder.encode_label())?;
        ("action", self.action.map_or("failed", FallbackAction::as_str)).encode(encoder.encode_label())
    }
}

/// Fallbacks by cause and action.
#[derive(Debug)]
pub(crate) struct Fallbacks(Family<Labels, Counter>);

impl Fallbacks {
    pub(crate) fn new(metrics: &mut Registry) -> Self {
        let counts = Family::default();
        metrics.register(
            "fallbacks",
            "Answers given by failure contracts, by cause and action; `failed` where a last good version gave none",
            Family::clone(&counts),
        );
        Self(counts)
    }

    pub(crate) fn answered(&self, cause: FailureCause, action: FallbackAction) {
        self.0.get_or_create(&Labels { cause, action: Some(action) }).inc();
    }

    /// No last good version could answer.
    pub(crate) fn failed(&self, cause: FailureCause) {
        self.0.get_or_create(&Labels { cause, action: None }).inc();
    }
}
