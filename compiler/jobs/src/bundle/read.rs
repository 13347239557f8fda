//! Unpacks a bundle, bounding first: bytes, files, memory of the decompressor.

use std::io::{self, Read};

use bytes::Bytes;
use tar::{Archive, Entry, EntryType};
use zstd::stream::read::Decoder;

use super::{Bundle, BundleError, FILES_MAX, UNPACKED_BYTES_MAX};

/// The decompressor's window, as a power of two: 16 MiB, beyond what levels up to 19 use.
const WINDOW_LOG_MAX: u32 = 24;

impl Bundle {
    /// Unpacks `archive`. Takes up to a second of CPU time and
    /// 32 MiB of memory: not for a thread that others wait for.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn unpack(archive: &[u8]) -> Result<Self, BundleError> {
        let mut decoder = Decoder::with_buffer(archive).map_err(malformed)?;
        decoder.window_log_max(WINDOW_LOG_MAX).map_err(malformed)?;
        let mut archive = Archive::new(Bounded { inner: decoder, left: UNPACKED_BYTES_MAX });
        let mut bundle = Self::default();
        // Folders count too: an archive of a million of them holds no file.
        for (number, entry) in archive.entries().map_err(malformed)?.enumerate() {
            if number == FILES_MAX {
                return Err(BundleError::Files);
            }
            bundle.take(entry.map_err(malformed)?)?;
        }
        Ok(bundle)
    }

    fn take(&mut self, mut entry: Entry<'_, impl Read>) -> Result<(), BundleError> {
        let path = path_of(&entry)?;
        match entry.header().entry_type() {
            EntryType::Regular => {
                let mut bytes = Vec::new();
                // The header's size is only a claim: what is read is bounded by `Bounded`.
                entry.read_to_end(&mut bytes).map_err(malformed)?;
                self.insert(&path, Bytes::from(bytes))
            }
            EntryType::Directory => super::path::check(path.trim_end_matches('/')),
            _ => Err(BundleError::NoFile(path)),
        }
    }
}

fn path_of(entry: &Entry<'_, impl Read>) -> Result<String, BundleError> {
    let bytes = entry.path_bytes();
    std::str::from_utf8(&bytes).map(str::to_owned).map_err(|_| BundleError::Path(String::from_utf8_lossy(&bytes).chars().take(80).collect()))
}

fn malformed(error: io::Error) -> BundleError {
    match error.get_ref() {
        Some(inner) if inner.is::<TooMuch>() => BundleError::Unpacked,
        // Readers wrap what they are given.
        _ if error.to_string().contains(TOO_MUCH) => BundleError::Unpacked,
        _ => BundleError::Malformed(error.to_string().chars().filter(|c| !c.is_control()).take(120).collect()),
    }
}

/// A reader that fails beyond its bound, where `Take` would end quietly.
struct Bounded<R> {
    inner: R,
    left: u64,
}

const TOO_MUCH: &str = "more bytes than are unpacked";

#[derive(Debug, thiserror::Error)]
#[error("{TOO_MUCH}")]
struct TooMuch;

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => {
                self.left = left;
                Ok(read)
            }
            None => Err(io::Error::other(TooMuch)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn compressed(tar: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(tar, 3).unwrap()
    }

    /// An archive with one entry, as no honest packer would write it.
    fn odd(kind: EntryType, name: &[u8], data: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.set_entry_type(kind);
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        let mut builder = tar::Builder::new(Vec::new());
        builder.append(&header, data).unwrap();
        compressed(&builder.into_inner().unwrap())
    }

    #[test]
    fn a_bundle_comes_back() {
        let mut bundle = Bundle::default();
        for (path, text) in [("extension.toml", "id = 1"), ("src/lib.rs", "fn x() {}"), ("empty", "")] {
            bundle.insert(path, Bytes::from(text)).unwrap();
        }
        let packed = bundle.pack().unwrap();
        assert_eq!(Bundle::unpack(&packed).unwrap(), bundle);
        assert_eq!(bundle.pack().unwrap(), packed, "the same files give the same bytes");
    }

    #[test]
    fn what_is_no_file_is_refused() {
        for kind in [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Fifo, EntryType::GNUSparse] {
            let refused = Bundle::unpack(&odd(kind, b"x", b"")).unwrap_err();
            assert!(matches!(refused, BundleError::NoFile(_) | BundleError::Malformed(_)), "{kind:?}: {refused}");
        }
        assert!(Bundle::unpack(&odd(EntryType::Directory, b"src/", b"")).is_ok());
        assert!(matches!(Bundle::unpack(&odd(EntryType::Directory, b"../", b"")), Err(BundleError::Path(_))));
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        for name in [&b"../x"[..], b"/etc/passwd", b"a/../../x", b".cargo/config.toml", b"\xff\xfe"] {
            let refused = Bundle::unpack(&odd(EntryType::Regular, name, b"x")).unwrap_err();
            assert!(matches!(refused, BundleError::Path(_)), "{name:?}: {refused}");
        }
    }

    #[test]
    fn a_bomb_is_refused_while_it_grows() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_path("zeros").unwrap();
        header.set_size(1 << 40);
        header.set_entry_type(EntryType::Regular);
        header.set_cksum();
        encoder.write_all(header.as_bytes()).unwrap();
        for _ in 0..=UNPACKED_BYTES_MAX >> 20 {
            encoder.write_all(&[0; 1 << 20]).unwrap();
        }
        let bomb = encoder.finish().unwrap();
        assert!(bomb.len() < 64 << 10);
        assert!(matches!(Bundle::unpack(&bomb), Err(BundleError::Unpacked)));
    }

    #[test]
    fn many_entries_and_broken_bytes_are_refused() {
        let mut builder = tar::Builder::new(Vec::new());
        for number in 0..=FILES_MAX {
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            header.set_entry_type(EntryType::Directory);
            builder.append_data(&mut header, format!("d{number}"), &[][..]).unwrap();
        }
        assert!(matches!(Bundle::unpack(&compressed(&builder.into_inner().unwrap())), Err(BundleError::Files)));
        let good = odd(EntryType::Regular, b"x", b"data");
        assert!(matches!(Bundle::unpack(&good[..good.len() - 4]), Err(BundleError::Malformed(_))));
        assert!(matches!(Bundle::unpack(b"not zstd"), Err(BundleError::Malformed(_))));
        assert!(matches!(Bundle::unpack(&compressed(&[7; 4096])), Err(BundleError::Malformed(_))));
    }
}
