//! Query parameters: a known set per route, each at most once.
//!
//! An unknown key is refused by name: a misspelt `verison` must not silently
//! run something else.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::refused::Refused;

/// Values in the order of `keys`; none where a key is absent.
pub(crate) fn parse<'q, const N: usize>(query: Option<&'q str>, keys: [&'static str; N]) -> Result<[Option<Cow<'q, str>>; N], Refused> {
    let mut values = [const { None }; N];
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = decode(key)?;
        let Some(at) = keys.iter().position(|known| *known == key) else {
            let shown: String = key.chars().take(64).collect();
            return Err(Refused::bad_request(format!("unknown query parameter {shown:?}; known are {}", keys.join(", "))));
        };
        if values[at].replace(decode(value)?).is_some() {
            return Err(Refused::bad_request(format!("query parameter {key} is given twice")));
        }
    }
    Ok(values)
}

/// Percent-encoding, and `+` for a space as forms have it.
fn decode(text: &str) -> Result<Cow<'_, str>, Refused> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|_| Refused::bad_request("a query parameter is not UTF-8"))?;
    Ok(Cow::Owned(decoded.into_owned()))
}

/// A number, or what to send instead.
pub(crate) fn number<T: std::str::FromStr>(name: &str, value: Option<&str>) -> Result<Option<T>, Refused> {
    let parse = |text: &str| text.parse().map_err(|_| Refused::bad_request(format!("{name} must be a whole number")));
    value.filter(|text| !text.is_empty()).map(parse).transpose()
}

/// `true` or `false`; false when absent.
pub(crate) fn flag(name: &str, value: Option<&str>) -> Result<bool, Refused> {
    match value {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Refused::bad_request(format!("{name} must be true or false"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_keys_are_read_once() {
        let [point, env] = parse(Some("env=dev&point=Before%43reate+x&&"), ["point", "env"]).unwrap();
        assert_eq!((point.as_deref(), env.as_deref()), (Some("BeforeCreate x"), Some("dev")));
        assert_eq!(parse(None, ["point"]).unwrap(), [None]);
        assert_eq!(parse(Some("point"), ["point"]).unwrap()[0].as_deref(), Some(""));
    }

    #[test]
    fn the_rest_is_refused_by_name() {
        let message = |query| parse(Some(query), ["version", "env"]).unwrap_err().refusal.message;
        assert_eq!(message("verison=2"), "unknown query parameter \"verison\"; known are version, env");
        assert_eq!(message("env=a&env=b"), "query parameter env is given twice");
        assert_eq!(message("env=%ff"), "a query parameter is not UTF-8");
    }

    #[test]
    fn values_have_their_grammar() {
        assert_eq!(number::<u32>("timeout_ms", Some("5")).unwrap(), Some(5));
        assert_eq!(number::<u32>("timeout_ms", None).unwrap(), None);
        assert!(number::<u32>("timeout_ms", Some("-1")).is_err());
        assert!(number::<u32>("timeout_ms", Some("4294967296")).is_err());
        assert!(flag("follow", Some("true")).unwrap() && !flag("follow", None).unwrap());
        assert!(flag("follow", Some("yes")).is_err());
    }
}
