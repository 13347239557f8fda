//! Certificates and keys from PEM texts, and what can be said against them now.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio_rustls::rustls::{
    Error, InconsistentKeys, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use x509_parser::{certificate::X509Certificate, extensions::ParsedExtension, prelude::FromDer as _, time::ASN1Time};

use crate::{TlsError, provider};

/// A server's certificate and those between it and the authority: seldom more than three.
const CHAIN_MAX: usize = 16;
/// A machine's own list has some 150.
const AUTHORITIES_MAX: usize = 1_000;

/// A certificate with its key, and when the first of its chain ends.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) certified: Arc<CertifiedKey>,
    pub(crate) ends: SystemTime,
}

/// Whose certificate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Server,
    Client,
}

/// Reads a pair that works now.
pub(crate) fn identity((cert, cert_pem): (&Path, &[u8]), (key, key_pem): (&Path, &[u8]), end: End) -> Result<Identity, TlsError> {
    let chain = certificates(cert, cert_pem, CHAIN_MAX)?;
    let mut ends = None::<SystemTime>;
    for (number, one) in chain.iter().enumerate() {
        let parsed = parsed(cert, one)?;
        in_time(cert, &parsed)?;
        if number == 0 && end == End::Server && !names_hosts(&parsed) {
            return Err(TlsError::NoNames { path: cert.to_owned() });
        }
        let its_end = time(parsed.validity().not_after);
        ends = Some(ends.map_or(its_end, |before| before.min(its_end)));
    }
    let private = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| TlsError::NotPem { path: key.to_owned(), what: "private key" })?;
    let certified = CertifiedKey::from_der(chain, private, &provider()).map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::OtherKey { cert: cert.to_owned(), key: key.to_owned() },
        source => TlsError::Unusable { path: key.to_owned(), source },
    })?;
    Ok(Identity { certified: Arc::new(certified), ends: ends.unwrap_or(UNIX_EPOCH) })
}

/// Authorities of the other end; at least one of them must be valid now.
pub(crate) fn authorities(path: &Path, pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    let (mut ended, mut valid) = (None, false);
    for one in certificates(path, pem, AUTHORITIES_MAX)? {
        match in_time(path, &parsed(path, &one)?) {
            Ok(()) => valid = true,
            Err(error) => ended = Some(error),
        }
        store.add(one).map_err(|source| TlsError::Unusable { path: path.to_owned(), source })?;
    }
    match ended {
        Some(error) if !valid => Err(error),
        _ => Ok(store),
    }
}

/// The machine's own list of authorities.
pub(crate) fn machines_authorities() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(found.certs);
    if store.is_empty() {
        let problem = found.errors.first().map_or_else(|| "none was found".to_owned(), ToString::to_string);
        return Err(TlsError::NoAuthorities { problem });
    }
    Ok(store)
}

fn certificates(path: &Path, pem: &[u8], max: usize) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let not_pem = || TlsError::NotPem { path: path.to_owned(), what: "certificate" };
    let read: Vec<_> = CertificateDer::pem_slice_iter(pem).take(max + 1).collect::<Result<_, _>>().map_err(|_| not_pem())?;
    match read.len() {
        0 => Err(not_pem()),
        count if count > max => Err(TlsError::TooMany { path: path.to_owned(), max }),
        _ => Ok(read),
    }
}

fn parsed<'c>(path: &Path, der: &'c CertificateDer<'_>) -> Result<X509Certificate<'c>, TlsError> {
    let read = X509Certificate::from_der(der);
    read.map(|(_, certificate)| certificate).map_err(|error| TlsError::NotACertificate { path: path.to_owned(), problem: error.to_string() })
}

fn in_time(path: &Path, certificate: &X509Certificate<'_>) -> Result<(), TlsError> {
    let (validity, now, path) = (certificate.validity(), ASN1Time::now(), PathBuf::from(path));
    if now < validity.not_before {
        Err(TlsError::NotYetValid { path, at: validity.not_before.to_string() })
    } else if now > validity.not_after {
        Err(TlsError::Expired { path, at: validity.not_after.to_string() })
    } else {
        Ok(())
    }
}

/// Clients look at the names in subjectAltName alone.
fn names_hosts(certificate: &X509Certificate<'_>) -> bool {
    let names =
        |extension: &ParsedExtension<'_>| matches!(extension, ParsedExtension::SubjectAlternativeName(names) if !names.general_names.is_empty());
    certificate.extensions().iter().any(|extension| names(extension.parsed_extension()))
}

fn time(at: ASN1Time) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(at.timestamp()).unwrap_or(0))
}
