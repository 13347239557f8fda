//! The same rule in Rust, by TinyGo and in AssemblyScript: in process beside
//! each other, and as one mixed load over gRPC.

use std::time::Duration;

use super::{
    Bench,
    in_process::{invoke, one_thread},
};
use crate::{
    harness::{Bound, Contender, Sample, Section, Servers, alternate},
    load::Load,
    stage::{Bare, ORDER, Platform, context, multi_thread},
};

const TENANT: &str = "bench";
/// Rust, which the others are compared with; then how many times its CPU each may take.
const NAMES: [&str; 3] = ["Rust", "TinyGo", "AssemblyScript"];
const OVER_RUST_MAX: [f64; 3] = [1.0, 1.8, 1.5];
/// Calls in flight and connections of each language in the mixed load; Rust alone has as many as all of them.
const EACH: (usize, usize) = (6, 2);

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let guests = [bench.built.discount()?, bench.built.tinygo()?, bench.built.assemblyscript()?];
    let bare = Bare::start(bench.mode, 1)?;
    let context = context(TENANT);
    let mut contenders = Vec::new();
    for (name, guest) in NAMES.iter().zip(&guests) {
        let (engine, extension, context) = (&bare.engine, bare.load(guest, TENANT)?, &context);
        contenders.push(Contender::new(*name, move |length| one_thread(length, || invoke(engine, &extension, context, ORDER))));
    }
    let series = alternate(contenders, bench.plan)?;
    section.add("in process", &series);
    for ((name, most), language) in NAMES.iter().zip(OVER_RUST_MAX).zip(&series).skip(1) {
        section.goal(format!("{name} over Rust, in-process CPU"), language.ratio(&series[0], Sample::cpu), "×", Bound::AtMost(most));
    }
    let ids = guests.each_ref().map(|guest| guest.id);
    let platform = Platform::of_hundred(bench.mode, guests.to_vec())?;
    let (client, endpoint) = (multi_thread()?, platform.address()?.into());
    let (in_flight, connections) = EACH;
    let load = |extension, times: usize| Load {
        endpoint: Clone::clone(&endpoint),
        extension,
        input: ORDER.into(),
        connections: connections * times,
        in_flight: in_flight * times,
        tokens: platform.tokens.clone(),
    };
    let rust = load(ids[0], ids.len());
    let all = ids.map(|id| load(id, 1));
    let contenders = vec![
        Contender::served("Rust alone", Servers::Hosts, |length| client.block_on(rust.clone().grpc(length))),
        Contender::served("three languages at once", Servers::Hosts, |length| client.block_on(mixed(&all, length))),
    ];
    let series = alternate(contenders, bench.plan)?;
    section.add(&format!("gRPC {}", in_flight * ids.len()), &series);
    section.figure("three languages at once over Rust alone, rate", series[1].ratio(&series[0], |sample| sample.rate), "×");
    Ok(())
}

/// All of the loads beside each other.
async fn mixed(loads: &[Load], length: Duration) -> anyhow::Result<Sample> {
    let samples = futures_util::future::try_join_all(loads.iter().map(|load| load.clone().grpc(length))).await?;
    let most = |figure: fn(&Sample) -> f64| samples.iter().map(figure).fold(0.0, f64::max);
    Ok(Sample {
        rate: samples.iter().map(|sample| sample.rate).sum(),
        cpu_micros: None,
        p50_micros: most(|sample| sample.p50_micros),
        p99_micros: most(|sample| sample.p99_micros),
    })
}
