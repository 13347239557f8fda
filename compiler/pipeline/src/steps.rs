//! The steps of a build, their times, and who hears of them.

use std::time::{Duration, Instant};

use extensions_types::StepEvidence;
use serde::Serialize;

/// What a build tells while it goes on.
#[derive(Debug, Clone, Copy)]
pub enum Event<'e> {
    /// A step begins.
    Begins(Step),
    /// A part of the running step: a crate that is compiled.
    Note(&'e str),
    /// A step has ended.
    Ended(Step, Duration),
}

/// The steps of a build, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Source to core module.
    Source,
    /// Module to checked component.
    Check,
    /// Keys and tokens, in the source and in the component.
    Secrets,
    /// Component to machine code, in the child.
    Compile,
    /// A tool says what it is.
    Describe,
    /// The extension's own cases.
    Test,
}

impl Step {
    /// The step in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Source => "building the source",
            Self::Check => "checking the component",
            Self::Secrets => "looking for secrets",
            Self::Compile => "compiling to machine code",
            Self::Describe => "asking the tool to describe itself",
            Self::Test => "running its tests",
        }
    }

    /// The step as programs read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Check => "check",
            Self::Secrets => "secrets",
            Self::Compile => "compile",
            Self::Describe => "describe",
            Self::Test => "test",
        }
    }
}

/// What each step took, in order.
pub type Times = Vec<(Step, Duration)>;

/// Times steps and tells about them.
pub(crate) struct Steps<'s> {
    pub(crate) done: Times,
    pub(crate) tell: &'s mut dyn FnMut(Event<'_>),
}

impl<'s> Steps<'s> {
    pub(crate) fn new(tell: &'s mut dyn FnMut(Event<'_>)) -> Self {
        Self { done: Vec::new(), tell }
    }

    pub(crate) async fn timed<T, E>(&mut self, step: Step, work: impl AsyncFnOnce(&mut dyn FnMut(Event<'_>)) -> Result<T, E>) -> Result<T, E> {
        (self.tell)(Event::Begins(step));
        let start = Instant::now();
        let result = work(self.tell).await?;
        let took = start.elapsed();
        (self.tell)(Event::Ended(step, took));
        self.done.push((step, took));
        Ok(result)
    }
}

/// As evidence keeps them.
pub(crate) fn evidence(times: &[(Step, Duration)]) -> Vec<StepEvidence> {
    times.iter().map(|(step, took)| StepEvidence { step: step.as_str().to_owned(), micros: micros(*took) }).collect()
}

/// Whole microseconds.
pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
