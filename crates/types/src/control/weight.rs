//! Weights: a tenant's share of what is scarce.
//!
//! Hosts share their CPU time by them where tenants compete for it.

use serde::{Deserialize, Serialize};

use super::Provenance;
use crate::TenantId;

/// A share beside those of others: a tenant of 200 gets twice what one of 100 gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Weight(u16);

/// A number that is no weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a weight is from 1 to {max}, not {0}; to stop a tenant, switch it off", max = Weight::MAX.get())]
pub struct WeightError(u32);

impl Weight {
    /// The least.
    pub const MIN: Self = Self(1);
    /// That of a tenant for whom none is set.
    pub const DEFAULT: Self = Self(100);
    /// The most: ten times the default, so that no tenant starves the rest.
    pub const MAX: Self = Self(1_000);

    /// A weight from 1 to 1,000.
    ///
    /// # Errors
    /// When it is outside of that.
    pub fn new(weight: u32) -> Result<Self, WeightError> {
        let within = u16::try_from(weight).ok().map(Self).filter(|weight| (Self::MIN..=Self::MAX).contains(weight));
        within.ok_or(WeightError(weight))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl TryFrom<u16> for Weight {
    type Error = WeightError;
    fn try_from(weight: u16) -> Result<Self, WeightError> {
        Self::new(weight.into())
    }
}

impl From<Weight> for u16 {
    fn from(weight: Weight) -> Self {
        weight.0
    }
}

impl std::fmt::Display for Weight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One tenant's weight, set by one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantWeight {
    /// Whose.
    pub tenant: TenantId,
    /// Its share.
    pub weight: Weight,
    /// Who set it, why and when.
    #[serde(flatten)]
    pub set: Provenance,
}

/// The lowest that a source gives; the default where none does.
pub(super) fn effective(weights: &[TenantWeight], tenant: &TenantId) -> Weight {
    weights.iter().filter(|weight| weight.tenant == *tenant).map(|weight| weight.weight).min().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ControlSource;

    #[test]
    fn the_lowest_weight_wins_and_none_is_the_default() {
        let acme = TenantId::parse("acme").unwrap();
        let weight =
            |number, source| TenantWeight { tenant: acme.clone(), weight: Weight::new(number).unwrap(), set: Provenance::new(source, "", 1, 0) };
        let both = [weight(300, ControlSource::Operator), weight(200, ControlSource::File)];
        assert_eq!(effective(&both, &acme).get(), 200);
        assert_eq!(effective(&both[..1], &acme).get(), 300);
        assert_eq!(effective(&both, &TenantId::parse("other").unwrap()), Weight::DEFAULT);
    }

    #[test]
    fn a_weight_is_within_its_bounds() {
        assert!(Weight::new(1).is_ok() && Weight::new(1_000).is_ok());
        for wrong in [0, 1_001, 65_636] {
            assert_eq!(
                Weight::new(wrong).unwrap_err().to_string(),
                format!("a weight is from 1 to 1000, not {wrong}; to stop a tenant, switch it off")
            );
        }
    }
}
