//! Proof that what was heard was said by a program of the environment.
//!
//! A sealed text is `1 <mac> <payload>`: HMAC-SHA256 in hex, or `-` where the
//! environment has no key. The MAC covers environment, kind of message and its
//! name, so that nothing said in one place can be repeated in another.

use std::{fmt, path::Path};

use aws_lc_rs::hmac;
use extensions_service::Followed;
use extensions_types::Environment;

use crate::SettingsError;

/// As many as the MAC has: less could be guessed.
pub(crate) const KEY_BYTES_MIN: usize = 32;
/// Apart from whatever else a key might be used for.
const DOMAIN: &[u8] = b"ameide-extensions redis v1";
const MAC_HEX_BYTES: usize = 64;

/// What a message is, for its MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    Change,
    Heartbeat { host: &'a str },
}

/// How far a message may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Its MAC fits.
    Authenticated,
    /// This program has no key for the environment: anyone who reaches Redis could have said it.
    Unauthenticated,
}

/// Why a text is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsealed {
    /// Not of our form.
    Malformed,
    /// No MAC, or one of another key, environment or name.
    Unauthenticated,
}

/// A key that could be guessed.
#[derive(Debug, thiserror::Error)]
#[error("{bytes} bytes are no key, which has at least {KEY_BYTES_MIN}; make one with `head -c 32 /dev/urandom > FILE`")]
struct ShortKey {
    bytes: usize,
}

/// An environment's shared secret as its file holds it now, or none.
#[derive(Clone)]
pub(crate) struct Seal {
    env: Environment,
    key: Option<Followed<hmac::Key>>,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").field("env", &self.env).field("keyed", &self.key.is_some()).finish()
    }
}

impl Seal {
    /// Without a key.
    pub(crate) const fn open(env: Environment) -> Self {
        Self { env, key: None }
    }

    /// Reads the key of `setting` from its file, and follows it.
    pub(crate) fn read(env: Environment, setting: &str, path: &Path) -> Result<Self, SettingsError> {
        let key = Followed::file(path, |bytes: &[u8]| {
            let long = bytes.len() >= KEY_BYTES_MIN;
            long.then(|| hmac::Key::new(hmac::HMAC_SHA256, bytes)).ok_or(ShortKey { bytes: bytes.len() })
        });
        let key = key.map_err(|source| SettingsError::Key { setting: setting.to_owned(), source })?;
        Ok(Self { env, key: Some(key) })
    }

    pub(crate) const fn is_keyed(&self) -> bool {
        self.key.is_some()
    }

    /// `payload` with proof of who says it.
    pub(crate) fn seal(&self, said: Said<'_>, payload: &str) -> String {
        match &self.key {
            Some(key) => format!("1 {} {payload}", hex(hmac::sign(&key.current(), &self.covered(said, payload)).as_ref())),
            None => format!("1 - {payload}"),
        }
    }

    /// The payload of what was heard.
    pub(crate) fn unseal<'a>(&self, said: Said<'_>, heard: &'a [u8]) -> Result<(&'a str, Trust), Unsealed> {
        let text = std::str::from_utf8(heard).map_err(|_| Unsealed::Malformed)?;
        let (mac, payload) = text.strip_prefix("1 ").and_then(|rest| rest.split_once(' ')).ok_or(Unsealed::Malformed)?;
        let Some(key) = &self.key else {
            return Ok((payload, Trust::Unauthenticated));
        };
        let mac = unhex(mac).ok_or(Unsealed::Unauthenticated)?;
        hmac::verify(&key.current(), &self.covered(said, payload), &mac).map_err(|_| Unsealed::Unauthenticated)?;
        Ok((payload, Trust::Authenticated))
    }

    /// Every part ends with a zero byte, which none of them can contain.
    fn covered(&self, said: Said<'_>, payload: &str) -> Vec<u8> {
        let (kind, name) = match said {
            Said::Change => ("change", ""),
            Said::Heartbeat { host } => ("heartbeat", host),
        };
        [DOMAIN, self.env.as_str().as_bytes(), kind.as_bytes(), name.as_bytes(), payload.as_bytes()].join(&0)
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).map(char::from).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() != MAC_HEX_BYTES || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use extensions_types::with_causes;

    use super::*;

    const HOST: Said<'_> = Said::Heartbeat { host: "a-1" };

    pub(crate) fn with(env: Environment, key: &[u8]) -> Seal {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, key).unwrap();
        Seal::read(env, "key_file", &path).unwrap()
    }

    fn keyed(env: Environment) -> Seal {
        with(env, &[7; 32])
    }

    #[test]
    fn what_was_sealed_is_what_is_heard() {
        let sealed = keyed(Environment::Dev).seal(HOST, "{}");
        assert_eq!(keyed(Environment::Dev).unseal(HOST, sealed.as_bytes()), Ok(("{}", Trust::Authenticated)));
        let open = Seal::open(Environment::Dev);
        assert_eq!(open.unseal(HOST, open.seal(HOST, "{}").as_bytes()), Ok(("{}", Trust::Unauthenticated)));
        assert_eq!(open.unseal(HOST, sealed.as_bytes()), Ok(("{}", Trust::Unauthenticated)), "without a key everybody is believed alike");
    }

    #[test]
    fn nothing_is_believed_elsewhere_or_changed() {
        let seal = keyed(Environment::Dev);
        let sealed = seal.seal(HOST, "{\"seq\":1}");
        let refused = |seal: &Seal, said, text: &str| assert_eq!(seal.unseal(said, text.as_bytes()), Err(Unsealed::Unauthenticated), "{text}");
        refused(&keyed(Environment::Prod), HOST, &sealed);
        refused(&with(Environment::Dev, &[8; 32]), HOST, &sealed);
        refused(&seal, Said::Heartbeat { host: "b-1" }, &sealed);
        refused(&seal, Said::Change, &sealed);
        refused(&seal, HOST, &sealed.replace("1}", "2}"));
        refused(&seal, HOST, &Seal::open(Environment::Dev).seal(HOST, "{}"));
        refused(&seal, HOST, &format!("1 {} {{}}", "é".repeat(32)));
    }

    #[test]
    fn what_is_no_message_is_malformed() {
        for text in [&b""[..], b"1", b"2 - {}", b"{}", b"\xff\xfe", b"1 -"] {
            assert_eq!(keyed(Environment::Dev).unseal(Said::Change, text), Err(Unsealed::Malformed), "{text:?}");
        }
    }

    #[test]
    fn a_key_file_holds_enough() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let read = || Seal::read(Environment::Dev, "key_file", &path);
        assert!(matches!(read(), Err(SettingsError::Key { .. })), "there is none");
        fs::write(&path, [1; 31]).unwrap();
        let short = with_causes(&read().unwrap_err());
        assert!(short.contains("redis.key_file") && short.contains("31 bytes"), "{short}");
        fs::write(&path, [1; 32]).unwrap();
        let seal = read().unwrap();
        let first = seal.seal(HOST, "{}");
        fs::write(&path, [2; 32]).unwrap();
        seal.key.as_ref().unwrap().look();
        assert_ne!(seal.seal(HOST, "{}"), first, "a replaced key is in force without a restart");
    }
}
