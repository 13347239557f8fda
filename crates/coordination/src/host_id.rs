//! A host's name in its fleet.

use std::fmt;

use aws_lc_rs::rand;
use serde::{Deserialize, Serialize};

/// A key's part, and a column for people.
const BYTES_MAX: usize = 80;
/// Of a name, so that name and suffix fit.
const NAME_BYTES_MAX: usize = 64;

/// Name and 8 hex digits of this start: `[A-Za-z0-9._-]`, 1 to 80 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostId(String);

/// What is no host's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no host's id: 1 to {BYTES_MAX} of A-Z, a-z, 0-9, `.`, `_` and `-`")]
pub struct NotAHostId(String);

impl HostId {
    /// The id of a start that begins now. `name` is the configured one or the
    /// machine's; whatever cannot stand in an id becomes `-`.
    #[must_use]
    pub fn of_this_start(name: &str) -> Self {
        let mut random = [0; 4];
        rand::fill(&mut random).expect("the operating system gives random bytes");
        let fitting = |char: char| if char.is_ascii() && fits(char as u8) { char } else { '-' };
        let name: String = name.chars().take(NAME_BYTES_MAX).map(fitting).collect();
        let name = if name.is_empty() { "host" } else { &name };
        Self(format!("{name}-{:08x}", u32::from_be_bytes(random)))
    }

    /// An id that somebody gave.
    ///
    /// # Errors
    /// When it is outside the grammar.
    pub fn parse(text: &str) -> Result<Self, NotAHostId> {
        if text.is_empty() || text.len() > BYTES_MAX || !text.bytes().all(fits) {
            return Err(NotAHostId(text.chars().take(BYTES_MAX).collect()));
        }
        Ok(Self(text.to_owned()))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn fits(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for HostId {
    type Error = NotAHostId;

    fn try_from(text: String) -> Result<Self, NotAHostId> {
        Self::parse(&text)
    }
}

impl From<HostId> for String {
    fn from(id: HostId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_start_has_an_id_of_its_own() {
        let (one, two) = (HostId::of_this_start("node.example"), HostId::of_this_start("node.example"));
        assert!(one.as_str().starts_with("node.example-") && one.as_str().len() == 21, "{one}");
        assert_ne!(one, two);
    }

    #[test]
    fn any_name_becomes_an_id() {
        for name in ["", "a:b c", "größe", &"x".repeat(500)] {
            let id = HostId::of_this_start(name);
            assert_eq!(HostId::parse(id.as_str()), Ok(id), "{name}");
        }
        for text in ["", "a:b", "a*", "a b", &"x".repeat(81)] {
            assert!(HostId::parse(text).is_err(), "{text}");
        }
    }
}
