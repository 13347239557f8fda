//! The module cache as catalogs see it: what is loaded, and load this.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use extensions_catalog::{Loads, ServedVersion, Urgency};
use extensions_modules::{Modules, NotLoaded};
use futures_util::future::BoxFuture;

/// A load that takes longer ends by its own bounds; whoever asked looks again later.
const PATIENCE: Duration = Duration::from_secs(60);

/// Loads through the host's modules.
#[derive(Debug)]
pub(crate) struct Through(pub(crate) Arc<Modules>);

impl Loads for Through {
    fn is_loaded(&self, version: &ServedVersion) -> bool {
        self.0.is_loaded(version)
    }

    fn load<'l>(&'l self, version: &'l Arc<ServedVersion>, urgency: Urgency) -> BoxFuture<'l, Result<(), String>> {
        let until = Instant::now() + PATIENCE;
        Box::pin(async move {
            loop {
                match self.0.load(version, urgency, None).await {
                    // Modules end a caller's wait before a crowded machine has compiled.
                    Err(NotLoaded::Loading) if Instant::now() < until => {}
                    loaded => return loaded.map(drop).map_err(|error| error.to_string()),
                }
            }
        })
    }
}
