//! Calls over gRPC and HTTP, over TCP and Unix sockets, beside bare echoes of
//! the same bytes over the same transport.

use tokio::runtime::Runtime;

use super::Bench;
use crate::{
    harness::{Bound, Contender, Sample, Section, Series, Servers, alternate},
    load::{Endpoint, Load},
    stage::{Echoes, ORDER, Platform, multi_thread},
};

/// Calls in flight, connections, and the least part of a bare tonic echo's rate.
const LEVELS: [(usize, usize, f64); 3] = [(1, 1, 0.8), (16, 2, 0.85), (64, 4, 0.85)];
/// One call in flight measures how soon an idle server wakes; what a call costs shows above it.
const BUSY: usize = 16;
/// What everything that the echo does without may cost a call: identity, quotas, limits, accounts, the guest itself.
const CPU_OVER_ECHO_MAX_MICROS: f64 = 5.0;
const P99_OVER_ECHO_MAX: f64 = 1.5;

#[derive(Debug, Clone, Copy)]
enum Protocol {
    Grpc,
    Http,
}

/// An echo and ours, who are asked alike.
struct Contest<'c> {
    protocol: Protocol,
    transport: &'static str,
    echo: Endpoint,
    ours: Endpoint,
    client: &'c Runtime,
    platform: &'c Platform,
}

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let platform = Platform::of_hundred(bench.mode, vec![bench.built.discount()?])?;
    let (tcp, unix) = (Endpoint::from(platform.address()?), Endpoint::Unix(platform.socket()?));
    let (echoes, client) = (Echoes::start()?, multi_thread()?);
    let contest =
        |protocol, transport, echo, ours: &Endpoint| Contest { protocol, transport, echo, ours: ours.clone(), client: &client, platform: &platform };
    let contests = [
        contest(Protocol::Grpc, "TCP", echoes.tonic()?, &tcp),
        contest(Protocol::Grpc, "Unix", echoes.tonic_unix()?, &unix),
        contest(Protocol::Http, "TCP", echoes.hyper()?, &tcp),
        contest(Protocol::Http, "Unix", echoes.hyper_unix()?, &unix),
    ];
    for contest in &contests {
        for (in_flight, connections, least) in LEVELS {
            let series = alternate(contest.contenders(in_flight, connections), bench.plan)?;
            contest.tell(&series, in_flight, least, section);
        }
    }
    Ok(())
}

impl Contest<'_> {
    fn contenders(&self, in_flight: usize, connections: usize) -> Vec<Contender<'_>> {
        let (echo, ours) = match self.protocol {
            Protocol::Grpc => ("bare tonic echo", "ours over gRPC"),
            Protocol::Http => ("bare hyper echo", "ours over HTTP"),
        };
        let contender = |name, servers, endpoint: &Endpoint| {
            let load = Load {
                endpoint: endpoint.clone(),
                extension: "order-discount",
                input: ORDER.into(),
                connections,
                in_flight,
                tokens: self.platform.tokens.clone(),
            };
            Contender::served(name, servers, move |length| match self.protocol {
                Protocol::Grpc => self.client.block_on(load.clone().grpc(length)),
                Protocol::Http => self.client.block_on(load.clone().http(length)),
            })
        };
        vec![contender(echo, Servers::Echoes, &self.echo), contender(ours, Servers::Hosts, &self.ours)]
    }

    fn tell(&self, series: &[Series], in_flight: usize, least: f64, section: &mut Section) {
        let [echo, ours] = series else { return };
        let rate = ours.ratio(echo, |sample| sample.rate);
        let cpu = ours.each(Sample::cpu).with(&echo.each(Sample::cpu), |ours, echo| ours - echo);
        let p99 = ours.ratio(echo, |sample| sample.p99_micros);
        let Self { protocol, transport, .. } = self;
        match protocol {
            Protocol::Grpc => {
                section.add(&format!("gRPC {transport} {in_flight}"), series);
                let what = format!("gRPC, {transport}, {in_flight} in flight");
                section.goal(format!("{what}: rate over a bare tonic echo's"), rate, "×", Bound::AtLeast(least));
                section.goal(format!("{what}: p99 over the echo's"), p99, "×", Bound::AtMost(P99_OVER_ECHO_MAX));
                if in_flight >= BUSY {
                    section.goal(format!("{what}: server CPU beyond the echo's"), cpu, "µs", Bound::AtMost(CPU_OVER_ECHO_MAX_MICROS));
                }
            }
            Protocol::Http => {
                section.add(&format!("HTTP {transport} {in_flight}"), series);
                let what = format!("HTTP, {transport}, {in_flight} in flight");
                section.figure(format!("{what}: rate over a bare hyper echo's"), rate, "×");
                section.figure(format!("{what}: server CPU beyond the echo's"), cpu, "µs");
            }
        }
    }
}
