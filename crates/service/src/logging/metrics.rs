//! What a scraper sees of the process's own log.

use std::{fmt, sync::atomic::Ordering::Relaxed};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, counter::ConstCounter},
};

use super::LOST;

/// Metrics of the log. For one registry of the process.
#[derive(Debug)]
pub struct LogLines;

impl Collector for LogLines {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Lines of the program's log that nobody took from it in time; important ones are errors and the audit log";
        let mut lost = encoder.encode_descriptor("log_lines_lost", help, None, MetricType::Counter)?;
        for (kind, count) in [("plain", &LOST.plain), ("important", &LOST.important)] {
            ConstCounter::new(count.load(Relaxed)).encode(lost.encode_family(&[("kind", kind)])?)?;
        }
        Ok(())
    }
}
