//! Runs one case: the attempt, the looks from outside, the twin.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use extensions_sandbox::{Ended, Job, Sandbox, SandboxError};

use crate::{
    acts::REFUSED,
    cases::{CASES, Case, Expect},
    outside::Outside,
};

/// `ENOSYS`, in Rust's words.
const NO_SUCH_CALL: &str = "(os error 38)";

/// How a job went.
pub(crate) struct Ran {
    pub(crate) ended: Result<Ended, SandboxError>,
    pub(crate) lines: Vec<String>,
}

pub(crate) fn run(sandbox: &Sandbox, job: &Job) -> Ran {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&lines);
    let ended = sandbox.run(job, &mut |line| heard.lock().unwrap().push(line.chars().take(300).collect()));
    let lines = lines.lock().unwrap().clone();
    Ran { ended, lines }
}

/// What came of an attempt and of its twin, in words.
type Outcome = (Result<String, String>, Result<String, String>);

/// Every case, several at a time as a worker's slots would; in their order.
pub(crate) fn all(sandbox: &Sandbox) -> Vec<Outcome> {
    const SLOTS: usize = 4;
    let mut outcomes: Vec<(usize, Outcome)> = std::thread::scope(|scope| {
        let of_slot = |slot| move || CASES.iter().enumerate().skip(slot).step_by(SLOTS).map(|(number, one)| (number, case(sandbox, one))).collect();
        let slots: Vec<_> = (0..SLOTS).map(|slot| scope.spawn(of_slot(slot))).collect();
        slots.into_iter().flat_map(|slot| -> Vec<(usize, Outcome)> { slot.join().unwrap() }).collect()
    });
    outcomes.sort_by_key(|(number, _)| *number);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

fn case(sandbox: &Sandbox, case: &Case) -> Outcome {
    let outside = Outside::new().unwrap();
    let mut job = outside.job(case.act);
    job.limits = (case.limits)(job.limits);
    let ran = run(sandbox, &job);
    let outcome = judge(case.expect, &ran).and_then(|text| (case.look)(&outside, sandbox, &ran).map(|()| text));
    let twin = Outside::new().unwrap();
    let mut job = twin.job(case.twin);
    job.limits = (case.limits)(job.limits);
    let ran = run(sandbox, &job);
    let succeeded = match &ran.ended {
        Ok(ended) if ended.success => Ok("succeeds".to_owned()),
        other => Err(format!("the twin {}: {other:?} {:?}", case.twin, ran.lines)),
    };
    (outcome, succeeded)
}

fn judge(expect: Expect, ran: &Ran) -> Result<String, String> {
    let last = ran.lines.last().cloned().unwrap_or_default();
    match (expect, &ran.ended) {
        (Expect::Filtered, Ok(ended)) if ended.status == format!("exit {REFUSED}") && last.contains(NO_SUCH_CALL) => {
            Ok("refused: no such call".to_owned())
        }
        (Expect::Refused, Ok(ended)) if ended.status == format!("exit {REFUSED}") => Ok(format!("refused: {last}")),
        (Expect::Contained, Ok(ended)) if ended.success => Ok("contained: nothing of it outside".to_owned()),
        (Expect::Signal(signal), Ok(ended)) if ended.status == format!("signal {signal}") => Ok(format!("ended by the kernel: {}", ended.status)),
        (Expect::Limit(bound), Err(SandboxError::Limit { which, used, allowed })) if *which == bound => {
            Ok(format!("limit of {which}: {used} of {allowed}"))
        }
        (_, other) => Err(format!("{expect:?} was expected: {other:?} {:?}", ran.lines)),
    }
}

/// What the sandbox itself costs.
pub(crate) fn overhead(sandbox: &Sandbox) {
    const RUNS: usize = 20;
    let outside = Outside::new().unwrap();
    let job = Job { program: "/bin/true".into(), arguments: Vec::new(), ..outside.job("") };
    let mut times: Vec<_> = (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            assert!(run(sandbox, &job).ended.unwrap().success);
            started.elapsed()
        })
        .collect();
    times.sort();
    println!("a sandboxed `true`: median {:.1} ms, least {:.1} ms", times[RUNS / 2].as_secs_f64() * 1e3, times[0].as_secs_f64() * 1e3);
}
