//! What `ext` carries and where it keeps what it makes.

use std::sync::Arc;

use extensions_pipeline::{Tools, Workbench};
use extensions_toolchain::{Direct, Home};

use crate::failure::Failure;

/// ext's own folder.
pub(crate) fn home() -> Result<Home, Failure> {
    Home::from_env().map_err(|error| Failure::Local(error.to_string()))
}

/// What a build needs.
pub(crate) fn tools() -> Result<Tools, Failure> {
    Ok(Tools { home: home()?, sdks: &extensions_guest_sdks::SDKS, runner: Arc::new(Direct) })
}

/// The production engine for this command.
pub(crate) fn workbench() -> Result<Workbench, Failure> {
    Ok(Workbench::start(home()?.path(), extensions_host::THIS_BINARY.as_ref())?)
}
