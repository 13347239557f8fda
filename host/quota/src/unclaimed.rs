//! A host's part of what it has not claimed at its fleet.

use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use extensions_types::Environment;

use crate::Fraction;

/// By environment, and whom to tell that it is too little.
pub(crate) struct Unclaimed {
    parts: [AtomicU32; ENVIRONMENTS],
    tell: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

const ENVIRONMENTS: usize = Environment::ALL.len();

impl Unclaimed {
    pub(crate) fn of(part: Fraction) -> Self {
        Self { parts: std::array::from_fn(|_| AtomicU32::new(part.parts())), tell: OnceLock::new() }
    }

    pub(crate) fn get(&self, env: Environment) -> Fraction {
        Fraction::of_parts(self.parts[env as usize].load(Relaxed))
    }

    pub(crate) fn set(&self, env: Environment, part: Fraction) {
        self.parts[env as usize].store(part.parts(), Relaxed);
    }

    pub(crate) fn short(&self) {
        if let Some(tell) = self.tell.get() {
            tell();
        }
    }

    pub(crate) fn when_short(&self, tell: Box<dyn Fn() + Send + Sync>) {
        // The first one stays.
        let _ = self.tell.set(tell);
    }
}

impl fmt::Debug for Unclaimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unclaimed").field("parts", &self.parts).finish_non_exhaustive()
    }
}
