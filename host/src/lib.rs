//! Composes a host: settings, engine, catalog, front, drain.
//!
//! Everything is checked before a port is bound. What is served comes from the
//! [`Catalog`](extensions_catalog::Catalog) that the program gives.

mod compose;
mod logging;
mod overrides;
mod service;
mod settings;
mod signals;

pub use extensions_front::Drained;

pub use compose::{Host, StartError, THIS_BINARY};
pub use logging::{LogFormat, start_logging};
pub use settings::{EngineSettings, HostSettings, ListenSettings, LogSettings, SettingsError};
pub use signals::Stop;
