//! Which call meets which fault.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use super::{log::Call, over::Over};
use crate::{error::Operation, store::Backend};

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request does not reach the backend, which is known (connection refused).
    Refused,
    /// The request does not reach the backend, which is not known (an error as after a broken connection).
    Error,
    /// The request is refused for want of space.
    Full,
    /// The request is done, its answer is an error.
    Lost,
    /// The request does not reach the backend, and no answer ever comes.
    Silent,
    /// The request is done, and no answer ever comes.
    SilentAfter,
    /// The request reaches the backend after this time, and is answered.
    Delay(Duration),
    /// The answer is an error at once; the request reaches the backend after this time all the same.
    Late(Duration),
    /// The request is done twice; the second answer arrives.
    Twice,
    /// The request is done twice; the first answer arrives.
    TwiceFirst,
    /// A get brings other bytes of the same length.
    WrongBytes,
    /// A get breaks off in the middle of the content.
    Torn,
    /// A get or head says that nothing is there.
    Missing,
    /// A list leaves out what was put during the last calls, so many.
    Stale(u64),
    /// The process ends before the request: neither this call nor any later one is ever answered.
    Stop,
    /// The process ends after the request was done.
    StopAfter,
    /// The same for real: this process is killed before the request.
    Kill,
    /// This process is killed after the request was done.
    KillAfter,
}

/// The error of an injected fault.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("injected: {0}")]
pub struct Injected(pub(super) &'static str);

impl Injected {
    /// An error that leaves open whether the request was done.
    pub(super) fn open(what: &'static str) -> object_store::Error {
        object_store::Error::Generic { store: "faults", source: Box::new(Self(what)) }
    }

    /// An error that says that it was not, and why.
    pub(super) fn refused(why: io::ErrorKind) -> object_store::Error {
        object_store::Error::Generic { store: "faults", source: Box::new(io::Error::from(why)) }
    }
}

type Rule = Box<dyn FnMut(&Call) -> Option<Fault> + Send>;

/// A plan of faults and a log of calls; clones share both, so one can look after several stores.
#[derive(Clone)]
pub struct Faults {
    state: Arc<Mutex<State>>,
    stopped: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    stamp: u64,
    at: HashMap<u64, Fault>,
    rule: Option<Rule>,
    /// The number of the last put of each path.
    puts: HashMap<String, u64>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { state: Arc::default(), stopped: watch::Sender::new(false) }
    }
}

impl Faults {
    /// `backend` with these faults between.
    #[must_use]
    pub fn over(&self, backend: Arc<dyn Backend>) -> Arc<dyn Backend> {
        Arc::new(Over { backend, faults: self.clone() })
    }

    /// The call of that number (from 1, counted since the last [`Faults::reset`]) meets `fault`.
    pub fn at(&self, number: u64, fault: Fault) {
        self.state().at.insert(number, fault);
    }

    /// Each call meets what `rule` says, unless its number has a fault of its own.
    pub fn rule(&self, rule: impl FnMut(&Call) -> Option<Fault> + Send + 'static) {
        self.state().rule = Some(Box::new(rule));
    }

    /// One of so many calls meets one of `faults`, as the seed says.
    pub fn seeded(&self, seed: u64, one_in: u64, faults: &[Fault]) {
        let faults = faults.to_vec();
        let mut state = seed;
        self.rule(move |_| {
            let roll = next(&mut state);
            (roll.is_multiple_of(one_in.max(1))).then(|| faults[usize::try_from(next(&mut state) % faults.len() as u64).unwrap_or(0)])
        });
    }

    /// No more faults; the log stays. What was stopped stays so.
    pub fn clear(&self) {
        let mut state = self.state();
        state.at.clear();
        state.rule = None;
    }

    /// No faults, an empty log, numbers from 1 again, and a new life after a stop.
    pub fn reset(&self) {
        *self.state() = State::default();
        self.stopped.send_replace(false);
    }

    /// All calls so far, by number.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// How many calls there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.state().calls.len() as u64
    }

    /// Ready once a call met [`Fault::Stop`] or [`Fault::StopAfter`]: the test then drops what it drove.
    pub async fn stopped(&self) {
        let mut stopped = self.stopped.subscribe();
        // The sender lives in self.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }

    /// Whether such a call was met.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    pub(super) fn stop(&self) {
        self.stopped.send_replace(true);
    }

    pub(super) fn begin(&self, operation: Operation, path: &str) -> (u64, Option<Fault>) {
        let mut state = self.state();
        state.stamp += 1;
        let number = state.calls.len() as u64 + 1;
        let call = Call { number, operation, path: path.to_owned(), began: state.stamp, ended: None };
        let ruled = state.rule.as_mut().and_then(|rule| rule(&call));
        let fault = state.at.get(&number).copied().or(ruled);
        state.calls.push(call);
        if matches!(operation, Operation::Create | Operation::Swap | Operation::Put) {
            state.puts.insert(path.to_owned(), number);
        }
        (number, fault)
    }

    pub(super) fn end(&self, number: u64) {
        let mut state = self.state();
        state.stamp += 1;
        let stamp = state.stamp;
        let place = usize::try_from(number - 1).unwrap_or(usize::MAX);
        // Gone when the log was emptied meanwhile.
        if let Some(call) = state.calls.get_mut(place) {
            call.ended = Some(stamp);
        }
    }

    /// Whether `path` was put during the last `calls` calls.
    pub(super) fn is_fresh(&self, path: &str, calls: u64) -> bool {
        let state = self.state();
        let oldest = (state.calls.len() as u64).saturating_sub(calls);
        state.puts.get(path).is_some_and(|number| *number > oldest)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faults({} calls)", self.count())
    }
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
