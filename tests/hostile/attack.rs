//! One mechanism and its variants.

use std::{fmt, pin::Pin};

use crate::stage::Stage;

/// An attack under way.
pub(crate) type Running<'s> = Pin<Box<dyn Future<Output = Vec<Row>> + 's>>;

/// A named attack: one mechanism. Write one as
///
///     Attack { name: "lying-lengths", about: "…", run: |stage| Box::pin(lying_lengths(stage)) }
#[derive(Clone, Copy)]
pub(crate) struct Attack {
    /// Unique, lowercase words with hyphens: also part of the attacker's tenant id, at most 24 bytes.
    pub(crate) name: &'static str,
    /// What it tries, in a few words.
    pub(crate) about: &'static str,
    /// Does it, and says what came of each variant. A panic is a failed attack.
    pub(crate) run: for<'s> fn(&'s Stage) -> Running<'s>,
}

impl fmt::Debug for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attack").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One variant: it holds when `got` is `expected`, to the letter.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) expected: String,
    pub(crate) got: String,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { what: what.into(), expected: expected.into(), got: got.into() }
    }

    /// A row about something that holds or does not: `got` says how it is when it does not.
    pub(crate) fn holds(what: impl Into<String>, expected: impl Into<String>, holds: bool, otherwise: impl FnOnce() -> String) -> Self {
        let expected = expected.into();
        let got = if holds { expected.clone() } else { otherwise() };
        Self { what: what.into(), expected, got }
    }

    pub(crate) fn passed(&self) -> bool {
        self.expected == self.got
    }
}
