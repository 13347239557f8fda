//! A running host as its heartbeats see it.

use std::sync::Arc;

use extensions_engine::Engine;
use extensions_front::Handle;
use extensions_modules::Modules;

/// What a host can be asked while it runs and while it drains. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HostView {
    pub(crate) front: Handle,
    pub(crate) modules: Arc<Modules>,
    pub(crate) engine: Arc<Engine>,
}

impl HostView {
    /// Whether it is about to end.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.front.is_draining()
    }

    /// Versions whose code is loaded.
    #[must_use]
    pub fn loaded(&self) -> usize {
        self.modules.loaded()
    }

    /// Which machine code it loads.
    #[must_use]
    pub fn compatibility(&self) -> String {
        self.engine.compatibility().to_string()
    }
}
