//! `ext load`: calls at a constant rate, and what they came to.
//!
//! An open loop: a call begins when it is due, whatever became of those before,
//! and its latency counts from that moment. Calls in flight are bounded; what
//! cannot begin for that reason is said, and never silently left out.

mod hosts;
mod inputs;
mod live;
mod pace;
mod report;
mod tally;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use extensions_client::{Context, Invoke};
use extensions_types::VersionSelector;
use tokio::runtime::Handle;

use self::{
    hosts::{Connection, Host},
    inputs::Inputs,
    pace::{Paced, Schedule, Slots, pace},
    report::{Course, Report},
    tally::Ended,
};
use crate::{
    args::{Global, Load},
    failure::Failure,
    say::Say,
};

/// How long answers are waited for after a signal; without one, as long as a call may take.
const GRACE: Duration = Duration::from_secs(2);

/// What every call shares.
struct Bench {
    connections: Vec<Connection>,
    slots: Slots,
    inputs: Inputs,
    template: Invoke,
    start: Instant,
}

pub(crate) async fn run(load: &Load, global: &Global, say: &Say) -> Result<(), Failure> {
    let (inputs, template) = (Inputs::of(load)?, template(load, global));
    let connections = Connection::all(load, global)?;
    for connection in &connections {
        connection.open(template.clone().input(inputs.of_call(0))).await?;
    }
    let hosts = hosts(&connections);
    let slots = Slots::new(connections.len() * Connection::calls_max(load.transport));
    let bench = Arc::new(Bench { connections, slots, inputs, template, start: Instant::now() });
    let (began, stop) = (SystemTime::now(), Arc::new(AtomicBool::new(false)));
    let live = tokio::spawn(live::show(hosts.clone(), bench.start, say.meter()));
    let paced = offer(load, &bench, &stop).await?;
    let interrupted = stop.load(Ordering::Relaxed);
    let took = bench.start.elapsed();
    let patience = if interrupted { GRACE } else { Duration::from_millis(load.timeout_ms.into()) + GRACE };
    answered(&hosts, paced.begun, patience).await;
    live.abort();
    let course = Course {
        extension: load.extension.id.to_string(),
        env: global.env.to_string(),
        rate: load.rate,
        began,
        took,
        interrupted,
        paced,
        tolerated: &load.tolerated,
    };
    let tallies: Vec<_> = hosts.iter().map(|host| (host.url.clone(), host.tallies().total.clone())).collect();
    let report = Report::new(course, &tallies);
    say.data(&report, &report);
    if report.failed > 0 {
        return Err(Failure::Counted(format!("{} of {} calls failed; --tolerate CODE passes over a code", report.failed, report.begun)));
    }
    Ok(())
}

/// Every call but for its input.
fn template(load: &Load, global: &Global) -> Invoke {
    let version = match load.extension.version {
        VersionSelector::Latest => "latest".to_owned(),
        VersionSelector::Exact(version) => version.to_string(),
    };
    let mut call = Invoke::new(load.extension.id.as_str()).version(version).context(Context::new().env(global.env));
    if !load.point.is_empty() {
        call = call.point(&load.point);
    }
    if !load.caller.is_empty() {
        call = call.caller(&load.caller);
    }
    call
}

/// Each host once.
fn hosts(connections: &[Connection]) -> Vec<Arc<Host>> {
    let mut hosts: Vec<Arc<Host>> = Vec::new();
    for connection in connections {
        if !hosts.iter().any(|known| Arc::ptr_eq(known, &connection.host)) {
            hosts.push(Arc::clone(&connection.host));
        }
    }
    hosts
}

/// Keeps the schedule on a thread of its own, until its end or a signal.
async fn offer(load: &Load, bench: &Arc<Bench>, stop: &Arc<AtomicBool>) -> Result<Paced, Failure> {
    let schedule = Schedule::new(bench.start, load.rate, load.duration);
    let (runtime, pacing, stopped) = (Handle::current(), Arc::clone(bench), Arc::clone(stop));
    let begin = move |call, slot, due| _ = runtime.spawn(one_call(Arc::clone(&pacing), call, slot, due));
    let slots = Arc::clone(bench);
    let mut paced = tokio::task::spawn_blocking(move || pace(schedule, &slots.slots, &stopped, begin));
    let done = tokio::select! {
        done = &mut paced => done,
        signalled = live::signal() => {
            signalled?;
            stop.store(true, Ordering::Relaxed);
            paced.await
        }
    };
    done.map_err(|error| Failure::Local(format!("the load's own clock failed: {error}")))
}

async fn one_call(bench: Arc<Bench>, call: u64, slot: usize, due: Instant) {
    let begun = bench.start.elapsed();
    let connection = &bench.connections[slot % bench.connections.len()];
    let result = connection.call(bench.template.clone().input(bench.inputs.of_call(call))).await;
    connection.host.record(&Ended { begun, latency: due.elapsed(), result: &result });
    bench.slots.give(slot);
}

/// Waits until everything begun has ended, or patience has.
async fn answered(hosts: &[Arc<Host>], begun: u64, patience: Duration) {
    const LOOK_EVERY: Duration = Duration::from_millis(5);
    let end = tokio::time::Instant::now() + patience;
    while hosts.iter().map(|host| host.tallies().total.calls()).sum::<u64>() < begun && tokio::time::Instant::now() < end {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
