//! What was heard and not yet taken: one change for each thing that changed.

use std::collections::{BTreeMap, VecDeque};

use extensions_types::{ExtensionId, TenantId};
use tokio::time::{Duration, Instant};

use crate::{Change, Heard};

/// Extensions that wait to be looked at one by one; beyond them everything is
/// looked at, which costs a host one list of its store.
const ENTRIES_MAX: usize = 1_024;
/// Within it, the same change again is an echo.
const ECHO: Duration = Duration::from_secs(1);
/// Changes whose echoes are known.
const ECHOES_MAX: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// When everything is to be looked at; what was missed until then is covered by it.
    everything: Option<Instant>,
    control: Option<u64>,
    entries: BTreeMap<(TenantId, ExtensionId), u64>,
    lately: VecDeque<(Change, Instant)>,
}

impl Pending {
    /// False for an echo.
    pub(crate) fn hear(&mut self, change: Change, now: Instant) -> bool {
        while self.lately.front().is_some_and(|(_, at)| now.duration_since(*at) >= ECHO) || self.lately.len() >= ECHOES_MAX {
            self.lately.pop_front();
        }
        if self.lately.iter().any(|(known, _)| *known == change) {
            return false;
        }
        self.lately.push_back((change.clone(), now));
        match change {
            Change::Control { seq } => self.control = self.control.max(Some(seq)),
            Change::Entry { tenant, extension, seq } => {
                let highest = self.entries.entry((tenant, extension)).or_default();
                *highest = seq.max(*highest);
            }
        }
        if self.entries.len() > ENTRIES_MAX {
            self.miss(now);
        }
        true
    }

    /// Something was not heard, or is too much to tell: everything is looked at now.
    pub(crate) fn miss(&mut self, now: Instant) {
        self.everything = Some(now);
        // A look at everything covers what waits.
        self.control = None;
        self.entries.clear();
    }

    /// More will be missed until `due`: everything is looked at then.
    pub(crate) fn miss_until(&mut self, due: Instant) {
        self.everything = Some(self.everything.map_or(due, |earlier| earlier.min(due)));
    }

    /// When there is something to take though nothing more arrives.
    pub(crate) const fn due(&self) -> Option<Instant> {
        self.everything
    }

    /// What is to be looked at next; switches go before entries.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Heard> {
        if self.everything.take_if(|due| *due <= now).is_some() {
            return Some(Heard::Reconnected);
        }
        if let Some(seq) = self.control.take() {
            return Some(Heard::Change(Change::Control { seq }));
        }
        let ((tenant, extension), seq) = self.entries.pop_first()?;
        Some(Heard::Change(Change::Entry { tenant, extension, seq }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, seq: u64) -> Change {
        Change::Entry { tenant: TenantId::parse("acme").unwrap(), extension: ExtensionId::parse(name).unwrap(), seq }
    }

    fn all(pending: &mut Pending) -> Vec<Heard> {
        let now = Instant::now();
        std::iter::from_fn(|| pending.take(now)).collect()
    }

    #[test]
    fn one_change_is_left_of_many_to_the_same() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        for seq in [3, 5, 4] {
            assert!(pending.hear(entry("a", seq), now));
            assert!(pending.hear(Change::Control { seq }, now));
        }
        let expected = [Heard::Change(Change::Control { seq: 5 }), Heard::Change(entry("a", 5))];
        assert_eq!(all(&mut pending), expected);
    }

    #[test]
    fn an_echo_is_nothing_new_for_a_moment() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        assert!(pending.hear(entry("a", 1), now));
        assert_eq!(all(&mut pending).len(), 1);
        assert!(!pending.hear(entry("a", 1), now));
        assert!(all(&mut pending).is_empty());
        assert!(pending.hear(entry("a", 2), now), "another seq is another change");
        assert!(pending.hear(entry("a", 1), now + ECHO), "later it is looked at again: it may be a restored store");
    }

    #[test]
    fn what_a_flood_drowned_is_looked_at_when_it_is_due() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        let due = now + Duration::from_secs(1);
        pending.miss_until(due);
        pending.miss_until(due + Duration::from_secs(1));
        assert!(pending.hear(entry("a", 1), now));
        assert_eq!((pending.take(now), pending.take(now)), (Some(Heard::Change(entry("a", 1))), None), "what was heard does not wait");
        assert_eq!((pending.due(), pending.take(due), pending.take(due)), (Some(due), Some(Heard::Reconnected), None));
    }

    #[test]
    fn too_much_becomes_one_look_at_everything() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        for number in 0..=ENTRIES_MAX {
            assert!(pending.hear(entry(&format!("e{number}"), 1), now));
        }
        assert!(pending.hear(Change::Control { seq: 1 }, now));
        assert_eq!(all(&mut pending), [Heard::Reconnected, Heard::Change(Change::Control { seq: 1 })]);
    }
}
