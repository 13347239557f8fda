//! Whether a host serves what an extension's entry has become.

use extensions_types::{ExtensionId, TenantId};

use crate::{EntryState, Heartbeat, PROBLEMS_MAX};

/// Two machines' clocks differ by less; where they do not, a host counts as
/// unknown a little longer than it would have to.
const CLOCKS_APART_MS: u64 = 10_000;

/// What is asked of a host.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Whose.
    pub tenant: &'a TenantId,
    /// Which extension.
    pub extension: &'a ExtensionId,
    /// The entry's generation, where it is known; outranks `seq`.
    pub generation: Option<u64>,
    /// The entry's seq, or a newer one.
    pub seq: u64,
    /// When the entry's event happened, by the registry's clock.
    pub at_ms: u64,
}

/// Whether a host serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Serves {
    /// Calls are answered by it.
    Yes,
    /// It has not come that far.
    NotYet,
    /// It cannot load it, and goes on serving what it had.
    Kept {
        /// Why.
        problem: String,
    },
    /// Its heartbeat does not tell.
    Unknown,
}

/// Reads a host's answer out of its heartbeat.
#[must_use]
pub fn serves(heartbeat: &Heartbeat, asked: Asked<'_>) -> Serves {
    let told = heartbeat.recent.changes().find(|change| (&change.tenant, &change.extension) == (asked.tenant, asked.extension));
    if let Some(change) = told {
        let reached = match asked.generation {
            Some(generation) => (change.generation, change.seq) >= (generation, asked.seq),
            None => change.seq >= asked.seq,
        };
        return match &change.state {
            EntryState::Served if reached => Serves::Yes,
            EntryState::Kept { problem } if reached => Serves::Kept { problem: problem.clone() },
            EntryState::Served | EntryState::Kept { .. } => Serves::NotYet,
        };
    }
    untold(heartbeat, asked)
}

/// Of an entry whose last change is not told: a host that has seen the store's
/// whole list since it changed serves it, or names it among its problems.
fn untold(heartbeat: &Heartbeat, asked: Asked<'_>) -> Serves {
    let surely_ms = asked.at_ms.saturating_add(CLOCKS_APART_MS);
    let named =
        |text: &Option<TenantId>, extension: &Option<ExtensionId>| (text.as_ref(), extension.as_ref()) == (Some(asked.tenant), Some(asked.extension));
    if let Some(problem) = heartbeat.problems.iter().find(|problem| named(&problem.tenant, &problem.extension)) {
        return Serves::Kept { problem: problem.problem.clone() };
    }
    let listed_ms = heartbeat.listed_age_ms.map(|age| heartbeat.at_ms.saturating_sub(age));
    match listed_ms.is_some_and(|listed| listed > surely_ms) {
        true if heartbeat.problems.len() < PROBLEMS_MAX => Serves::Yes,
        true => Serves::Unknown,
        // Had it changed here, the list of changes would tell.
        false if surely_ms >= heartbeat.recent.since_ms() => Serves::NotYet,
        false => Serves::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        HostProblem, Recent,
        heartbeat::tests::{change, heartbeat},
    };

    fn of(heartbeat: &Heartbeat, seq: u64, at_ms: u64) -> Serves {
        let (tenant, extension) = (TenantId::parse("acme").unwrap(), ExtensionId::parse("a").unwrap());
        serves(heartbeat, Asked { tenant: &tenant, extension: &extension, generation: None, seq, at_ms })
    }

    #[test]
    fn what_a_host_tells_counts() {
        let mut host = heartbeat("h-1", 1_000);
        host.recent.note(change("a", 5, 900, EntryState::Served));
        assert_eq!([of(&host, 4, 1), of(&host, 5, 1), of(&host, 6, 1)], [Serves::Yes, Serves::Yes, Serves::NotYet]);
        host.recent.note(change("a", 6, 950, EntryState::Kept { problem: "no code".to_owned() }));
        assert_eq!(of(&host, 6, 1), Serves::Kept { problem: "no code".to_owned() });
        assert_eq!(of(&host, 7, 1), Serves::NotYet);
    }

    #[test]
    fn a_raised_generation_outranks_a_higher_seq() {
        let mut host = heartbeat("h-1", 1_000);
        host.recent.note(change("a", 9, 900, EntryState::Served));
        let (tenant, extension) = (TenantId::parse("acme").unwrap(), ExtensionId::parse("a").unwrap());
        let asked = Asked { tenant: &tenant, extension: &extension, generation: Some(1), seq: 5, at_ms: 1 };
        assert_eq!(serves(&host, asked), Serves::NotYet);
        assert_eq!(serves(&host, Asked { generation: Some(0), ..asked }), Serves::Yes);
    }

    #[test]
    fn what_a_host_does_not_tell_is_not_there_yet_unless_it_is_old() {
        let mut host = heartbeat("h-1", 1_000_000);
        assert_eq!(of(&host, 5, 999_000), Serves::NotYet);
        host.recent = Recent::since(980_000);
        assert_eq!(of(&host, 5, 979_000), Serves::Yes, "it started just after, and has listed since");
        host.listed_age_ms = Some(15_000);
        assert_eq!(of(&host, 5, 979_000), Serves::NotYet, "clocks differ");
        host.recent = Recent::since(500_000);
        assert_eq!(of(&host, 5, 400_000), Serves::Yes, "listed since, and no problem");
        host.listed_age_ms = Some(700_000);
        assert_eq!(of(&host, 5, 400_000), Serves::Unknown, "not listed since");
        host.listed_age_ms = None;
        assert_eq!(of(&host, 5, 400_000), Serves::Unknown);
        let change = change("a", 5, 1, EntryState::Served);
        host.problems = vec![HostProblem { tenant: Some(change.tenant), extension: Some(change.extension), problem: "damaged".to_owned() }];
        assert_eq!(of(&host, 5, 400_000), Serves::Kept { problem: "damaged".to_owned() });
    }
}
