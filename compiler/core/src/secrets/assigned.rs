//! Literals that a name such as `password` gets, and passwords in URLs.

use super::{
    Secret,
    harmless::{VALUE_BYTES_MIN, is_placeholder, is_uuid, near},
};

/// Names of secrets, in lower case and without `_` and `-`, as they end.
const NAMES: [&str; 17] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "secretkey",
    "apikey",
    "apitoken",
    "accesstoken",
    "authtoken",
    "bearertoken",
    "refreshtoken",
    "privatekey",
    "clientsecret",
    "signingkey",
    "encryptionkey",
    "accesskey",
];
/// A literal that is a sentence is for people; a secret has no spaces.
const VALUE_BYTES_MAX: usize = 512;

/// Whether the literal `value` is the value of a secret's name, judged by the
/// text `before` it on its line: `password = `, `"api_key": `, `const TOKEN: &str = `.
pub(super) fn is_of_secret(before: &str, value: &str) -> bool {
    if value.len() < VALUE_BYTES_MIN || value.len() > VALUE_BYTES_MAX || is_placeholder(value) || !is_value(value) {
        return false;
    }
    name_of(near(before)).is_some_and(|name| is_secrets(&name))
}

/// No spaces, nothing that is a path, a name or a sentence, and not letters alone: those are words.
fn is_value(value: &str) -> bool {
    let words = value.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b':'));
    !words && !is_uuid(value) && value.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The name that something is assigned to by the end of `before`: lower case, letters and digits only.
fn name_of(before: &str) -> Option<String> {
    let mut text = before.trim_end();
    // `&`, `b` and the like stand before literals of some languages; `String::from(` and `.to_owned(` around them.
    text = text.trim_end_matches(['&', 'b', 'r', '#', '(']).trim_end();
    text = text.strip_suffix("String::from").unwrap_or(text).trim_end();
    text = text.strip_suffix(['=', ':', ',']).or_else(|| text.strip_suffix("=>"))?;
    text = text.trim_end_matches([':', '=', '>', ' ', '\t']);
    // A type between name and `=`: `TOKEN: &'static str`, `token: string`.
    if let Some((name, r#type)) = text.rsplit_once(':')
        && r#type.len() <= 24
        && r#type.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'&' | b'\'' | b'[' | b']'))
        && !name.ends_with(['"', '\''])
    {
        text = name;
    }
    text = text.strip_suffix(" string").unwrap_or(text);
    let text = text.trim_end().trim_end_matches(['"', '\'', '`', ']', ')']);
    let start = text.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).map_or(0, |place| place + 1);
    let name: String = text[start..].chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    (!name.is_empty()).then_some(name)
}

fn is_secrets(name: &str) -> bool {
    // `token` alone is a word of parsers, so it must be the whole name.
    name == "token" || NAMES.iter().any(|secret| name.ends_with(secret))
}

/// `scheme://user:password@host`, whose `://` stands at `place` of the text.
pub(super) fn in_url(text: &str, place: usize) -> Option<Secret<'_>> {
    const SEPARATOR: &str = "://";
    /// Of user and password.
    const BYTES_MAX: usize = 256;
    let rest = text.get(place..)?.strip_prefix(SEPARATOR)?;
    let end = rest.as_bytes().iter().take(BYTES_MAX).position(|&byte| byte == b'@' || !is_of_authority(byte))?;
    let authority = rest.get(..end)?;
    let (_, password) = authority.split_once(':')?;
    if rest.as_bytes()[end] != b'@' || password.len() < 4 || password.starts_with(['$', '{', '<', '%']) || is_common(password) {
        return None;
    }
    let start = place + SEPARATOR.len() + end - password.len();
    Some(Secret { what: "a password in a URL", value: password, start })
}

const fn is_of_authority(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'/' | b'"' | b'\'' | b'`' | b'?' | b'\\' | b'>' | b')')
}

/// Passwords of documents.
fn is_common(password: &str) -> bool {
    let lower = password.to_ascii_lowercase();
    matches!(lower.as_str(), "password" | "passwd" | "pass" | "secret" | "token")
        || ["example", "changeme", "xxxx", "your", "****"].iter().any(|part| lower.contains(part))
}
