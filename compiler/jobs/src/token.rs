//! What a worker shows beside its credential: that this very attempt is its own.

use std::fmt;

/// Bytes of a token: job, digest, expiry and a MAC fit several times.
pub const TOKEN_BYTES_MAX: usize = 512;

/// Opaque to the worker; the registry has put a MAC over job, attempt, source
/// and expiry into it. Not shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct JobToken(Box<str>);

/// A text that cannot be a token: empty, longer than [`TOKEN_BYTES_MAX`], or not visible ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a job token has 1 to {TOKEN_BYTES_MAX} visible ASCII characters")]
pub struct NotAToken;

impl JobToken {
    /// Takes a token as the registry gave it; whether it holds is the registry's to say.
    ///
    /// # Errors
    /// When no registry could have given it.
    pub fn parse(text: &str) -> Result<Self, NotAToken> {
        let visible = !text.is_empty() && text.len() <= TOKEN_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
        if visible { Ok(Self(text.into())) } else { Err(NotAToken) }
    }

    /// The text that the registry gave.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for JobToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JobToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_short_visible_and_not_shown() {
        let token = JobToken::parse("acme/x/1/1.abc").unwrap();
        assert_eq!(token.as_str(), "acme/x/1/1.abc");
        assert!(!format!("{token:?}").contains("abc"));
        for wrong in ["", "a b", "a\n", "é", &"x".repeat(TOKEN_BYTES_MAX + 1)] {
            assert_eq!(JobToken::parse(wrong), Err(NotAToken), "{wrong:?}");
        }
    }
}
