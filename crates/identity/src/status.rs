//! What operators and scrapers see of issuers whose keys are fetched.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};
use serde::Serialize;

use crate::remote::Remote;

/// Keys of one issuer with a `jwks_url`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeySource {
    /// Whose.
    pub issuer: String,
    /// Keys in force; 0: none was ever read, and its tokens are refused.
    pub keys: usize,
    /// How long ago they were last seen to be the issuer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_s: Option<u64>,
    /// How often others took their place.
    pub replaced: u64,
    /// Looks that failed.
    pub failed: u64,
    /// Why the last look failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A number of a source, where there is one.
type Gauged = fn(&KeySource) -> Option<i64>;

/// Shows them to a scraper; the label is one of the configured issuers.
#[derive(Debug)]
pub(crate) struct KeySources(pub(crate) Vec<Arc<Remote>>);

impl Collector for KeySources {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let sources: Vec<_> = self.0.iter().map(|remote| remote.status()).collect();
        let gauges: [(&str, &str, Gauged); 3] = [
            ("identity_keys", "Keys in force of an issuer with a jwks_url; 0: its tokens are refused", |source| i64::try_from(source.keys).ok()),
            ("identity_keys_age_seconds", "How long ago the keys were last seen to be the issuer's", |source| {
                source.age_s.and_then(|age| i64::try_from(age).ok())
            }),
            ("identity_keys_problem", "1 while the keys of an issuer cannot be fetched and the last good ones stay in force", |source| {
                Some(i64::from(source.problem.is_some()))
            }),
        ];
        for (name, help, value) in gauges {
            let mut shown = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for source in &sources {
                if let Some(value) = value(source) {
                    ConstGauge::new(value).encode(shown.encode_family(&[("issuer", source.issuer.as_str())])?)?;
                }
            }
        }
        let mut failed =
            encoder.encode_descriptor("identity_keys_failures", "Looks at an issuer's jwks_url that failed", None, MetricType::Counter)?;
        for source in &sources {
            ConstCounter::new(source.failed).encode(failed.encode_family(&[("issuer", source.issuer.as_str())])?)?;
        }
        Ok(())
    }
}
