//! What every service of the platform does alike: settings in layers, a log,
//! an end on signals.
//!
//! Knows no service: which sections there are and what stands in them is the
//! caller's to say.

mod layers;
mod logging;
mod settings_error;
mod signals;

pub use layers::{Known, layered, parse, read_file};
pub use logging::{LogFormat, LogSettings, start_logging};
pub use settings_error::SettingsError;
pub use signals::stop_asked;
