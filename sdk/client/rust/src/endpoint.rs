//! Where a host listens.

use std::{fmt, path::PathBuf, str::FromStr};

use http::Uri;

/// A TCP address (`http://host:port`, `https://host:port`) or a Unix socket (`unix:PATH`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// `http://host:port`, or with TLS `https://host:port`.
    Tcp(Uri),
    /// A Unix socket.
    Unix(PathBuf),
}

/// A text that is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no server address; use http://HOST:PORT, https://HOST:PORT or unix:PATH")]
pub struct EndpointError {
    text: String,
}

impl Endpoint {
    /// Whether it is reached with TLS.
    #[must_use]
    pub fn is_secured(&self) -> bool {
        matches!(self, Self::Tcp(uri) if uri.scheme_str() == Some("https"))
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let wrong = || EndpointError { text: text.chars().take(256).collect() };
        if let Some(path) = text.strip_prefix("unix:") {
            // `unix:///run/x` is the same socket in URL form.
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { Err(wrong()) } else { Ok(Self::Unix(path.into())) };
        }
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let bare_path = matches!(uri.path_and_query().map(|path| path.as_str()), None | Some("/"));
        let plain = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty()) && bare_path;
        // Credentials in an address would end in logs.
        let anonymous = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        if plain && anonymous { Ok(Self::Tcp(uri)) } else { Err(wrong()) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(uri) => f.write_str(uri.to_string().trim_end_matches('/')),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_sockets_are_read() {
        for (text, shown) in [
            ("http://127.0.0.1:7400", "http://127.0.0.1:7400"),
            ("http://[::1]:7400/", "http://[::1]:7400"),
            ("http://runtime.extensions:80", "http://runtime.extensions:80"),
            ("https://runtime.extensions:7400/", "https://runtime.extensions:7400"),
            ("unix:/run/ext.sock", "unix:/run/ext.sock"),
            ("unix:///run/ext.sock", "unix:/run/ext.sock"),
            ("unix:relative.sock", "unix:relative.sock"),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "127.0.0.1:7400",
            "ftp://host:1",
            "http://",
            "https://",
            "https://u:p@host:1",
            "http://host/path",
            "http://u:p@host:1",
            "unix:",
            "http://host:1?x=1",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
