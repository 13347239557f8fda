//! What every service of the platform does alike: settings in layers, secrets
//! by file that are replaced while it runs, a log, an end on signals.
//!
//! Knows no service: which sections there are and what stands in them is the
//! caller's to say.

mod follow_error;
mod followed;
mod followed_metrics;
mod follower;
mod layers;
mod logging;
mod read_file;
mod settings_error;
mod signals;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use follow_error::FollowError;
pub use followed::{Followed, Looked};
pub use followed_metrics::FollowedFiles;
pub use follower::{FileStatus, LOOK_EVERY, followed_files};
pub use layers::{Known, layered, parse, read_file};
pub use logging::{Log, LogFormat, LogLines, LogSettings, start_logging};
pub use settings_error::SettingsError;
pub use signals::stop_asked;
