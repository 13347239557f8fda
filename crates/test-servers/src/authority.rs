//! Certificates for tests, signed by an authority of the test's own.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType};
use tempfile::TempDir;

use crate::ServerError;

const NAME: &str = "certificate authority";
const CA_FILE: &str = "ca.crt";
/// Longer than any test, and than clocks differ.
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Signs certificates; its files are gone with it.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    issued: AtomicU64,
    folder: TempDir,
}

/// When a certificate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// From yesterday to tomorrow.
    Now,
    /// It ended an hour ago.
    Expired,
    /// It begins in an hour.
    NotYet,
}

/// A certificate and its key, each a PEM file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The certificate.
    pub cert_file: PathBuf,
    /// Its private key, PKCS #8.
    pub key_file: PathBuf,
}

impl Authority {
    /// A new authority that nobody else trusts.
    ///
    /// # Errors
    /// When its certificate cannot be made or written.
    pub fn new() -> Result<Self, ServerError> {
        let failed = |source| ServerError::System { name: NAME, action: "make itself", source };
        let folder = tempfile::tempdir().map_err(failed)?;
        let mut params = CertificateParams::new(Vec::new()).map_err(|error| failed(io::Error::other(error)))?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        (params.not_before, params.not_after) = Validity::Now.between();
        let key = KeyPair::generate().map_err(|error| failed(io::Error::other(error)))?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(|error| failed(io::Error::other(error)))?;
        fs::write(folder.path().join(CA_FILE), issuer.pem()).map_err(failed)?;
        Ok(Self { issuer, issued: AtomicU64::new(0), folder })
    }

    /// The authority's own certificate: what a client must trust.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join(CA_FILE)
    }

    /// A certificate for servers and clients with these names, each a DNS name, an IP address or, with `://` in it, a URI.
    ///
    /// # Errors
    /// When a name is none, or the files cannot be written.
    pub fn issue(&self, names: &[&str], validity: Validity) -> Result<Pair, ServerError> {
        let folder = self.folder.path().join(self.issued.fetch_add(1, Ordering::Relaxed).to_string());
        fs::create_dir(&folder).map_err(|source| ServerError::System { name: NAME, action: "make a folder", source })?;
        let pair = Pair { cert_file: folder.join("server.crt"), key_file: folder.join("server.key") };
        self.renew(&pair, names, validity)?;
        Ok(pair)
    }

    /// Puts a new certificate with a new key in the place of a pair: each file changes at once, one after the other.
    ///
    /// # Errors
    /// As [`Authority::issue`].
    pub fn renew(&self, pair: &Pair, names: &[&str], validity: Validity) -> Result<(), ServerError> {
        let failed = |source| ServerError::System { name: NAME, action: "issue a certificate", source };
        let wrong = |error: rcgen::Error| failed(io::Error::other(error));
        let (uris, names): (Vec<_>, Vec<_>) = names.iter().map(|name| (*name).to_owned()).partition(|name| name.contains("://"));
        let mut params = CertificateParams::new(names).map_err(wrong)?;
        for uri in uris {
            params.subject_alt_names.push(SanType::URI(uri.try_into().map_err(wrong)?));
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = validity.between();
        let key = KeyPair::generate().map_err(wrong)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(wrong)?;
        replace(&pair.key_file, &key.serialize_pem()).map_err(failed)?;
        replace(&pair.cert_file, &certificate.pem()).map_err(failed)
    }
}

impl Validity {
    fn between<T: From<SystemTime>>(self) -> (T, T) {
        let (now, hour) = (SystemTime::now(), Duration::from_secs(3_600));
        let (from, to) = match self {
            Self::Now => (now - DAY, now + DAY),
            Self::Expired => (now - DAY, now - hour),
            Self::NotYet => (now + hour, now + DAY),
        };
        (from.into(), to.into())
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({})", self.folder.path().display())
    }
}

/// A reader sees the old file or the new one.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let made = file.with_extension("new");
    fs::write(&made, text)?;
    fs::rename(made, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_files_of_their_own_and_are_renewed_in_place() {
        let authority = Authority::new().unwrap();
        assert!(fs::read_to_string(authority.ca_file()).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
        let (one, two) = (authority.issue(&["localhost", "127.0.0.1"], Validity::Now).unwrap(), authority.issue(&["b"], Validity::Expired).unwrap());
        assert_ne!(one, two);
        let before = [fs::read(&one.cert_file).unwrap(), fs::read(&one.key_file).unwrap()];
        authority.renew(&one, &["localhost"], Validity::Now).unwrap();
        let after = [fs::read(&one.cert_file).unwrap(), fs::read(&one.key_file).unwrap()];
        assert!(before[0] != after[0] && before[1] != after[1]);
    }
}
