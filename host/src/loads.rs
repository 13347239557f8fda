//! The module cache as catalogs see it: what is loaded, and load this.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use extensions_catalog::{Loads, ServedVersion, Urgency};
use extensions_engine::Engine;
use extensions_modules::{Modules, NotLoaded};
use extensions_types::Environment;
use futures_util::future::BoxFuture;

/// A load that takes longer ends by its own bounds; whoever asked looks again later.
const PATIENCE: Duration = Duration::from_secs(60);

/// Loads through the host's modules, and warms up what operators want preloaded.
#[derive(Debug)]
pub(crate) struct Through {
    pub(crate) modules: Arc<Modules>,
    pub(crate) engine: Arc<Engine>,
    /// Whose calls the host expects.
    pub(crate) env: Environment,
}

impl Loads for Through {
    fn is_loaded(&self, version: &ServedVersion) -> bool {
        self.modules.is_loaded(version)
    }

    fn load<'l>(&'l self, version: &'l Arc<ServedVersion>, urgency: Urgency) -> BoxFuture<'l, Result<(), String>> {
        let until = Instant::now() + PATIENCE;
        Box::pin(async move {
            loop {
                match self.modules.load(version, urgency, None).await {
                    // Modules end a caller's wait before a crowded machine has compiled.
                    Err(NotLoaded::Loading) if Instant::now() < until => {}
                    Err(error) => return Err(error.to_string()),
                    Ok(extension) => {
                        if urgency == Urgency::Preload {
                            self.engine.warm(&extension, self.env).await;
                        }
                        return Ok(());
                    }
                }
            }
        })
    }
}
