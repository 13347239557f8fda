//! What a host says of itself, every period and soon after a change.

use std::collections::VecDeque;

use extensions_types::{Environment, ExtensionId, TenantId, Version};
use serde::{Deserialize, Serialize};

use crate::HostId;

/// A heartbeat in Redis, with its MAC: a host of a thousand changes still says them cheaply.
pub const HEARTBEAT_BYTES_MAX: usize = 64 << 10;
/// Extensions whose last change a heartbeat tells.
pub const CHANGES_MAX: usize = 256;
/// Problems that a heartbeat tells; status tells all.
pub const PROBLEMS_MAX: usize = 32;
/// A problem's text, for people.
pub const PROBLEM_BYTES_MAX: usize = 256;
/// Any other text: build, hash, address.
const TEXT_BYTES_MAX: usize = 256;

/// What one host is and serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Which host: another after each start.
    pub host: HostId,
    /// The environment that it serves.
    pub env: Environment,
    /// The program's version.
    pub build: String,
    /// The compatibility hash of the code that it loads.
    pub compat: String,
    /// When it started, milliseconds since the Unix epoch, by its own clock.
    pub started_ms: u64,
    /// When it said this, likewise.
    pub at_ms: u64,
    /// Where it is called, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// It takes calls.
    pub ready: bool,
    /// It is about to end.
    pub draining: bool,
    /// The control that rules it; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<ControlAt>,
    /// How long ago its store's list of entries was last read whole; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed_age_ms: Option<u64>,
    /// Extensions in its catalog.
    pub extensions: u64,
    /// Extensions whose code is loaded.
    pub loaded: u64,
    /// What does not work; at most [`PROBLEMS_MAX`].
    #[serde(default)]
    pub problems: Vec<HostProblem>,
    /// What changed lately.
    #[serde(default)]
    pub recent: Recent,
}

/// A control document's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlAt {
    /// Outranks `seq`.
    pub generation: u64,
    /// The last event that it knows of.
    pub seq: u64,
}

/// Something that does not work on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostProblem {
    /// Whose extension; none where it is the host's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// Which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<ExtensionId>,
    /// What is wrong; at most [`PROBLEM_BYTES_MAX`] bytes.
    pub problem: String,
}

/// An entry that a host has taken, or could not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostChange {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub extension: ExtensionId,
    /// The entry's generation; outranks `seq`.
    pub generation: u64,
    /// The entry's seq.
    pub seq: u64,
    /// The version that the entry serves; none: it serves none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// What became of it.
    #[serde(flatten)]
    pub state: EntryState,
    /// When, by the host's clock, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// What became of an entry on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum EntryState {
    /// Calls are answered by it.
    Served,
    /// It cannot be loaded; what was served before still is.
    Kept {
        /// Why; at most [`PROBLEM_BYTES_MAX`] bytes.
        problem: String,
    },
}

/// The last change of each extension that changed lately, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent {
    /// Everything that changed at this time or later is listed.
    since_ms: u64,
    changes: VecDeque<HostChange>,
}

impl Recent {
    /// A list that begins at `now_ms`.
    #[must_use]
    pub const fn since(now_ms: u64) -> Self {
        Self { since_ms: now_ms, changes: VecDeque::new() }
    }

    /// Takes note of a change; the oldest gives way beyond [`CHANGES_MAX`].
    pub fn note(&mut self, mut change: HostChange) {
        if let EntryState::Kept { problem } = &mut change.state {
            shorten(problem, PROBLEM_BYTES_MAX);
        }
        self.changes.retain(|known| (&known.tenant, &known.extension) != (&change.tenant, &change.extension));
        self.changes.push_back(change);
        self.keep(CHANGES_MAX);
    }

    /// Everything that changed at this time or later is listed.
    #[must_use]
    pub const fn since_ms(&self) -> u64 {
        self.since_ms
    }

    /// Whether the last change of an extension is listed.
    #[must_use]
    pub fn tells(&self, tenant: &TenantId, extension: &ExtensionId) -> bool {
        self.changes.iter().any(|change| (&change.tenant, &change.extension) == (tenant, extension))
    }

    /// Oldest first.
    pub fn changes(&self) -> impl ExactSizeIterator<Item = &HostChange> {
        self.changes.iter()
    }

    fn keep(&mut self, count: usize) {
        while self.changes.len() > count {
            if let Some(oldest) = self.changes.pop_front() {
                self.since_ms = self.since_ms.max(oldest.at_ms.saturating_add(1));
            }
        }
    }
}

impl Heartbeat {
    /// As it goes into Redis: at most `bytes_max`, the oldest changes give way.
    pub(crate) fn to_text(&self, bytes_max: usize) -> String {
        let mut said = self.clone();
        said.bound();
        loop {
            let text = serde_json::to_string(&said).expect("texts and numbers always become JSON");
            let left = said.recent.changes.len();
            if text.len() <= bytes_max || left == 0 {
                return text;
            }
            said.recent.keep(left / 2);
        }
    }

    /// What was said, within its bounds; none where it is no heartbeat.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let heard: Self = serde_json::from_str(text).ok()?;
        let texts = [Some(&heard.build), Some(&heard.compat), heard.address.as_ref()];
        let short = texts.into_iter().flatten().all(|text| text.len() <= TEXT_BYTES_MAX);
        let plain = texts.into_iter().flatten().all(|text| !text.chars().any(char::is_control));
        (short && plain && heard.problems.len() <= PROBLEMS_MAX && heard.recent.changes.len() <= CHANGES_MAX).then_some(heard)
    }

    fn bound(&mut self) {
        for text in [&mut self.build, &mut self.compat].into_iter().chain(self.address.as_mut()) {
            shorten(text, TEXT_BYTES_MAX);
        }
        self.problems.truncate(PROBLEMS_MAX);
        for problem in &mut self.problems {
            shorten(&mut problem.problem, PROBLEM_BYTES_MAX);
        }
    }
}

fn shorten(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn change(extension: &str, seq: u64, at_ms: u64, state: EntryState) -> HostChange {
        let (tenant, extension) = (TenantId::parse("acme").unwrap(), ExtensionId::parse(extension).unwrap());
        HostChange { tenant, extension, generation: 0, seq, version: Version::new(seq), state, at_ms }
    }

    pub(crate) fn heartbeat(host: &str, at_ms: u64) -> Heartbeat {
        Heartbeat {
            host: HostId::parse(host).unwrap(),
            env: Environment::Dev,
            build: "0.1.0".to_owned(),
            compat: "c0ffee".to_owned(),
            started_ms: 1,
            at_ms,
            address: None,
            ready: true,
            draining: false,
            control: None,
            listed_age_ms: Some(10),
            extensions: 1,
            loaded: 1,
            problems: Vec::new(),
            recent: Recent::since(1),
        }
    }

    #[test]
    fn the_newest_change_of_each_extension_is_told() {
        let mut recent = Recent::since(5);
        for seq in 1..=3 {
            recent.note(change("a", seq, 10 + seq, EntryState::Served));
        }
        assert_eq!(recent.changes().map(|change| change.seq).collect::<Vec<_>>(), [3]);
        assert_eq!(recent.since_ms(), 5, "nothing of a was lost");
        for number in 0..CHANGES_MAX as u64 {
            recent.note(change(&format!("b{number}"), 1, 100 + number, EntryState::Served));
        }
        assert_eq!((recent.changes().len(), recent.since_ms()), (CHANGES_MAX, 14), "a is the one that gave way");
    }

    #[test]
    fn a_heartbeat_is_bounded_whatever_the_host_says() {
        let mut said = heartbeat("h-1", 7);
        said.problems = vec![HostProblem { tenant: None, extension: None, problem: "é".repeat(500) }; 100];
        said.build = "v".repeat(1_000);
        for number in 0..CHANGES_MAX {
            let name = format!("{}{number}", "e".repeat(59));
            said.recent.note(change(&name, 9, number as u64 + 2, EntryState::Kept { problem: "\u{1}".repeat(1_000) }));
        }
        let text = said.to_text(HEARTBEAT_BYTES_MAX);
        assert!(text.len() <= HEARTBEAT_BYTES_MAX, "{}", text.len());
        let heard = Heartbeat::parse(&text).unwrap();
        assert_eq!(heard.problems.len(), PROBLEMS_MAX);
        let told = heard.recent.changes().len();
        assert!(told > 0 && told < CHANGES_MAX);
        assert_eq!(heard.recent.changes().last().unwrap().at_ms, CHANGES_MAX as u64 + 1, "the newest stay");
        assert!(heard.recent.since_ms() > 1, "and it says from when on they are whole");
    }

    #[test]
    fn nonsense_is_no_heartbeat() {
        let good = heartbeat("h-1", 7).to_text(HEARTBEAT_BYTES_MAX);
        assert!(Heartbeat::parse(&good).is_some());
        for (from, to) in
            [("h-1", "h 1"), ("0.1.0", "\\u001b[31m"), ("\"dev\"", "\"qa\""), ("\"at_ms\":7", "\"at_ms\":-7"), ("c0ffee", &"x".repeat(257))]
        {
            assert!(Heartbeat::parse(&good.replace(from, to)).is_none(), "{to}");
        }
        assert!(Heartbeat::parse("null").is_none());
    }
}
