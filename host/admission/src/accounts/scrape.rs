//! The accounts as metrics. The registry puts `extensions_` before every name.
//!
//! docs/operations.md lists every name with its labels.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use extensions_types::{ErrorCode, Kind};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder, NoLabelSet},
    metrics::{MetricType, counter::ConstCounter, exemplar::Exemplar},
    registry::Unit,
};

use super::{
    Accounts,
    busiest::{Class, Counts},
    totals::{Stage, Totals},
};

/// What has no series of its own. A tenant of this name has none either.
const OTHER: &str = "other";

/// The registry's way to the accounts.
#[derive(Debug)]
pub(super) struct Scrape(pub(super) Arc<Accounts>);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.late.catch_up();
        let mut sum = Totals::default();
        self.0.shards.iter().for_each(|shard| shard.hand_over(&mut sum));
        outcomes(&sum, &mut encoder)?;
        self.counters(&sum, &mut encoder)?;
        for stage in Stage::ALL {
            let (name, help) = stage.words();
            let shown = sum.stage(stage);
            let mut metric = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
            let exemplars = None::<&HashMap<usize, Exemplar<NoLabelSet, f64>>>;
            metric.encode_histogram(shown.sum, shown.count, &shown.buckets, exemplars)?;
        }
        self.by_name(&mut encoder)
    }
}

fn outcomes(sum: &Totals, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let mut ended = encoder.encode_descriptor("invocations", "Ended invocations by kind and outcome", None, MetricType::Counter)?;
    for &kind in Kind::ALL {
        for code in std::iter::once(None).chain(ErrorCode::ALL.iter().copied().map(Some)) {
            let labels = [("kind", kind.as_str()), ("outcome", code.map_or("OK", ErrorCode::as_str))];
            count(&mut ended, &labels, sum.ended(kind, code))?;
        }
    }
    let help = "Requests that no version ran for, by code";
    let mut refused = encoder.encode_descriptor("refusals", help, None, MetricType::Counter)?;
    ErrorCode::ALL.iter().try_for_each(|&code| count(&mut refused, &[("code", code.as_str())], sum.refused(code)))
}

/// One series of a family, once there is something to count.
fn count<const N: usize>(metric: &mut MetricEncoder<'_>, labels: &[(&str, &str); N], count: u64) -> fmt::Result {
    if count == 0 {
        return Ok(());
    }
    ConstCounter::new(count).encode(metric.encode_family(labels)?)
}

impl Scrape {
    fn counters(&self, sum: &Totals, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let books = &self.0.books;
        let (kept, dropped) = books.guest_logs.lines();
        for (name, help, value) in [
            ("invocation_cpu_microseconds", "Thread CPU time of all invocations", sum.cpu_micros()),
            ("host_calls", "Host calls made by extensions, denied ones included", sum.host_calls()),
            (
                "chatty_callers",
                "Callers that asked one extension too often for one operation; batches are for that",
                books.chatty_callers.load(Relaxed),
            ),
            ("guest_log_lines", "Lines that guests logged and that were kept", kept),
            ("guest_log_lines_dropped", "Lines of guests beyond a call's or a quota's bound", dropped),
        ] {
            ConstCounter::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        Ok(())
    }

    fn by_name(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut by_name = self.0.books.by_name();
        let now = Instant::now();
        by_name.tenants.elect(now);
        by_name.extensions.elect(now);
        let (tenants, mut rest) = by_name.tenants.read();
        let mut rows: Vec<([(&str, &str); 1], Counts)> = Vec::new();
        for (tenant, counts) in tenants {
            if tenant.as_str() == OTHER {
                rest += counts;
            } else {
                rows.push(([("tenant", tenant.as_str())], counts));
            }
        }
        rows.push(([("tenant", OTHER)], rest));
        families(encoder, ["tenant_invocations", "tenant_cpu_microseconds", "tenant_fallbacks"], "a tenant's", &rows)?;
        let (extensions, mut rest) = by_name.extensions.read();
        let mut rows: Vec<([(&str, &str); 2], Counts)> = Vec::new();
        for ((tenant, extension), counts) in extensions {
            if tenant.as_str() == OTHER {
                rest += counts;
            } else {
                rows.push(([("tenant", tenant.as_str()), ("extension", extension.as_str())], counts));
            }
        }
        rows.push(([("tenant", OTHER), ("extension", OTHER)], rest));
        families(encoder, ["extension_invocations", "extension_cpu_microseconds", "extension_fallbacks"], "an extension's", &rows)
    }
}

/// The three families of one kind of name.
fn families<const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    [calls, cpu, fallbacks]: [&str; 3],
    whose: &str,
    rows: &[([(&str, &str); N], Counts)],
) -> fmt::Result {
    let help = format!("Requests by {whose} name and how they ended");
    let mut metric = encoder.encode_descriptor(calls, &help, None, MetricType::Counter)?;
    for (labels, counts) in rows {
        for class in Class::ALL {
            let labels: Vec<(&str, &str)> = labels.iter().copied().chain([("end", class.as_str())]).collect();
            let ended = counts.ended[class as usize];
            if ended > 0 {
                ConstCounter::new(ended).encode(metric.encode_family(&labels)?)?;
            }
        }
    }
    let help = format!("Thread CPU time by {whose} name");
    let mut metric = encoder.encode_descriptor(cpu, &help, None, MetricType::Counter)?;
    rows.iter().try_for_each(|(labels, counts)| ConstCounter::new(counts.cpu_nanos / 1_000).encode(metric.encode_family(labels)?))?;
    let help = format!("Answers by the failure contract, by {whose} name");
    let mut metric = encoder.encode_descriptor(fallbacks, &help, None, MetricType::Counter)?;
    rows.iter().try_for_each(|(labels, counts)| count(&mut metric, labels, counts.fallbacks))
}
