//! Which names a client's certificate proves.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use tokio_rustls::{rustls::pki_types::CertificateDer, server::TlsStream};
use x509_parser::{extensions::GeneralName, prelude::FromDer as _, prelude::X509Certificate};

/// Names of one certificate that are looked at: a workload has one or two.
const NAMES_MAX: usize = 32;
/// A DNS name has at most 253 bytes, a SPIFFE id fits well.
const NAME_BYTES_MAX: usize = 512;

/// A name that a client's certificate can have: a DNS name, or with a colon in
/// it a URI (`spiffe://…`). Compared whole: a wildcard is nobody's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PeerName(Name);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Name {
    Dns(String),
    Uri(String),
}

/// What is no name of a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name of a client's certificate: a DNS name without wildcard, or a URI, at most {NAME_BYTES_MAX} bytes")]
pub struct NotAPeerName(String);

impl FromStr for PeerName {
    type Err = NotAPeerName;

    fn from_str(text: &str) -> Result<Self, NotAPeerName> {
        let is_uri = text.contains(':');
        let fits = |byte: u8| if is_uri { byte.is_ascii_graphic() } else { byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') };
        if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.bytes().all(fits) {
            return Err(NotAPeerName(text.chars().take(NAME_BYTES_MAX).collect()));
        }
        Ok(Self(if is_uri { Name::Uri(text.to_owned()) } else { Name::Dns(text.to_ascii_lowercase()) }))
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Name::Dns(text) | Name::Uri(text) => f.write_str(text),
        }
    }
}

impl TryFrom<String> for PeerName {
    type Error = NotAPeerName;

    fn try_from(text: String) -> Result<Self, NotAPeerName> {
        text.parse()
    }
}

impl From<PeerName> for String {
    fn from(name: PeerName) -> Self {
        name.to_string()
    }
}

/// The subjectAltNames of a client's verified certificate; none where there is no certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerNames(Box<[PeerName]>);

impl PeerNames {
    /// Those of the client at the other end, whose certificate the handshake has verified.
    #[must_use]
    pub fn of<S>(stream: &TlsStream<S>) -> Self {
        stream.get_ref().1.peer_certificates().and_then(<[_]>::first).map_or_else(Self::default, Self::of_certificate)
    }

    fn of_certificate(certificate: &CertificateDer<'_>) -> Self {
        // The handshake has read it before; what this reader cannot read proves nothing.
        let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return Self::default() };
        let Ok(Some(names)) = certificate.subject_alternative_name() else { return Self::default() };
        let known = names.value.general_names.iter().take(NAMES_MAX).filter_map(|name| match name {
            GeneralName::DNSName(text) if !text.contains(':') => text.parse().ok(),
            GeneralName::URI(text) if text.contains(':') => text.parse().ok(),
            _ => None,
        });
        Self(known.collect())
    }

    /// Whether one of `wanted` is among them.
    #[must_use]
    pub fn any_of(&self, wanted: &[PeerName]) -> bool {
        self.0.iter().any(|name| wanted.contains(name))
    }
}

impl FromIterator<PeerName> for PeerNames {
    fn from_iter<I: IntoIterator<Item = PeerName>>(names: I) -> Self {
        Self(names.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PeerName {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_compared_whole_and_by_their_kind() {
        let names: PeerNames = [name("Orders.Example"), name("spiffe://example/orders")].into_iter().collect();
        for (wanted, proved) in [
            ("orders.example", true),
            ("ORDERS.example", true),
            ("spiffe://example/orders", true),
            ("spiffe://example/Orders", false),
            ("spiffe://example/orders/", false),
            ("example", false),
            ("billing.example", false),
        ] {
            assert_eq!(names.any_of(&[name(wanted)]), proved, "{wanted}");
        }
        assert!(!names.any_of(&[]) && !PeerNames::default().any_of(&[name("orders.example")]));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", "*.example", "a b", "ü.example", "a\n", &"x".repeat(513), "spiffe://a b"] {
            assert!(text.parse::<PeerName>().is_err(), "{text:?}");
        }
        assert_eq!(name("A.b").to_string(), "a.b");
    }
}
