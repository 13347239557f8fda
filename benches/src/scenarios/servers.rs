//! Calls over gRPC and HTTP beside bare echoes of the same bytes.

use std::net::SocketAddr;

use super::Bench;
use crate::{
    harness::{Bound, Contender, Section, alternate},
    load::Load,
    stage::{ORDER, Platform, hyper, multi_thread, tonic},
};

/// In flight, connections, and the least part of a bare tonic echo's rate.
const GRPC: [(usize, usize, f64); 3] = [(1, 1, 0.0), (16, 2, 0.65), (64, 4, 0.70)];

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let platform = Platform::of_hundred(bench.mode, vec![bench.built.discount()?])?;
    let ours = platform.address()?;
    let servers = multi_thread()?;
    let (tonic, hyper) = (tonic(servers.handle())?, hyper(servers.handle())?);
    let client = multi_thread()?;
    let load = |address: SocketAddr, in_flight, connections| Load {
        address,
        extension: "order-discount",
        input: ORDER.into(),
        connections,
        in_flight,
        tokens: platform.tokens.clone(),
    };
    let grpc = |address, in_flight, connections| {
        let (client, load) = (&client, load(address, in_flight, connections));
        move |length| client.block_on(load.clone().grpc(length))
    };
    let http = |address, in_flight| {
        let (client, load) = (&client, load(address, in_flight, in_flight));
        move |length| client.block_on(load.clone().http(length))
    };
    for (in_flight, connections, least) in GRPC {
        let contenders = vec![
            Contender::new("bare tonic echo", grpc(tonic, in_flight, connections)),
            Contender::new("ours over gRPC", grpc(ours, in_flight, connections)),
        ];
        let series = alternate(contenders, bench.plan)?;
        section.add(&format!("gRPC {in_flight}"), &series);
        let ratio = series[1].ratio(&series[0], |sample| sample.rate);
        section.goal(format!("gRPC, {in_flight} in flight, over a bare tonic echo"), ratio, "×", Bound::AtLeast(least));
    }
    let contenders = vec![Contender::new("bare hyper echo", http(hyper, 16)), Contender::new("ours over HTTP", http(ours, 16))];
    let series = alternate(contenders, bench.plan)?;
    section.add("HTTP 16", &series);
    section.goal("HTTP, 16 in flight, over a bare hyper echo", series[1].ratio(&series[0], |sample| sample.rate), "×", Bound::AtLeast(0.0));
    Ok(())
}
