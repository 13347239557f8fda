//! Reads one file that an operator named, within a bound.

use std::{fs::File, io::Read as _, path::Path};

use crate::FollowError;

/// A larger file is none of ours: certificates, keys and documents of control take some hundred KiB.
const BYTES_MAX: u64 = 1 << 20;

/// The content of `file`.
pub(crate) fn read_bytes(file: &Path) -> Result<Vec<u8>, FollowError> {
    let read_error = |source| FollowError::Read { path: file.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(file).map_err(read_error)?.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(read_error)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(FollowError::TooLarge { path: file.to_owned(), max: BYTES_MAX });
    }
    Ok(bytes)
}
