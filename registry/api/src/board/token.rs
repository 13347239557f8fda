//! Job tokens: what a worker got with its claim, authenticated by the registry's key.
//!
//! A token is `job;source;expiry;claim;worker;mac`. The MAC (HMAC-SHA-256) covers
//! everything before it. Nothing of it is secret but the key; it is checked in
//! constant time, and before anything in it is believed.

use std::{fmt, io, path::Path, sync::Arc};

use aws_lc_rs::{
    digest,
    hmac::{self, HMAC_SHA256, Key},
    rand,
};
use extensions_compile_jobs::{JobId, JobRefused, JobToken};
use extensions_types::Sha256;

/// Bytes of a key, at least: what the MAC has.
const KEY_BYTES_MIN: usize = 32;
/// A file of a key is not larger.
const KEY_FILE_BYTES_MAX: u64 = 4 << 10;
/// Keeps a MAC of ours from meaning anything elsewhere.
const PURPOSE: &str = "extensions compile job 1;";

/// What job tokens are authenticated with.
#[derive(Clone)]
pub struct JobKey(Arc<Key>);

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JobKeyError {
    /// It cannot be read.
    #[error("cannot read the key file")]
    Read(#[from] io::Error),
    /// Too short to be a key, or too large.
    #[error("a key file has {KEY_BYTES_MIN} to {KEY_FILE_BYTES_MAX} bytes; make one with `head -c 32 /dev/urandom`")]
    Length,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobGrant {
    /// The job.
    pub(crate) job: JobId,
    /// Its bundle.
    pub(crate) source_sha256: Sha256,
    /// Until when it holds at most, in milliseconds since the Unix epoch.
    pub(crate) expires_ms: u64,
    /// Tells this claim from others of the same attempt.
    pub(crate) claim: u64,
}

impl JobKey {
    /// A key of this process alone.
    ///
    /// # Panics
    /// When the system has no randomness; nothing could be signed then either.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = [0; KEY_BYTES_MIN];
        rand::fill(&mut bytes).expect("a system without randomness has no TLS and no tokens either");
        Self::new(&bytes)
    }

    /// The key in a file: its bytes, whatever they are.
    ///
    /// # Errors
    /// When it cannot be read or is too short.
    pub fn read(path: &Path) -> Result<Self, JobKeyError> {
        if std::fs::metadata(path)?.len() > KEY_FILE_BYTES_MAX {
            return Err(JobKeyError::Length);
        }
        let bytes = std::fs::read(path)?;
        // An editor's newline is no part of a key.
        let bytes = bytes.trim_ascii_end();
        if bytes.len() < KEY_BYTES_MIN { Err(JobKeyError::Length) } else { Ok(Self::new(bytes)) }
    }

    fn new(bytes: &[u8]) -> Self {
        Self(Arc::new(Key::new(HMAC_SHA256, bytes)))
    }

    /// The token of `grant` for the worker `by`.
    pub(crate) fn mint(&self, grant: &JobGrant, by: &str) -> JobToken {
        let JobGrant { job, source_sha256, expires_ms, claim } = grant;
        let text = format!("{job};{source_sha256};{expires_ms};{claim:016x};{}", worker(by));
        let mac = hmac::sign(&self.0, format!("{PURPOSE}{text}").as_bytes());
        JobToken::parse(&format!("{text};{}", hex(mac.as_ref()))).expect("ids, digits and digests are short visible ASCII")
    }

    /// What a token says, if it is ours, of this worker, and its time is not over.
    pub(crate) fn verify(&self, token: &str, by: &str, now_ms: u64) -> Result<JobGrant, JobRefused> {
        let (text, mac) = token.rsplit_once(';').ok_or(JobRefused::Forged)?;
        let mac = unhex(mac).ok_or(JobRefused::Forged)?;
        hmac::verify(&self.0, format!("{PURPOSE}{text}").as_bytes(), &mac).map_err(|_| JobRefused::Forged)?;
        let [job, source, expires, claim, worker_of] = text.split(';').collect::<Vec<_>>()[..] else { return Err(JobRefused::Forged) };
        let grant = JobGrant {
            job: job.parse().map_err(|_| JobRefused::Forged)?,
            source_sha256: source.parse().map_err(|_| JobRefused::Forged)?,
            expires_ms: expires.parse().map_err(|_| JobRefused::Forged)?,
            claim: u64::from_str_radix(claim, 16).map_err(|_| JobRefused::Forged)?,
        };
        if worker_of != worker(by) {
            return Err(JobRefused::OtherWorker);
        }
        if now_ms >= grant.expires_ms { Err(JobRefused::Expired) } else { Ok(grant) }
    }
}

/// A number that no other claim has, as good as certainly.
pub(crate) fn new_claim() -> u64 {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).expect("as for a key");
    u64::from_le_bytes(bytes)
}

/// A worker's name in tokens: its digest, whatever it holds.
fn worker(by: &str) -> String {
    hex(digest::digest(&digest::SHA256, by.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    text.parse::<Sha256>().ok().map(|bytes| *bytes.as_bytes())
}

impl fmt::Debug for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JobKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_790_000_000_000;

    fn grant() -> JobGrant {
        let longest = format!("{}/{}/{}/{}", "t".repeat(43), "x".repeat(63), u64::MAX, u32::MAX);
        JobGrant { job: longest.parse().unwrap(), source_sha256: Sha256::new([7; 32]), expires_ms: NOW + 1, claim: 5 }
    }

    #[test]
    fn a_token_holds_for_its_worker_until_its_end() {
        let key = JobKey::random();
        let token = key.mint(&grant(), "SYSTEM w@idp compiling");
        assert_eq!(key.verify(token.as_str(), "SYSTEM w@idp compiling", NOW), Ok(grant()));
        assert_eq!(key.verify(token.as_str(), "SYSTEM w@idp compiling", NOW + 1), Err(JobRefused::Expired));
        assert_eq!(key.verify(token.as_str(), "SYSTEM v@idp compiling", NOW), Err(JobRefused::OtherWorker));
        assert_eq!(JobKey::random().verify(token.as_str(), "SYSTEM w@idp compiling", NOW), Err(JobRefused::Forged));
    }

    /// Every change of one byte, every cut, and other forms: forged, whatever else they claim.
    #[test]
    fn whatever_was_changed_is_forged() {
        let key = JobKey::random();
        let token = key.mint(&grant(), "w");
        let token = token.as_str();
        for at in 0..token.len() {
            let mut other = token.as_bytes().to_vec();
            other[at] = if other[at] == b'1' { b'2' } else { b'1' };
            assert_eq!(key.verify(std::str::from_utf8(&other).unwrap(), "w", NOW), Err(JobRefused::Forged), "byte {at}");
            assert_eq!(key.verify(&token[..at], "w", NOW), Err(JobRefused::Forged), "cut at {at}");
        }
        let (text, mac) = token.rsplit_once(';').unwrap();
        let forms = [
            String::new(),
            ";".into(),
            format!("{text};"),
            format!("{text};{}", mac.to_uppercase()),
            format!("{token};{mac}"),
            format!("{text};{text};{mac}"),
            "é;é".into(),
        ];
        for other in forms {
            assert_eq!(key.verify(&other, "w", NOW), Err(JobRefused::Forged), "{other}");
        }
        // A MAC of the same text for another purpose.
        let bare = hmac::sign(&key.0, text.as_bytes());
        assert_eq!(key.verify(&format!("{text};{}", hex(bare.as_ref())), "w", NOW), Err(JobRefused::Forged));
    }

    #[test]
    fn keys_are_read_from_files_and_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        assert!(matches!(JobKey::read(&path), Err(JobKeyError::Read(_))));
        for short in [&b""[..], &[b'x'; 31], b"                                        \n"] {
            std::fs::write(&path, short).unwrap();
            assert!(matches!(JobKey::read(&path), Err(JobKeyError::Length)));
        }
        std::fs::write(&path, [b'x'; 32]).unwrap();
        let one = JobKey::read(&path).unwrap();
        std::fs::write(&path, [&[b'x'; 32][..], b"\n"].concat()).unwrap();
        let other = JobKey::read(&path).unwrap();
        assert!(other.verify(one.mint(&grant(), "w").as_str(), "w", NOW).is_ok(), "one key at two registries");
        assert_eq!(format!("{one:?}"), "JobKey(…)");
        std::fs::write(&path, vec![b'x'; 5_000]).unwrap();
        assert!(matches!(JobKey::read(&path), Err(JobKeyError::Length)));
    }
}
