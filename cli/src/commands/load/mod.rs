//! `ext load`: calls at rates that are asked for, and what they came to.
//!
//! An open loop: a call begins when it is due, whatever became of those before,
//! and its latency counts from that moment. Calls in flight are bounded; what
//! cannot begin for that reason is said, and never silently left out. Memory
//! does not grow with rate or time: histograms are kept, never single calls.

mod hdr;
mod hosts;
mod inputs;
mod live;
mod offer;
mod pace;
mod plan;
mod report;
mod search;
mod slots;
mod tally;
mod text;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use extensions_client::{Context, Invoke};
use extensions_types::VersionSelector;
use tokio::sync::oneshot;

use self::{
    hdr::Log,
    hosts::Connection,
    inputs::Inputs,
    live::{Live, stop_when_asked},
    offer::{Calls, Offering},
    pace::Course,
    plan::Plan,
    report::{Facts, Found, Report},
};
use crate::{
    args::{Global, Load, Tolerated},
    failure::Failure,
    say::Say,
};

pub(crate) async fn run(load: &Load, global: &Global, say: &Say) -> Result<(), Failure> {
    let plan = checked(load)?;
    let (inputs, template) = (Inputs::of(load)?, template(load, global));
    let connections = Connection::all(load, global)?;
    for connection in &connections {
        connection.open(template.clone().input(inputs.of_call(0))).await?;
    }
    let course = Arc::new(Course::with_slots(connections.len() * Connection::calls_max(load.transport)));
    let (start, began) = (Instant::now(), SystemTime::now());
    let log = load.hdr.as_ref().map(|path| Log::create(path, began, about(load))).transpose()?;
    let calls = Arc::new(Calls { connections, inputs, template, batch: load.batch, start });
    let hosts = calls.hosts();
    stop_when_asked(&course)?;
    let (end, ended) = oneshot::channel();
    let live = Live { hosts: hosts.clone(), course: Arc::clone(&course), start, meter: say.meter(), log };
    let live = tokio::spawn(live.run(ended));
    let mut offering = Offering::new(calls, Arc::clone(&course), Duration::from_millis(load.timeout_ms.into()));
    let found = follow(plan, &mut offering, &load.tolerated).await?;
    let took = start.elapsed();
    offering.answered().await;
    drop(end);
    let written = live.await.map_err(|error| Failure::Local(format!("whoever looks on failed: {error}")))?;
    let facts = Facts {
        extension: load.extension.id.to_string(),
        env: global.env.to_string(),
        began,
        took,
        interrupted: course.is_stopped(),
        in_flight_max: course.slots.count,
        batch: load.batch,
        parts: offering.parts(&load.tolerated),
        found,
        tolerated: &load.tolerated,
    };
    let tallies: Vec<_> = hosts.iter().map(|host| (host.url.clone(), host.total())).collect();
    let report = Report::new(facts, &tallies);
    say.data(&report, &report);
    verdict(&report, written, &load.tolerated)
}

/// What is offered, once everything about it is in order.
fn checked(load: &Load) -> Result<Plan, Failure> {
    if let Some(problem) = load.problem() {
        return Err(Failure::Usage(problem));
    }
    let plan = Plan::of(load);
    if let Plan::Search(search) = &plan
        && !search.is_possible()
    {
        let problem = "a step has fewer than 100 calls, whose p99 says nothing: take a longer --duration or a higher --rate";
        return Err(Failure::Usage(format!("--until-p99: {problem}")));
    }
    Ok(plan)
}

/// Offers all of a plan; says what a search found.
async fn follow(plan: Plan, offering: &mut Offering, tolerated: &[Tolerated]) -> Result<Option<Found>, Failure> {
    let mut search = match plan {
        Plan::Fixed(stages) => return offering.offer(&stages).await.map(|()| None),
        Plan::Search(search) => search,
    };
    while let Some(stage) = search.stage() {
        offering.offer(&[stage]).await?;
        // What is still in flight belongs to this step, and must not burden the next.
        offering.answered().await;
        if offering.is_stopped() {
            break;
        }
        let kept = offering.parts(tolerated).last().is_some_and(|part| part.keeps(search.bound));
        search.went(kept);
    }
    let p99_bound_micros = u64::try_from(search.bound.as_micros()).unwrap_or(u64::MAX);
    Ok(Some(Found { p99_bound_micros, rate: search.held, limit_found: search.failed.is_some() }))
}

/// Whether it went as it was asked for; the report has said how it went.
fn verdict(report: &Report, written: Result<(), String>, tolerated: &[Tolerated]) -> Result<(), Failure> {
    if let Err(problem) = written {
        return Err(Failure::Counted(problem));
    }
    if let Some(found) = &report.found {
        return if found.rate.is_some() || report.interrupted { Ok(()) } else { Err(Failure::Counted(found.to_string())) };
    }
    if report.failed > 0 {
        return Err(Failure::Counted(format!("{} of {} calls failed; --tolerate CODE passes over a code", report.failed, report.inputs())));
    }
    match report.not_offered() {
        // Whoever ends a load has seen how it went.
        Some(problem) if !report.interrupted && !Tolerated::has_rate(tolerated) => {
            Err(Failure::Counted(format!("{problem}; --tolerate NOT_OFFERED passes over it")))
        }
        Some(_) | None => Ok(()),
    }
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

/// The first line of a log of latencies.
fn about(load: &Load) -> String {
    format!("ext load of {}: latencies from when calls were due, in microseconds", load.extension.id)
}
