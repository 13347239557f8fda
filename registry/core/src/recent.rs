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

    /// Remembers a command and forgets those past their time. A clock that
    /// jumps by days, either way, leaves the last [`COMMANDS_KEPT_MIN`]: were
    /// one of the future kept until it comes, nothing behind it would ever go.
    pub(crate) fn remember(&mut self, event: Remembered<'_>) {
        self.0.push_back(Seen {
            id: Tag::of_command(event.actor, event.id),
            content: Tag::first_half(event.content.as_bytes()),
            seq: event.seq,
            at_ms: event.at_ms,
            version: event.version,
        });
        let past = |seen: &Seen| event.at_ms.abs_diff(seen.at_ms) > COMMANDS_KEPT_MS;
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

#[cfg(test)]
mod tests {
    use extensions_types::ActorType;

    use super::*;

    const HOUR_MS: u64 = 60 * 60 * 1_000;

    fn actor(iss: &str, sub: &str) -> Actor {
        Actor { iss: iss.into(), sub: CallLabel::parse(sub).unwrap(), actor_type: ActorType::User, act: Vec::new() }
    }

    fn id(number: usize) -> CallLabel {
        CallLabel::parse(&format!("key-{number}")).unwrap()
    }

    fn remember(recent: &mut Recent, number: usize, at_ms: u64) {
        let content = Sha256::new([7; 32]);
        recent.remember(Remembered { actor: &actor("idp", "ann"), id: &id(number), content, seq: number as u64, at_ms, version: None });
    }

    #[test]
    fn an_id_belongs_to_one_person_and_one_content() {
        let mut recent = Recent::default();
        remember(&mut recent, 1, 0);
        let (same, other) = (Sha256::new([7; 32]), Sha256::new([8; 32]));
        assert_eq!(recent.find(&actor("idp", "ann"), &id(1), same), Some(Repeat::Same { seq: 1, version: None }));
        assert_eq!(recent.find(&actor("idp", "ann"), &id(1), other), Some(Repeat::Other));
        assert_eq!(recent.find(&actor("idp", "ann"), &id(2), same), None);
        assert_eq!(recent.find(&actor("idp", "bob"), &id(1), same), None);
        assert_eq!(recent.find(&actor("other", "ann"), &id(1), same), None);
    }

    #[test]
    fn a_day_and_a_thousand_are_kept() {
        let mut recent = Recent::default();
        (0..1_500).for_each(|number| remember(&mut recent, number, 0));
        assert_eq!(recent.len(), 1_500, "a day's commands are all kept");
        remember(&mut recent, 1_500, 24 * HOUR_MS);
        assert_eq!(recent.len(), 1_501, "exactly 24 hours is not past");
        remember(&mut recent, 1_501, 24 * HOUR_MS + 1);
        assert_eq!(recent.len(), COMMANDS_KEPT_MIN);
        let find = |number| recent.find(&actor("idp", "ann"), &id(number), Sha256::new([7; 32]));
        assert!(find(502).is_some() && find(501).is_none(), "the oldest go first");
    }

    #[test]
    fn a_clock_that_jumps_blocks_nothing() {
        let mut recent = Recent::default();
        remember(&mut recent, 0, 365 * 24 * HOUR_MS);
        (1..3_000).for_each(|number| remember(&mut recent, number, 5));
        assert_eq!(recent.len(), 2_999, "only the one from the future is gone");
    }

    #[test]
    fn it_is_small_and_reads_back() {
        let mut recent = Recent::default();
        (0..10).for_each(|number| remember(&mut recent, number, 1_790_000_000_000));
        let json = serde_json::to_string(&recent).unwrap();
        assert!(json.len() < 10 * 140, "{}", json.len());
        assert_eq!(serde_json::from_str::<Recent>(&json).unwrap(), recent);
        for damaged in ["+f", "0g"] {
            let (id, content) = (damaged.repeat(16), "00".repeat(16));
            let json = format!(r#"[{{"id":"{id}","content":"{content}","seq":1,"at_ms":1}}]"#);
            assert!(serde_json::from_str::<Recent>(&json).is_err(), "{json}");
        }
    }
}
