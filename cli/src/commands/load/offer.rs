//! Offers stages: the schedule's thread begins calls on the runtime, whose ends
//! are recorded by host and stage.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use extensions_client::Invoke;
use tokio::runtime::Handle;

use super::{
    hosts::{Connection, Host},
    inputs::Inputs,
    pace::{Begin, Course, Paced, pace},
    plan::Stage,
    report::Part,
    tally::{Ended, Tally},
};
use crate::{args::Tolerated, failure::Failure};

/// How long answers are waited for after a signal; without one, as long as a call may take, and so long.
const GRACE: Duration = Duration::from_secs(2);
/// How often it is looked whether all calls have ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What every call shares.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) connections: Vec<Connection>,
    pub(super) inputs: Inputs,
    pub(super) template: Invoke,
    /// Inputs that travel in one request, at least 1.
    pub(super) batch: u32,
    /// When the load began.
    pub(super) start: Instant,
}

/// A load that goes on.
#[derive(Debug)]
pub(super) struct Offering {
    calls: Arc<Calls>,
    course: Arc<Course>,
    hosts: Vec<Arc<Host>>,
    timeout: Duration,
    stages: Vec<(Stage, Paced)>,
}

impl Calls {
    /// Each host once.
    pub(super) fn hosts(&self) -> Vec<Arc<Host>> {
        let mut hosts: Vec<Arc<Host>> = Vec::new();
        for connection in &self.connections {
            if !hosts.iter().any(|known| Arc::ptr_eq(known, &connection.host)) {
                hosts.push(Arc::clone(&connection.host));
            }
        }
        hosts
    }

    async fn one(&self, begin: Begin) {
        let begun = self.start.elapsed();
        let connection = &self.connections[begin.slot % self.connections.len()];
        let ended = |results: &[_], each| {
            connection.host.record(begin.stage, &Ended { begun, latency: begin.due.elapsed(), results, each });
        };
        let (call, batch) = (self.template.clone(), u64::from(self.batch));
        if batch == 1 {
            let result = connection.call(call.input(self.inputs.of_call(begin.call))).await;
            return ended(&[result], 1);
        }
        let inputs = (0..batch).map(|at| self.inputs.of_call(begin.call * batch + at));
        match connection.call_batch(call.batch(inputs)).await {
            Ok(results) => ended(&results, 1),
            Err(refused) => ended(&[Err(refused)], batch),
        }
    }
}

impl Offering {
    pub(super) fn new(calls: Arc<Calls>, course: Arc<Course>, timeout: Duration) -> Self {
        let hosts = calls.hosts();
        Self { calls, course, hosts, timeout, stages: Vec::new() }
    }

    /// Offers stages one after the other, from now on; returns when the last one is over, or once it is stopped.
    pub(super) async fn offer(&mut self, stages: &[Stage]) -> Result<(), Failure> {
        let (runtime, calls, course) = (Handle::current(), Arc::clone(&self.calls), Arc::clone(&self.course));
        let begin = move |begin: Begin| {
            let (calls, course) = (Arc::clone(&calls), Arc::clone(&course));
            runtime.spawn(async move {
                calls.one(begin).await;
                course.slots.give(begin.slot);
            });
        };
        let (course, before, offered) = (Arc::clone(&self.course), (self.stages.len(), self.begun()), stages.to_vec());
        let paced = tokio::task::spawn_blocking(move || pace(&offered, Instant::now(), before, &course, begin)).await;
        let paced = paced.map_err(|error| Failure::Local(format!("the load's own clock failed: {error}")))?;
        self.stages.extend(stages.iter().copied().zip(paced));
        Ok(())
    }

    /// Waits until everything begun has ended, or patience has.
    pub(super) async fn answered(&self) {
        let (begun, asked) = (self.begun(), Instant::now());
        while self.hosts.iter().map(|host| host.calls()).sum::<u64>() < begun {
            let patience = if self.is_stopped() { GRACE } else { self.timeout + GRACE };
            if asked.elapsed() > patience {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.course.is_stopped()
    }

    /// How each stage went so far.
    pub(super) fn parts(&self, tolerated: &[Tolerated]) -> Vec<Part> {
        let of = |(at, (stage, paced)): (usize, &(Stage, Paced))| {
            let mut tally = Tally::default();
            self.hosts.iter().for_each(|host| tally.add(&host.of_stage(at)));
            Part::new(*stage, *paced, &tally, tolerated)
        };
        self.stages.iter().enumerate().map(of).collect()
    }

    fn begun(&self) -> u64 {
        self.stages.iter().map(|(_, paced)| paced.begun).sum()
    }
}

#[cfg(test)]
mod tests;
