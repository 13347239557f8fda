//! What `ext` carries and where it keeps what it makes.

use extensions_pipeline::{Tools, Workbench};
use extensions_toolchain::Home;

use crate::failure::Failure;

/// The guest SDK with its vendored dependencies, packed by the build script.
const SDK_ARCHIVE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sdk-rust.tar.zst"));
const SDK_DIGEST: &str = env!("EXT_SDK_DIGEST");

/// ext's own folder.
pub(crate) fn home() -> Result<Home, Failure> {
    Home::from_env().map_err(|error| Failure::Local(error.to_string()))
}

/// What a build needs.
pub(crate) fn tools() -> Result<Tools, Failure> {
    Ok(Tools { home: home()?, sdk_archive: SDK_ARCHIVE, sdk_digest: SDK_DIGEST })
}

/// The production engine for this command.
pub(crate) fn workbench() -> Result<Workbench, Failure> {
    Ok(Workbench::start(home()?.path(), extensions_host::THIS_BINARY.as_ref())?)
}
