//! The bearer token in a request's head.

use crate::VerifyError;

/// The token after `Bearer ` in the values of the header `authorization`;
/// none where there is no such header.
///
/// # Errors
/// `Header`, when there are several, or one is of another form.
pub fn bearer<'h>(values: impl IntoIterator<Item = &'h [u8]>) -> Result<Option<&'h str>, VerifyError> {
    let mut values = values.into_iter();
    let Some(one) = values.next() else { return Ok(None) };
    if values.next().is_some() || !one.is_ascii() {
        return Err(VerifyError::Header);
    }
    let text = std::str::from_utf8(one).map_err(|_| VerifyError::Header)?;
    let (scheme, token) = text.split_once(' ').ok_or(VerifyError::Header)?;
    let token = token.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() { Ok(Some(token)) } else { Err(VerifyError::Header) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'h>(values: &[&'h str]) -> Result<Option<&'h str>, VerifyError> {
        bearer(values.iter().map(|value| value.as_bytes()))
    }

    #[test]
    fn one_bearer_token_is_read() {
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&["Bearer abc.def"]), Ok(Some("abc.def")));
        assert_eq!(of(&["bearer  abc"]), Ok(Some("abc")));
    }

    #[test]
    fn anything_else_is_refused() {
        for values in [&["abc"][..], &["Bearer"], &["Bearer "], &["Basic abc"], &["Bearer a", "Bearer a"], &["Bearer ü"]] {
            assert_eq!(of(values), Err(VerifyError::Header), "{values:?}");
        }
    }
}
