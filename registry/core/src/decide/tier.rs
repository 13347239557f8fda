//! The tier: it rises by itself and falls by an operator only.

use extensions_types::{ErrorCode, RiskTier};

use super::{Case, Ruling};
use crate::{Change, Refusal};

impl Case<'_> {
    /// A version below the extension's tier would escape the reviews that the
    /// extension has had so far.
    pub(super) fn check_tier_not_lowered(&self, tier: RiskTier) -> Result<(), Refusal> {
        match self.state.tier {
            Some(floor) if tier < floor => Err(Refusal::rule(format!(
                "extension `{}` is of tier {floor}, this version asks for tier {tier}; ask an operator to lower the extension's tier, or set risk_tier = \"{floor}\"",
                self.state.extension
            ))),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn lower_tier(&self, to: RiskTier) -> Ruling {
        let extension = &self.state.extension;
        let Some(from) = self.state.tier else {
            let text = format!("extension `{extension}` has no tier before a version is promoted; there is nothing to lower");
            return Err(Refusal::new(ErrorCode::NotPromoted, text));
        };
        match to.cmp(&from) {
            std::cmp::Ordering::Less => Ok(Some(Change::TierLowered { from, to })),
            std::cmp::Ordering::Equal => Ok(None),
            std::cmp::Ordering::Greater => {
                Err(Refusal::rule(format!("extension `{extension}` is of tier {from}; a tier rises only by promoting a version of tier {to}")))
            }
        }
    }
}
