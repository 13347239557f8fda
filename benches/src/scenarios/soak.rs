//! Minutes of mixed traffic on a host in a process of its own: what it answers,
//! and what it holds, at the end beside the beginning.
//!
//! Connections are opened anew for each stretch, so that what a connection
//! leaves behind adds up.

use std::time::Duration;

use anyhow::ensure;
use extensions_test_support::Guest as Wat;
use extensions_types::Kind;
use tokio::runtime::Runtime;

use super::Bench;
use crate::{
    harness::{Bound, Sample, Section, Series, Values},
    load::{Load, Offered, OpenLoop, Target, frame},
    stage::{Apart, Bare, Guest, Hosting, ORDER, Orders, Pace, Platform, multi_thread, orders, serve, worker},
};

/// The first argument that makes this program the host.
pub(crate) const HOST: &str = "__soaked";
const TENANTS: usize = 20;
/// Open-loop load, of the rate that saturates the host in this run; the rest of it is callers over HTTP and slow guests.
const PART: f64 = 0.3;
/// Calls a second that outlive their slice, and what each works.
const SLOW_RATE: f64 = 40.0;
const SLOW_CALL: Duration = Duration::from_millis(2);
/// Calls a second that write to their log.
const LOGGING_RATE: f64 = 200.0;
/// Over HTTP, a connection each: a tenth of the load or so.
const HTTP_IN_FLIGHT: usize = 1;
/// Beginning and end are so many stretches each, after one that warms up.
const EDGE: usize = 3;
const GROWTH_MAX: f64 = 1.05;
/// Descriptors have settled when two looks see as many.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOKS_MAX: usize = 20;

/// What is seen of one stretch.
struct Stretch {
    rule: Sample,
    all_per_second: f64,
    failed: u64,
    resident_mib: f64,
    descriptors: f64,
}

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    ensure!(bench.plan.rounds > 2 * EDGE, "a soak has a beginning and an end of {EDGE} stretches each, after the first");
    let pace = Pace::find(&Bare::start(bench.mode, 1)?)?;
    let host = Apart::start(HOST, bench.mode, bench.built.discount_path())?;
    let client = multi_thread()?;
    let rate = PART * saturated_rate(&host, &client, bench.plan.length)?;
    let mut stretches = Vec::with_capacity(bench.plan.rounds);
    for _ in 0..bench.plan.rounds {
        stretches.push(client.block_on(stretch(&host, rate, pace.input(SLOW_CALL), bench.plan.length, section))?);
    }
    tell(&stretches[1..], section);
    Ok(())
}

fn saturated_rate(host: &Apart, client: &Runtime, length: Duration) -> anyhow::Result<f64> {
    let (extension, tokens) = ("order-discount", host.tokens.clone().into());
    let load = Load { endpoint: host.address.into(), extension, input: ORDER.into(), connections: 4, in_flight: 64, tokens };
    Ok(client.block_on(load.grpc(length))?.rate)
}

/// All kinds of traffic for `length`.
async fn stretch(host: &Apart, rate: f64, slow: String, length: Duration, section: &mut Section) -> anyhow::Result<Stretch> {
    let load = |extension: &str, input: String, rate| {
        let targets = host.tokens.iter().map(|token| Target { host: host.address, token: token.clone(), frame: frame(extension, input.clone()) });
        OpenLoop::new(targets.collect(), rate)
    };
    let rule = load("order-discount", ORDER.to_owned(), rate);
    let (slow, logging) = (load("worker", slow, SLOW_RATE), load("logging", "{}".to_owned(), LOGGING_RATE));
    let http = Load {
        endpoint: host.address.into(),
        extension: "order-discount",
        input: ORDER.into(),
        connections: HTTP_IN_FLIGHT,
        in_flight: HTTP_IN_FLIGHT,
        tokens: host.tokens.clone().into(),
    };
    // A refusal ends these callers, and is a failed call; the others go on.
    let http = async { anyhow::Ok(http.http(length).await) };
    let (rule, slow, logging, http) = tokio::try_join!(rule.run(length), slow.run(length), logging.run(length), http)?;
    let refused = http.as_ref().err().map(|error| format!("over HTTP: {error:#}"));
    let http_failed = u64::from(refused.is_some());
    refused.into_iter().for_each(|refused| section.doubt(refused));
    let offered = [("the rule", &rule), ("slow guests", &slow), ("guests that log", &logging)];
    offered.iter().for_each(|(whose, offered)| offered.must_be_whole(whose, section));
    let ended: u64 = offered.iter().map(|(_, offered)| offered.ended()).sum();
    Ok(Stretch {
        rule: rule.sample(length),
        all_per_second: ended as f64 / length.as_secs_f64() + http.map_or(0.0, |sample| sample.rate),
        failed: offered.iter().map(|(_, offered)| Offered::failed(offered)).sum::<u64>() + http_failed,
        descriptors: settled_descriptors(host).await?,
        resident_mib: host.resident_kib()? as f64 / 1024.0,
    })
}

/// What is left when the host has seen the callers' connections end.
async fn settled_descriptors(host: &Apart) -> anyhow::Result<f64> {
    let (mut looks, mut last) = (tokio::time::interval(LOOK_EVERY), usize::MAX);
    for _ in 0..LOOKS_MAX {
        looks.tick().await;
        let now = host.descriptors()?;
        if now == last {
            break;
        }
        last = now;
    }
    Ok(last as f64)
}

fn tell(stretches: &[Stretch], section: &mut Section) {
    let edges = |figure: fn(&Stretch) -> f64| {
        let values = |stretches: &[Stretch]| Values::from(stretches.iter().map(figure).collect::<Vec<_>>());
        (values(&stretches[..EDGE]), values(&stretches[stretches.len() - EDGE..]))
    };
    let ratio = |figure| {
        let (begin, end) = edges(figure);
        end.with(&begin, |end, begin| end / begin)
    };
    section.add("all the time", &[Series { name: "the rule".to_owned(), samples: stretches.iter().map(|stretch| stretch.rule).collect() }]);
    section.goal("calls that failed", stretches.iter().map(|stretch| stretch.failed).sum::<u64>() as f64, "", Bound::AtMost(0.0));
    section.goal("RSS at the end over the beginning", ratio(|stretch| stretch.resident_mib), "×", Bound::AtMost(GROWTH_MAX));
    let (begin, end) = edges(|stretch| stretch.descriptors);
    section.goal("descriptors more at the end", end.with(&begin, |end, begin| end - begin), "", Bound::AtMost(0.0));
    section.figure("calls of all kinds a second", edges(|stretch| stretch.all_per_second).1, "");
    section.figure("p99 of the rule at the end over the beginning", ratio(|stretch| stretch.rule.p99_micros), "×");
    section.figure("RSS at the end", edges(|stretch| stretch.resident_mib).1, "MiB");
}

/// The child.
pub(crate) fn run() -> anyhow::Result<()> {
    let Orders { memory_reset, built } = orders()?;
    let logging = Wat::new(Kind::ProcessHook, "(call $log (call $line)) (call $ok (call $answer))");
    let logging = logging.text("line", "an order is above its ceiling").text("answer", "{}");
    let logging = Guest::new("logging", Kind::ProcessHook, logging.component());
    let guests = vec![built.discount()?, worker(), logging];
    let platform = Platform::start(&Hosting { memory_reset, tenants: TENANTS, guests, breakers: true })?;
    serve(&platform, platform.tokens.to_vec())
}
