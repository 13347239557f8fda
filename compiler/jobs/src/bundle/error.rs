//! Why a bundle is refused.

use extensions_types::ErrorCode;

use super::{FILES_MAX, UNPACKED_BYTES_MAX, path::PATH_BYTES_MAX};

/// Why a bundle is refused. Texts are public; paths in them are the author's own.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The compression or the archive does not hold together.
    #[error("the bundle is no tar.zst archive: {0}; pack it with `ext push`")]
    Malformed(String),
    /// More bytes than are unpacked.
    #[error("the bundle unpacks to more than {} MiB; leave out what is built or downloaded", UNPACKED_BYTES_MAX >> 20)]
    Unpacked,
    /// More files than are unpacked.
    #[error("the bundle has more than {FILES_MAX} files; leave out what is built or downloaded")]
    Files,
    /// Something else than a file.
    #[error("{0} is neither a file nor a folder; a bundle holds no links and no devices")]
    NoFile(String),
    /// A path that leads elsewhere or hides.
    #[error(
        "{0:?} may not stand in a bundle: paths are relative UTF-8, without `.`, `..`, hidden parts, backslashes and control characters, at most {PATH_BYTES_MAX} bytes long"
    )]
    Path(String),
    /// The same path twice.
    #[error("{0} stands in the bundle twice")]
    Twice(String),
}

impl BundleError {
    /// The code that it travels under.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Unpacked | Self::Files => ErrorCode::InputTooLarge,
            Self::Malformed(_) | Self::NoFile(_) | Self::Path(_) | Self::Twice(_) => ErrorCode::BadRequest,
        }
    }
}
