//! What does not follow the store, so that status and heartbeats need no walk over every extension.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use extensions_artifact::Owned;
use extensions_catalog::{CatalogStatus, Problem};
use extensions_types::Version;

/// Extensions that do not follow the store, and why.
#[derive(Debug, Default)]
pub(crate) struct Troubles(Mutex<BTreeMap<Owned, Trouble>>);

#[derive(Debug)]
struct Trouble {
    problem: Box<str>,
    /// The version that goes on in place of the one that cannot be loaded.
    kept: Option<Version>,
}

impl Troubles {
    pub(crate) fn set(&self, of: &Owned, problem: Box<str>, kept: Option<Version>) {
        self.lock().insert(of.clone(), Trouble { problem, kept });
    }

    pub(crate) fn clear(&self, of: &Owned) {
        self.lock().remove(of);
    }

    /// Writes them into a status.
    pub(crate) fn tell(&self, status: &mut CatalogStatus) {
        let troubles = self.lock();
        status.problems_total = troubles.len();
        status.kept = troubles.values().filter(|trouble| trouble.kept.is_some()).count();
        let problem = |(of, trouble): (&Owned, &Trouble)| Problem {
            tenant: of.tenant.clone(),
            extension: of.extension.clone(),
            problem: trouble.problem.to_string(),
            kept: trouble.kept,
        };
        status.problems = troubles.iter().take(CatalogStatus::PROBLEMS_MAX).map(problem).collect();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Owned, Trouble>> {
        // Each change is one insert or remove.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
