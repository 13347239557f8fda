//! Changes that could not be announced: said as soon as Redis answers again.
//!
//! Only this program may have lost it: then those who listen have missed
//! nothing that would make them look.

use std::collections::BTreeMap;

use extensions_types::{Environment, ExtensionId, TenantId};

use crate::Change;

/// What waits to be said; hosts find the rest by polling.
const UNSAID_MAX: usize = 1_024;

/// What changed; an environment's control, where there is no extension.
type What = Option<(TenantId, ExtensionId)>;

/// The highest seq of each thing that changed unannounced.
#[derive(Debug, Default)]
pub(crate) struct Unsaid(BTreeMap<(Environment, What), u64>);

impl Unsaid {
    pub(crate) fn keep(&mut self, env: Environment, change: &Change) {
        let (what, seq) = match change {
            Change::Control { seq } => (None, *seq),
            Change::Entry { tenant, extension, seq } => (Some((tenant.clone(), extension.clone())), *seq),
        };
        if self.0.len() >= UNSAID_MAX && !self.0.contains_key(&(env, what.clone())) {
            return;
        }
        let highest = self.0.entry((env, what)).or_default();
        *highest = seq.max(*highest);
    }

    /// Takes one; switches go before entries.
    pub(crate) fn take(&mut self) -> Option<(Environment, Change)> {
        let ((env, what), seq) = self.0.pop_first()?;
        Some((env, what.map_or(Change::Control { seq }, |(tenant, extension)| Change::Entry { tenant, extension, seq })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, seq: u64) -> Change {
        Change::Entry { tenant: TenantId::parse("acme").unwrap(), extension: ExtensionId::parse(name).unwrap(), seq }
    }

    #[test]
    fn the_last_of_each_is_said_and_no_more_than_are_kept() {
        let mut unsaid = Unsaid::default();
        for seq in [2, 5, 3] {
            unsaid.keep(Environment::Dev, &entry("a", seq));
            unsaid.keep(Environment::Dev, &Change::Control { seq });
        }
        assert_eq!(unsaid.take(), Some((Environment::Dev, Change::Control { seq: 5 })));
        assert_eq!(unsaid.take(), Some((Environment::Dev, entry("a", 5))));
        assert_eq!(unsaid.take(), None);
        for number in 0..2 * UNSAID_MAX {
            unsaid.keep(Environment::Prod, &entry(&format!("e{number}"), 1));
        }
        assert_eq!(std::iter::from_fn(|| unsaid.take()).count(), UNSAID_MAX);
    }
}
