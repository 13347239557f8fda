//! The commands of late: what makes a repeated one harmless.

use std::{collections::VecDeque, fmt, str::FromStr};

use extensions_types::{CallLabel, Sha256, Version};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256 as Hasher};

use crate::Actor;

/// Command ids are kept this long.
pub const COMMANDS_KEPT_MS: u64 = 24 * 60 * 60 * 1_000;
/// And at least this many, however old.
pub const COMMANDS_KEPT_MIN: usize = 1_000;

/// Commands that became events, the oldest first. What changed nothing is not
/// kept: asking it again decides anew.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Recent(VecDeque<Seen>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    id: Tag,
    content: Tag,
    seq: u64,
    at_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<Version>,
}

/// The first half of a SHA-256: enough to tell one caller's commands apart,
/// and half the size of a state that holds thousands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Tag([u8; 16]);

/// What is known of a command id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// The same command became this event.
    Same {
        /// The event.
        seq: u64,
        /// The version that it concerns.
        version: Option<Version>,
    },
    /// The id was used for something else.
    Other,
}

impl Recent {
    /// What became of `id` of this person.
    #[must_use]
    pub fn find(&self, actor: &Actor, id: &CallLabel, content: Sha256) -> Option<Repeat> {
        let tag = Tag::of_command(actor, id);
        let seen = self.0.iter().rev().find(|seen| seen.id == tag)?;
        Some(if seen.content == Tag::first_half(content.as_bytes()) { Repeat::Same { seq: seen.seq, version: seen.version } } else { Repeat::Other })
    }

    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there was none yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Remembers a command and forgets those past their time. Times may go
    /// backwards; then ids are kept longer.
    pub(crate) fn remember(&mut self, event: Remembered<'_>) {
        self.0.push_back(Seen {
            id: Tag::of_command(event.actor, event.id),
            content: Tag::first_half(event.content.as_bytes()),
            seq: event.seq,
            at_ms: event.at_ms,
            version: event.version,
        });
        let past = |seen: &Seen| event.at_ms.saturating_sub(seen.at_ms) > COMMANDS_KEPT_MS;
        while self.0.len() > COMMANDS_KEPT_MIN && self.0.front().is_some_and(past) {
            self.0.pop_front();
        }
    }
}

/// One event, as far as it is remembered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Remembered<'a> {
    pub(crate) actor: &'a Actor,
    pub(crate) id: &'a CallLabel,
    pub(crate) content: Sha256,
    pub(crate) seq: u64,
    pub(crate) at_ms: u64,
    pub(crate) version: Option<Version>,
}

impl Tag {
    fn of_command(actor: &Actor, id: &CallLabel) -> Self {
        // Neither subject nor id holds a NUL, so the last two divide without doubt.
        let scope = [actor.iss.as_str(), actor.sub.as_str(), id.as_str()].join("\0");
        Self::first_half(&Hasher::digest(scope).into())
    }

    fn first_half(hash: &[u8; 32]) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        Self(half)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Tag {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "a tag of a command is 32 hex digits";
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).map_err(|_| WRONG)?;
        if digits { Ok(Self(number.to_be_bytes())) } else { Err(WRONG) }
    }
}

impl TryFrom<String> for Tag {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.to_string()
    }
}
