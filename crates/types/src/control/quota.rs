//! Quotas: how much a tenant or an extension may use at a time.
//!
//! Hosts admit calls by them. Rate, burst and CPU time are the whole fleet's, which
//! its hosts share; the others are each host's own.

use serde::{Deserialize, Serialize};

use super::{ControlScope, Provenance};
use crate::{ExtensionId, TenantId};

/// Limits of one scope, set by one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Whose. That of the environment is what each tenant has that lacks its own.
    pub target: ControlScope,
    /// How much.
    pub limits: QuotaLimits,
    /// Who set it, why and when.
    #[serde(flatten)]
    pub set: Provenance,
}

/// How much may be used; none: unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaLimits {
    /// Calls at a time, on each host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Calls a second, lastingly, on all hosts of the environment together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_per_s: Option<u32>,
    /// Calls at once after a pause, on all hosts together; as many as `rate_per_s` where none is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// Milliseconds of CPU time a second, on all hosts together; a second's worth can be
    /// saved up, and what a call takes beyond it is owed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ms_per_s: Option<u32>,
    /// Sum of the memory limits of calls under way, in MiB, on each host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u32>,
    /// Log text of guests a second, in KiB, on each host; lines beyond it are dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_kb_per_s: Option<u32>,
}

/// Why limits make no quota.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuotaError {
    /// Nothing is limited.
    #[error("a quota limits something; to limit nothing, clear it")]
    Empty,
    /// A limit of nothing at all.
    #[error("`{0}` is 0, which lets nothing through; switch it off instead")]
    Zero(&'static str),
    /// More than there can be.
    #[error("`{field}` is {value}, at most {} makes sense", QuotaLimits::VALUE_MAX)]
    Huge {
        /// Which limit.
        field: &'static str,
        /// What it says.
        value: u32,
    },
    /// A burst of no rate.
    #[error("`burst` goes beyond `rate_per_s`; set that too")]
    BurstAlone,
}

impl QuotaLimits {
    /// No limit is higher: beyond what a host can do in any of its units, so
    /// that a typing error is found.
    pub const VALUE_MAX: u32 = 10_000_000;

    /// Every limit by its name.
    #[must_use]
    pub fn fields(&self) -> [(&'static str, Option<u32>); 6] {
        [
            ("concurrency", self.concurrency),
            ("rate_per_s", self.rate_per_s),
            ("burst", self.burst),
            ("cpu_ms_per_s", self.cpu_ms_per_s),
            ("memory_mb", self.memory_mb),
            ("log_kb_per_s", self.log_kb_per_s),
        ]
    }

    /// Whether nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether they make a quota.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self) -> Result<(), QuotaError> {
        if self.is_empty() {
            return Err(QuotaError::Empty);
        }
        for (field, value) in self.fields() {
            match value {
                Some(0) => return Err(QuotaError::Zero(field)),
                Some(value) if value > Self::VALUE_MAX => return Err(QuotaError::Huge { field, value }),
                Some(_) | None => {}
            }
        }
        if self.burst.is_some() && self.rate_per_s.is_none() { Err(QuotaError::BurstAlone) } else { Ok(()) }
    }

    /// The lower of each limit.
    #[must_use]
    pub fn tightest(self, other: Self) -> Self {
        self.each(other, |one, two| match (one, two) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        })
    }

    /// These limits, and `default` where there is none.
    #[must_use]
    pub fn or(self, default: Self) -> Self {
        self.each(default, Option::or)
    }

    fn each(self, other: Self, of: impl Fn(Option<u32>, Option<u32>) -> Option<u32>) -> Self {
        Self {
            concurrency: of(self.concurrency, other.concurrency),
            rate_per_s: of(self.rate_per_s, other.rate_per_s),
            burst: of(self.burst, other.burst),
            cpu_ms_per_s: of(self.cpu_ms_per_s, other.cpu_ms_per_s),
            memory_mb: of(self.memory_mb, other.memory_mb),
            log_kb_per_s: of(self.log_kb_per_s, other.log_kb_per_s),
        }
    }
}

/// What holds for one extension: both limits at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct EffectiveQuota {
    /// For all extensions of the tenant together.
    pub tenant: QuotaLimits,
    /// For this extension alone.
    pub extension: QuotaLimits,
}

/// The lowest limit of all sources, for tenant and extension each. The
/// environment's hold for a tenant where it has none of its own.
pub(super) fn effective(quotas: &[Quota], of: &TenantId, id: &ExtensionId) -> EffectiveQuota {
    let mut default = QuotaLimits::default();
    let mut effective = EffectiveQuota::default();
    for quota in quotas.iter().filter(|quota| quota.target.covers(of, id)) {
        let limits = match quota.target {
            ControlScope::Environment => &mut default,
            ControlScope::Tenant { .. } => &mut effective.tenant,
            ControlScope::Extension { .. } => &mut effective.extension,
        };
        *limits = limits.tightest(quota.limits);
    }
    effective.tenant = effective.tenant.or(default);
    effective
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ControlSource;

    fn limits() -> impl Strategy<Value = QuotaLimits> {
        let one = || prop::option::of(1..100u32);
        (one(), one(), one(), one(), one(), one()).prop_map(|(concurrency, rate_per_s, burst, cpu_ms_per_s, memory_mb, log_kb_per_s)| QuotaLimits {
            concurrency,
            rate_per_s,
            burst,
            cpu_ms_per_s,
            memory_mb,
            log_kb_per_s,
        })
    }

    fn acme() -> (TenantId, ExtensionId) {
        (TenantId::parse("acme").unwrap(), ExtensionId::parse("x").unwrap())
    }

    fn quota(target: ControlScope, limits: QuotaLimits, source: ControlSource) -> Quota {
        Quota { target, limits, set: Provenance::new(source, "", 1, 0) }
    }

    /// Whether nothing in `tight` is looser than in `loose`.
    fn is_within(tight: QuotaLimits, loose: QuotaLimits) -> bool {
        tight.fields().iter().zip(loose.fields()).all(|(tight, loose)| loose.1.is_none_or(|loose| tight.1.is_some_and(|tight| tight <= loose)))
    }

    proptest! {
        /// A second source only tightens, and the order does not matter.
        #[test]
        fn the_most_restrictive_source_wins(one in limits(), two in limits(), of_extension in any::<bool>()) {
            let (tenant, extension) = acme();
            let target = if of_extension {
                ControlScope::Extension { tenant: tenant.clone(), extension: extension.clone() }
            } else {
                ControlScope::Tenant { tenant: tenant.clone() }
            };
            let (first, second) = (quota(target.clone(), one, ControlSource::Operator), quota(target, two, ControlSource::File));
            let both = effective(&[first.clone(), second.clone()], &tenant, &extension);
            prop_assert_eq!(both, effective(&[second.clone(), first.clone()], &tenant, &extension));
            for alone in [first, second] {
                let alone = effective(&[alone], &tenant, &extension);
                prop_assert!(is_within(both.tenant, alone.tenant) && is_within(both.extension, alone.extension));
            }
        }

        /// The environment's limits are for those who have none; others are not touched.
        #[test]
        fn a_default_fills_what_is_missing(own in limits(), default in limits()) {
            let (tenant, extension) = acme();
            let quotas = [
                quota(ControlScope::Environment, default, ControlSource::File),
                quota(ControlScope::Tenant { tenant: tenant.clone() }, own, ControlSource::Operator),
            ];
            prop_assert_eq!(effective(&quotas, &tenant, &extension).tenant, own.or(default));
            let other = TenantId::parse("other").unwrap();
            prop_assert_eq!(effective(&quotas, &other, &extension).tenant, default);
            prop_assert!(effective(&quotas, &tenant, &extension).extension.is_empty());
        }
    }

    #[test]
    fn limits_that_make_no_quota_are_named() {
        let text = |limits: QuotaLimits| limits.check().unwrap_err().to_string();
        let none = QuotaLimits::default();
        assert_eq!(text(none), "a quota limits something; to limit nothing, clear it");
        assert_eq!(text(QuotaLimits { concurrency: Some(0), ..none }), "`concurrency` is 0, which lets nothing through; switch it off instead");
        assert_eq!(text(QuotaLimits { memory_mb: Some(10_000_001), ..none }), "`memory_mb` is 10000001, at most 10000000 makes sense");
        assert_eq!(text(QuotaLimits { burst: Some(1), ..none }), "`burst` goes beyond `rate_per_s`; set that too");
        assert_eq!(QuotaLimits { burst: Some(1), rate_per_s: Some(1), ..none }.check(), Ok(()));
    }
}
