//! Composes a host: settings, engine, catalogs, front, drain.
//!
//! Everything is checked before a port is bound. What is served comes from the
//! [`Catalogs`](extensions_catalog::Catalogs) that the program gives:
//! `extensions-runtime` serves one environment's store, `ext dev` three.

mod aot;
mod compose;
mod lanes;
mod loads;
mod name;
mod quota;
mod ready;
mod service;
mod settings;
mod signals;
mod view;

pub use extensions_front::{Drained, Mount, MountBody, PeerName, Stream};
pub use extensions_service::{Log, LogFormat, LogSettings, SettingsError, start_logging};

pub use aot::AotSettings;
pub use compose::{Host, Prepared, StartError, THIS_BINARY};
pub use name::NameSettings;
pub use settings::{EngineSettings, HostSettings, ListenSettings};
pub use signals::Stop;
pub use view::HostView;
