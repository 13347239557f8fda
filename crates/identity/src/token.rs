//! The outer form of a JWT: three parts, a header, claims.
//!
//! Nothing here is trusted yet; it only bounds and parses.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, de::IgnoredAny};

use crate::{Claims, VerifyError};

/// The longest token looked at: headers of HTTP servers are bounded alike.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// A token taken apart.
pub(crate) struct Token<'t> {
    /// Header and claims as signed.
    pub(crate) message: &'t str,
    /// The signature, base64url.
    pub(crate) signature: &'t str,
    pub(crate) header: Header,
    pub(crate) claims: Claims,
}

/// The members of a JOSE header that decide something.
#[derive(Deserialize)]
pub(crate) struct Header {
    pub(crate) alg: String,
    pub(crate) kid: Option<String>,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
}

impl<'t> Token<'t> {
    pub(crate) fn parse(token: &'t str) -> Result<Self, VerifyError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(VerifyError::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(VerifyError::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(VerifyError::Malformed)?;
        // A further dot fails as base64.
        let header: Header = part(header)?;
        header.check()?;
        Ok(Self { message, signature, header, claims: part(claims)? })
    }
}

impl Header {
    /// Extensions that must be understood are not (`crit`), and a JWT of
    /// another purpose (`typ`) is not taken for an access token.
    fn check(&self) -> Result<(), VerifyError> {
        let typ_fits = self.typ.as_deref().is_none_or(|typ| {
            let name = typ.strip_prefix("application/").unwrap_or(typ);
            name.eq_ignore_ascii_case("JWT") || name.eq_ignore_ascii_case("at+jwt")
        });
        if typ_fits && self.crit.is_none() { Ok(()) } else { Err(VerifyError::Malformed) }
    }
}

fn part<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, VerifyError> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| VerifyError::Malformed)?;
    // A list of values, in the order in which we name them, would be read as well.
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(VerifyError::Malformed);
    }
    serde_json::from_slice(&json).map_err(|_| VerifyError::Malformed)
}
