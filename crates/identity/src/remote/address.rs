//! Where an issuer's keys may be fetched from.

use std::net::IpAddr;

use http::{Uri, uri::Scheme};

const URL_BYTES_MAX: usize = 2_048;

/// The address in `url`: `https://` anywhere, `http://` on this machine alone.
/// The error says what is wrong with it.
pub(crate) fn checked(url: &str) -> Result<Uri, &'static str> {
    if url.len() > URL_BYTES_MAX || url.contains('#') {
        return Err("it must be at most 2048 bytes, without a fragment");
    }
    let uri: Uri = url.parse().map_err(|_| "it is no URL")?;
    let authority = uri.authority().ok_or("it must be a whole URL with scheme and host")?;
    if authority.as_str().contains('@') {
        return Err("names and passwords do not belong in it");
    }
    let host = authority.host();
    match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => Ok(uri),
        Some(scheme) if *scheme == Scheme::HTTP && is_this_machine(host) => Ok(uri),
        Some(scheme) if *scheme == Scheme::HTTP => Err("use https://; http:// is for addresses of this machine (127.0.0.1) alone"),
        _ => Err("it must begin with https://"),
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_tls_or_from_this_machine() {
        for good in ["https://id.example/jwks", "https://id.example:8443/a?b=c", "http://127.0.0.1:1/x", "http://[::1]/x", "http://localhost/x"] {
            assert!(checked(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/jwks",
            "id.example",
            "http://id.example/jwks",
            "http://127.0.0.1.evil.example/",
            "http://10.0.0.1/",
            "ftp://id.example/",
            "file:///etc/jwks",
            "https://user:pass@id.example/",
            "http://127.0.0.1@evil.example/",
            "https://id.example/#x",
            &format!("https://id.example/{}", "x".repeat(2_048)),
        ] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }
}
