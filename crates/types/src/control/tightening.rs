//! Tightenings: failures that an environment lets no contract answer for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{ControlScope, Provenance};
use crate::{CauseSet, ExtensionId, FailureCause, TenantId};

/// Causes that are denied in one scope, whatever the contracts of its
/// extensions say; set by one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tightening {
    /// Whose contracts.
    pub target: ControlScope,
    /// The causes; at least one.
    pub causes: BTreeSet<FailureCause>,
    /// Who set it, why and when.
    #[serde(flatten)]
    pub set: Provenance,
}

impl Tightening {
    /// Its causes as they are asked for.
    #[must_use]
    pub fn denied(&self) -> CauseSet {
        self.causes.iter().collect()
    }
}

/// What any source denies in any scope that covers the extension: each further
/// one only tightens.
pub(super) fn effective(all: &[Tightening], tenant: &TenantId, extension: &ExtensionId) -> CauseSet {
    let covering = all.iter().filter(|tightening| tightening.target.covers(tenant, extension));
    covering.fold(CauseSet::NONE, |denied, tightening| denied.and(tightening.denied()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ControlSource;

    #[test]
    fn every_scope_and_source_only_tightens() {
        let (acme, other, x) = (TenantId::parse("acme").unwrap(), TenantId::parse("other").unwrap(), ExtensionId::parse("x").unwrap());
        let tighten = |target, cause, source| Tightening { target, causes: [cause].into(), set: Provenance::new(source, "", 1, 0) };
        let all = [
            tighten(ControlScope::Environment, FailureCause::Trap, ControlSource::File),
            tighten(ControlScope::Tenant { tenant: acme.clone() }, FailureCause::Quota, ControlSource::Operator),
            tighten(ControlScope::Tenant { tenant: acme.clone() }, FailureCause::Limit, ControlSource::File),
            tighten(ControlScope::Extension { tenant: other.clone(), extension: x.clone() }, FailureCause::Failed, ControlSource::Operator),
        ];
        let denied = |tenant| {
            let denied = effective(&all, tenant, &x);
            FailureCause::ALL.into_iter().filter(|&cause| denied.contains(cause)).collect::<Vec<_>>()
        };
        assert_eq!(denied(&acme), [FailureCause::Trap, FailureCause::Limit, FailureCause::Quota]);
        assert_eq!(denied(&other), [FailureCause::Failed, FailureCause::Trap]);
    }
}
