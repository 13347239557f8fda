//! Why files are not used.

use std::{error::Error, io, path::PathBuf};

/// Why files are not used.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file is larger than what it should be ever is.
    #[error("{} is larger than {max} bytes; is it the right file?", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// The bound.
        max: u64,
    },
    /// Whoever reads them refused; the source says why.
    #[error("{files} cannot be used")]
    Refused {
        /// Which.
        files: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Whoever reads them failed on them.
    #[error("{files}: cannot be understood")]
    Unreadable {
        /// Which.
        files: String,
    },
}

impl FollowError {
    /// The error and its causes in one line.
    #[must_use]
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
