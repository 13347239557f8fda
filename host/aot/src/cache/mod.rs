//! The local cache of machine code: one directory that only this host reads.
//!
//! A file is the code followed by a trailer: what making an instance does
//! (asked at each load, when the component itself may be far away), and the
//! MAC, keyed with this host's own key, over compatibility hash, component
//! digest, code digest and that answer. Files appear by rename and never
//! change, since running code is mapped from them.

mod place;
mod room;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use aws_lc_rs::{digest, hmac};
use extensions_engine_config::CompatibilityHash;
use extensions_types::Sha256;

use self::{
    place::{io_error, private_directory, random_u64, read_or_make_key},
    room::Room,
};
use crate::{
    Code, Start,
    digest::finished,
    signed::Opened,
    start::{START_BYTES, claim},
};

pub use place::CacheError;

const MAC_BYTES: usize = 32;
/// Marks a whole file; bump it when the trailer changes.
const MAGIC: &[u8; 8] = b"extcwas3";
const TRAILER_BYTES: usize = START_BYTES + MAC_BYTES + MAGIC.len();
/// Code is read in pieces of this size: they stay in the processor's cache.
const PIECE_BYTES: usize = 64 << 10;

/// Machine code on disk for one engine configuration.
#[derive(Debug)]
pub struct Cache {
    directory: PathBuf,
    key: hmac::Key,
    compatibility: CompatibilityHash,
    room: Room,
}

impl Cache {
    /// Opens or creates the cache in `root`, for code of engine `compatibility`.
    ///
    /// # Errors
    /// When the directory cannot be used or is open to others.
    pub fn open(root: &Path, compatibility: CompatibilityHash) -> Result<Self, CacheError> {
        private_directory(root)?;
        let key = read_or_make_key(root)?;
        let directory = root.join(compatibility.to_string());
        private_directory(&directory)?;
        let room = Room::of(&directory)?;
        Ok(Self { directory, key, compatibility, room })
    }

    /// The code of a component, verified and held open; none if it is not
    /// there or does not verify.
    ///
    /// # Errors
    /// When the file system fails.
    pub fn get(&self, component: Sha256) -> Result<Option<Code>, CacheError> {
        let path = self.path(component);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("open", &path)(error)),
        };
        match self.verify(&file, component).map_err(io_error("read", &path))? {
            Some(start) => Ok(Some(Code::new(file, component, start))),
            None => {
                tracing::warn!(%component, "cached code does not verify; it is removed and compiled again");
                fs::remove_file(&path).map_err(io_error("remove", &path))?;
                Ok(None)
            }
        }
    }

    /// The engine that its code is for.
    #[must_use]
    pub fn engine(&self) -> CompatibilityHash {
        self.compatibility
    }

    /// Stores code that this host's own child compiled from `component`, and gives it back, verified and held open.
    ///
    /// # Errors
    /// When the file system fails; nothing half-written is ever found later.
    pub fn put(&self, component: Sha256, code: &[u8], start: Start) -> Result<Code, CacheError> {
        self.keep(component, code, crate::digest(code), start, Durable::Yes)
    }

    /// Stores code that a trusted key signed for `component` and this engine,
    /// without waiting for the disk: should the machine stop now, what is left
    /// of the file does not verify, and the code is fetched again.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn adopt(&self, component: Sha256, opened: &Opened<'_>) -> Result<Code, CacheError> {
        self.keep(component, opened.code, opened.sha256, opened.start, Durable::No)
    }

    fn keep(&self, component: Sha256, code: &[u8], sha256: Sha256, start: Start, durable: Durable) -> Result<Code, CacheError> {
        self.room.make(&self.directory, (code.len() + TRAILER_BYTES) as u64)?;
        let path = self.path(component);
        let staged = self.directory.join(format!("{component}.{}.{:x}.tmp", std::process::id(), random_u64()?));
        let trailer = self.trailer(component, sha256, start);
        let written = write(&staged, &[code, &trailer], durable).map_err(io_error("write", &staged));
        if let Err(error) = written.and_then(|()| fs::rename(&staged, &path).map_err(io_error("rename", &staged))) {
            // The first error is the one to tell; a leftover file is swept when room is made.
            let _ = fs::remove_file(&staged);
            return Err(error);
        }
        let missing = io::Error::new(io::ErrorKind::InvalidData, "the file changed behind the host's back");
        self.get(component)?.ok_or_else(|| io_error("verify", &path)(missing))
    }

    fn trailer(&self, component: Sha256, code: Sha256, start: Start) -> Vec<u8> {
        let mac = hmac::sign(&self.key, &claim(self.compatibility.as_bytes(), component, code, start.to_bytes()));
        [start.to_bytes().as_slice(), mac.as_ref(), MAGIC].concat()
    }

    /// Reads the whole file once: what is hashed here is what will be mapped.
    /// How the component starts, or none for a file that does not verify.
    fn verify(&self, mut file: &File, component: Sha256) -> io::Result<Option<Start>> {
        let Some(code_bytes) = file.metadata()?.len().checked_sub(TRAILER_BYTES as u64) else {
            return Ok(None);
        };
        let mut hasher = digest::Context::new(&digest::SHA256);
        let mut piece = vec![0; PIECE_BYTES];
        let mut code = Read::take(&mut file, code_bytes);
        loop {
            match code.read(&mut piece)? {
                0 => break,
                read => hasher.update(&piece[..read]),
            }
        }
        let (mut start, mut mac, mut magic) = ([0; START_BYTES], [0; MAC_BYTES], [0; MAGIC.len()]);
        for part in [start.as_mut_slice(), &mut mac, &mut magic] {
            file.read_exact(part)?;
        }
        let claim = claim(self.compatibility.as_bytes(), component, finished(&hasher.finish()), start);
        let is_ours = magic == *MAGIC && hmac::verify(&self.key, &claim, &mac).is_ok();
        Ok(is_ours.then(|| Start::from_bytes(start)))
    }

    fn path(&self, component: Sha256) -> PathBuf {
        self.directory.join(format!("{component}.cwasm"))
    }
}

/// Whether a file must outlive this moment's power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durable {
    Yes,
    No,
}

fn write(staged: &Path, parts: &[&[u8]], durable: Durable) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(staged)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    match durable {
        Durable::Yes => file.sync_all(),
        Durable::No => Ok(()),
    }
}

#[cfg(test)]
mod tests;
