//! Policies: which host calls extensions may make.
//!
//! Stored, distributed and shown; hosts do not ask them yet: until host calls
//! are answered, all of them are denied.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{ControlScope, Provenance};
use crate::{CallLabel, ExtensionId, HostCallName, TenantId};

/// What the extensions of one scope may call, set by one source under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name; one of each source.
    pub name: CallLabel,
    /// Whose calls it rules.
    pub target: ControlScope,
    /// Whether it denies, or only notes.
    pub mode: PolicyMode,
    /// The only methods that may be called.
    pub methods: BTreeSet<HostCallName>,
    /// Who set it, why and when.
    #[serde(flatten)]
    pub set: Provenance,
}

/// What becomes of a call that a policy does not list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyMode {
    /// It goes on and is noted.
    Observe,
    /// It is denied.
    Enforce,
}

impl PolicyMode {
    /// The word for it: `observe`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Enforce => "enforce",
        }
    }
}

/// What all policies together say of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling<'p> {
    /// Every policy that covers the extension lists the method.
    Granted,
    /// A policy that only observes does not list it; those that enforce do.
    Noted(&'p Policy),
    /// A policy that enforces does not list it.
    Denied(&'p Policy),
    /// No policy covers the extension: what is not granted is denied.
    Ungranted,
}

impl Ruling<'_> {
    /// Whether the call may be made.
    #[must_use]
    pub const fn permits(&self) -> bool {
        matches!(self, Self::Granted | Self::Noted(_))
    }
}

/// A call needs a policy that covers it, and the word of every one that does:
/// each further policy only restricts.
pub(super) fn ruling<'p>(policies: &'p [Policy], tenant: &TenantId, extension: &ExtensionId, method: &HostCallName) -> Ruling<'p> {
    let mut ruling = Ruling::Ungranted;
    for policy in policies.iter().filter(|policy| policy.target.covers(tenant, extension)) {
        ruling = match (policy.methods.contains(method), policy.mode, ruling) {
            (false, PolicyMode::Enforce, _) => return Ruling::Denied(policy),
            (false, PolicyMode::Observe, Ruling::Noted(first)) | (true, _, Ruling::Noted(first)) => Ruling::Noted(first),
            (false, PolicyMode::Observe, _) => Ruling::Noted(policy),
            (true, _, _) => Ruling::Granted,
        };
    }
    ruling
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ControlSource;

    const METHODS: [&str; 3] = ["orders.get", "orders.list", "billing.get"];

    fn method(text: &str) -> HostCallName {
        HostCallName::parse(text).unwrap()
    }

    fn policy() -> impl Strategy<Value = Policy> {
        let (acme, x) = (TenantId::parse("acme").unwrap(), ExtensionId::parse("x").unwrap());
        let targets = vec![
            ControlScope::Environment,
            ControlScope::Tenant { tenant: acme.clone() },
            ControlScope::Extension { tenant: acme, extension: x },
            ControlScope::Tenant { tenant: TenantId::parse("other").unwrap() },
        ];
        let methods = prop::collection::btree_set(prop::sample::select(&METHODS[..]).prop_map(method), 0..4);
        (prop::sample::select(targets), any::<bool>(), methods).prop_map(|(target, enforce, methods)| Policy {
            name: CallLabel::parse("p").unwrap(),
            target,
            mode: if enforce { PolicyMode::Enforce } else { PolicyMode::Observe },
            methods,
            set: Provenance::new(ControlSource::File, "", 1, 0),
        })
    }

    proptest! {
        #[test]
        fn each_further_policy_only_restricts(policies in prop::collection::vec(policy(), 0..6), another in policy()) {
            let (acme, x) = (TenantId::parse("acme").unwrap(), ExtensionId::parse("x").unwrap());
            let covers = policies.iter().any(|policy| policy.target.covers(&acme, &x));
            for name in METHODS.map(method) {
                let before = ruling(&policies, &acme, &x, &name);
                let more: Vec<_> = policies.iter().cloned().chain([another.clone()]).collect();
                let after = ruling(&more, &acme, &x, &name);
                if covers {
                    prop_assert!(before.permits() || !after.permits(), "{before:?} {after:?}");
                }
                let enforced = policies.iter().filter(|policy| policy.mode == PolicyMode::Enforce && policy.target.covers(&acme, &x));
                prop_assert_eq!(before.permits(), covers && enforced.into_iter().all(|policy| policy.methods.contains(&name)));
            }
        }
    }

    #[test]
    fn what_no_policy_covers_is_denied() {
        let (acme, x) = (TenantId::parse("acme").unwrap(), ExtensionId::parse("x").unwrap());
        assert_eq!(ruling(&[], &acme, &x, &method("orders.get")), Ruling::Ungranted);
        assert!(!Ruling::Ungranted.permits());
    }
}
