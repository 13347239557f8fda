//! What the engine's lanes tell about themselves.

use std::{fmt, sync::Arc};

use extensions_engine::{Dropped, Engine, Figures, Lane, ReadyFigures};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

/// Reads an engine's figures at each scrape: the lanes count for themselves.
#[derive(Debug)]
pub(crate) struct Lanes(pub(crate) Arc<Engine>);

impl Collector for Lanes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let figures = self.0.figures();
        calls(&figures, &mut encoder)?;
        dropped(&figures, &mut encoder)?;
        ready(&figures.ready, &mut encoder)?;
        let counts: [(&str, &str, u64); 3] = [
            ("lane_fast_waited", "Calls that waited on an I/O thread and had their turn", figures.fast_waited),
            ("lane_slow_begun", "Calls that began in the slow lane", figures.slow_begun),
            ("lane_surprises", "Times that a tenant's calls took the fast lane by surprise", figures.surprises),
        ];
        for (name, help, count) in counts {
            ConstCounter::new(count).encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        let wait = encoder.encode_descriptor("lane_fast_wait_seconds", "Time for which calls waited on I/O threads", None, MetricType::Counter)?;
        ConstCounter::new(figures.fast_wait.as_secs_f64()).encode(wait)?;
        let mut cpu =
            encoder.encode_descriptor("lane_slow_cpu_seconds", "CPU time of the slow lane's threads, by class", None, MetricType::Counter)?;
        for (class, used) in [("idle", figures.slow_idle_cpu), ("minimum", figures.slow_minimum_cpu)] {
            ConstCounter::new(used.as_secs_f64()).encode(cpu.encode_family(&[("class", class)])?)?;
        }
        Ok(())
    }
}

fn calls(figures: &Figures, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let help = "Calls that wait for their first slice (fast), that run or wait (slow)";
    let mut calls = encoder.encode_descriptor("lane_calls", help, None, MetricType::Gauge)?;
    for (lane, now) in [("fast", figures.fast_waiting), ("slow", figures.slow_calls)] {
        ConstGauge::new(i64::try_from(now).unwrap_or(i64::MAX)).encode(calls.encode_family(&[("lane", lane)])?)?;
    }
    Ok(())
}

fn ready(figures: &ReadyFigures, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let gauges = [
        ("ready_instances", "Instances that are ready ahead of their calls, or being made", figures.places),
        ("ready_memory_bytes", "Sum of the memories and tables that they hold", figures.bytes),
    ];
    for (name, help, now) in gauges {
        let gauge = ConstGauge::new(i64::try_from(now).unwrap_or(i64::MAX));
        gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
    }
    let counts = [
        ("ready_made", "Instances made ready ahead", figures.made),
        ("ready_used", "Calls that took one", figures.used),
        ("ready_missed", "Calls of extensions with a dear start that found none", figures.missed),
        ("ready_given_up", "Instances that went unused: nobody called, memory was short, or it was switched off", figures.given_up),
    ];
    for (name, help, count) in counts {
        ConstCounter::new(count).encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
    }
    Ok(())
}

fn dropped(figures: &Figures, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let mut dropped = encoder.encode_descriptor("lane_dropped", "Calls that a lane dropped, by reason", None, MetricType::Counter)?;
    for (lane, name) in [(Lane::Fast, "fast"), (Lane::Slow, "slow")] {
        for why in Dropped::ALL {
            let labels = [("lane", name), ("reason", why.as_str())];
            ConstCounter::new(figures.dropped(lane, why)).encode(dropped.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
