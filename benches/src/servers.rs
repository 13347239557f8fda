//! Calls over gRPC and HTTP beside bare echoes of the same bytes.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::runtime::Runtime;

use crate::{
    echo,
    guest::Guests,
    load::Load,
    platform::Platform,
    report::{Bound, Report},
    rounds::{Contender, Plan, Sample, alternate},
};

/// In flight, connections, and the least part of a bare tonic echo's rate.
const GRPC: [(usize, usize, f64); 3] = [(1, 1, 0.0), (16, 2, 0.65), (64, 4, 0.70)];

pub(crate) fn measure(guests: &Guests, plan: Plan, report: &mut Report) -> anyhow::Result<()> {
    let platform = Platform::start(guests)?;
    let ours = platform.host.as_ref().and_then(|host| host.addresses().tcp).context("the host does not listen")?;
    let servers = multi_thread()?;
    let (tonic, hyper) = (echo::tonic(servers.handle())?, echo::hyper(servers.handle())?);
    let client = multi_thread()?;
    let load = |address: SocketAddr, in_flight, connections| Load {
        address,
        extension: "order-discount",
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
        let series = alternate(contenders, plan)?;
        report.add(&format!("gRPC {in_flight}"), &series);
        let ratio = series[1].ratio(&series[0], |sample: &Sample| sample.rate);
        report.goal(format!("gRPC, {in_flight} in flight, over a bare tonic echo"), ratio, "×", Bound::AtLeast(least));
    }
    let contenders = vec![Contender::new("bare hyper echo", http(hyper, 16)), Contender::new("ours over HTTP", http(ours, 16))];
    let series = alternate(contenders, plan)?;
    report.add("HTTP 16", &series);
    report.goal("HTTP, 16 in flight, over a bare hyper echo", series[1].ratio(&series[0], |sample| sample.rate), "×", Bound::AtLeast(0.0));
    Ok(())
}

pub(crate) fn multi_thread() -> anyhow::Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
