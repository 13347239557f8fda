//! What switches forbid, of control and of this host: asked at admission, when
//! a call that waited begins, and at the ticks of what runs.

use std::sync::Arc;

use extensions_catalog::{Catalogs, Off};
use extensions_engine::Orders;
use extensions_types::{Environment, ExtensionDefinition};

use crate::LocalSwitches;

/// Switches of all sources: any of them suffices.
#[derive(Debug, Clone)]
pub(crate) struct AllSwitches {
    pub(crate) catalogs: Catalogs,
    pub(crate) local: Arc<LocalSwitches>,
}

impl AllSwitches {
    /// The switch that keeps `definition` from answering in `env`.
    pub(crate) fn forced_off(&self, env: Environment, definition: &ExtensionDefinition) -> Option<Off> {
        let local = self.local.forced_off(definition);
        local.or_else(|| self.catalogs.get(env).and_then(|catalog| catalog.forced_off(definition)))
    }
}

impl Orders for AllSwitches {
    fn forbids(&self, env: Environment, definition: &ExtensionDefinition) -> bool {
        self.forced_off(env, definition).is_some()
    }

    fn aborts(&self, env: Environment, definition: &ExtensionDefinition) -> bool {
        self.local.aborts(definition).is_some() || self.catalogs.get(env).is_some_and(|catalog| catalog.aborts(definition).is_some())
    }
}
