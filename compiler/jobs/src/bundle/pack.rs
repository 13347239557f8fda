//! Packs a bundle: the same files always give the same bytes.

use std::io;

use tar::{Builder, EntryType, Header};

use super::Bundle;

/// zstd's own default: a second for the largest bundle.
const LEVEL: i32 = 3;

impl Bundle {
    /// The archive of these files: sorted by path, without times and owners.
    ///
    /// # Errors
    /// When the compressor fails.
    pub fn pack(&self) -> io::Result<Vec<u8>> {
        let mut builder = Builder::new(zstd::stream::write::Encoder::new(Vec::new(), LEVEL)?);
        for (path, bytes) in self.files() {
            let mut header = Header::new_gnu();
            header.set_entry_type(EntryType::Regular);
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(0);
            header.set_uid(0);
            header.set_gid(0);
            builder.append_data(&mut header, path, &bytes[..])?;
        }
        builder.into_inner()?.finish()
    }
}
