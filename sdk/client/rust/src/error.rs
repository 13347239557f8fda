//! How a call can fail, as far as a caller can tell.

use std::{error::Error, fmt, time::Duration};

use extensions_tls::HandshakeError;
use extensions_types::{ErrorCode, Version};
use tonic::{Status, transport};

use crate::Stats;

/// Why there is no answer of the extension.
#[derive(Debug)]
pub enum InvokeError {
    /// The extension ran and this is its outcome.
    Outcome(Box<Outcome>),
    /// The platform refused the call: it did not run, or its time ran out.
    Refused(Box<Refused>),
    /// The host was not reached, or the connection broke.
    Unreachable {
        /// Whether the call may have run all the same.
        sent: bool,
        /// What the transport said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server offers no such service: a host without a registry, or the reverse.
    Absent {
        /// What the server said.
        message: String,
    },
    /// What answered does not speak our protocol.
    Protocol {
        /// What was unexpected.
        message: String,
    },
}

/// An extension's own failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// A code that travels as an answer: REJECTED, TRAP, CPU_LIMIT …
    pub code: ErrorCode,
    /// One sentence for whoever reads the error.
    pub message: String,
    /// The version that ran.
    pub served_version: Option<Version>,
    /// What it cost, where the answer says.
    pub stats: Option<Stats>,
    /// The id under which the platform's logs tell more.
    pub correlation: Option<String>,
}

/// A refusal by the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// A code that travels as a status: NOT_FOUND, OVERLOADED, DEADLINE …
    pub code: ErrorCode,
    /// One sentence that says what to do.
    pub message: String,
    /// When a retry makes sense.
    pub retry_after: Option<Duration>,
    /// The id under which the platform's logs tell more.
    pub correlation: Option<String>,
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outcome(outcome) => write!(f, "{}: {}", outcome.code, outcome.message),
            Self::Refused(refused) => write!(f, "{}: {}", refused.code, refused.message),
            Self::Unreachable { .. } => f.write_str("cannot reach the server"),
            Self::Absent { message } => write!(f, "the server does not offer this: {message}"),
            Self::Protocol { message } => f.write_str(message),
        }
    }
}

impl Error for InvokeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable { source, .. } => Some(cause_in_words(&**source)),
            Self::Outcome(_) | Self::Refused(_) | Self::Absent { .. } | Self::Protocol { .. } => None,
        }
    }
}

/// The first cause that speaks for itself: a status prints what is behind it as
/// code, and "transport error" says nothing.
fn cause_in_words<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    match error.source() {
        Some(cause) if error.is::<Status>() || error.is::<transport::Error>() => cause_in_words(cause),
        Some(_) | None => error,
    }
}

impl InvokeError {
    /// The platform's code for it; none where the platform did not speak.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Outcome(outcome) => Some(outcome.code),
            Self::Refused(refused) => Some(refused.code),
            Self::Unreachable { .. } | Self::Absent { .. } | Self::Protocol { .. } => None,
        }
    }

    /// What a server's certificate, or ours, lacked; none where something else was wrong.
    #[must_use]
    pub fn handshake(&self) -> Option<&HandshakeError> {
        let mut cause: Option<&(dyn Error + 'static)> = Some(self);
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            cause = error.source();
        }
        None
    }

    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Self::Protocol { message: message.into() }
    }

    pub(crate) fn refused(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Refused(Box::new(Refused { code, message: message.into(), retry_after: None, correlation: None }))
    }

    /// The caller's own time ran out before any answer came.
    pub(crate) fn deadline() -> Self {
        Self::refused(ErrorCode::Deadline, "no answer came within the call's timeout; the call may have run")
    }

    /// A code as it arrived; a newer platform may have codes that we lack.
    pub(crate) fn code_of(text: &str) -> Result<ErrorCode, Self> {
        text.parse().map_err(|_| {
            let shown: String = text.chars().filter(|c| c.is_ascii_graphic()).take(64).collect();
            Self::protocol(format!("the server answered with code `{shown}`, which this client does not know; update the client"))
        })
    }
}

/// An optional text of the wire: empty means none.
pub(crate) fn given(text: String) -> Option<String> {
    if text.is_empty() { None } else { Some(text) }
}

#[cfg(test)]
mod tests {
    use std::io;

    use extensions_types::with_causes;
    use tonic::ConnectError;

    use super::*;

    fn unreachable(status: Status) -> String {
        with_causes(&InvokeError::Unreachable { sent: false, source: Box::new(status) })
    }

    #[test]
    fn causes_are_told_in_words() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let status = Status::from_error(Box::new(ConnectError(Box::new(refused))));
        assert_eq!(unreachable(status), "cannot reach the server: connection refused");
        let alone = unreachable(Status::unavailable("a proxy's word"));
        assert!(alone.contains("a proxy's word"), "{alone}");
    }
}
