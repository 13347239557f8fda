//! The closed sets of words: kinds, tiers, environments, actors.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A word outside its closed set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{got}` is not one of {}", expected.join(", "))]
pub struct UnknownWord {
    got: String,
    expected: &'static [&'static str],
}

/// An enum that is written as one fixed word per variant, everywhere.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in rising order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { got: text.chars().take(64).collect(), expected: Self::WORDS }),
                }
            }
        }
    };
}

words!(
    /// What an extension is called for; decides its world.
    Kind {
        /// An extension task of a workflow.
        ProcessHook = "process_hook",
        /// A check before or after a domain command.
        DomainHook = "domain_hook",
        /// A deterministic tool of an agent.
        AgentTool = "agent_tool",
    }
);

impl Kind {
    /// The kind as the command line and WIT spell it: with hyphens.
    #[must_use]
    pub const fn world(self) -> &'static str {
        match self {
            Self::ProcessHook => "process-hook",
            Self::DomainHook => "domain-hook",
            Self::AgentTool => "agent-tool",
        }
    }
}

words!(
    /// The contract that a component was built against.
    Abi {
        /// The world of its kind.
        Component = "wit@1.0.0",
        /// World `plain`: a core module of the plain ABI, wrapped.
        Plain = "json_in_json_out_v1",
    }
);

words!(
    /// How much harm an extension could do; decides host calls and approvals.
    RiskTier {
        /// Pure: no host call.
        Low = "low",
        /// Host calls that read; human review for staging and prod.
        Medium = "medium",
        /// A curated list of writes; approval by several people.
        High = "high",
    }
);

words!(
    /// One runtime fleet each.
    Environment {
        /// Where drafts are tried.
        Dev = "dev",
        /// Where a release is rehearsed.
        Staging = "staging",
        /// Where customers work.
        Prod = "prod",
    }
);

words!(
    /// Who stands behind a call.
    ActorType {
        /// A person.
        User = "USER",
        /// A model that acts for someone.
        Agent = "AGENT",
        /// A service on its own behalf.
        System = "SYSTEM",
    }
);

words!(
    /// How far a version has come: the furthest, or what ended it.
    VersionState {
        /// Created, perhaps built; nothing serves it.
        Draft = "draft",
        /// Submitted for an environment, not decided or not promoted yet.
        InReview = "in_review",
        /// Served or once served in dev.
        PromotedDev = "promoted_dev",
        /// Served or once served in staging.
        PromotedStaging = "promoted_staging",
        /// Served or once served in prod.
        PromotedProd = "promoted_prod",
        /// It did not build or its tests did not pass; for good.
        Failed = "failed",
        /// A reviewer refused it for an environment that it never reached.
        Rejected = "rejected",
        /// Taken out of use; for good.
        Retired = "retired",
    }
);

words!(
    /// How a version's component came to be.
    Origin {
        /// Built by the platform from source.
        Source = "source",
        /// A binary from outside; for tier low only.
        Uploaded = "uploaded",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for &kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(kind.world(), kind.as_str().replace('_', "-"));
        }
        for &tier in RiskTier::ALL {
            assert_eq!(tier.as_str().parse(), Ok(tier));
        }
        assert!(RiskTier::Low < RiskTier::Medium && RiskTier::Medium < RiskTier::High);
    }

    #[test]
    fn an_unknown_word_is_refused_with_the_known_ones() {
        let error = "production".parse::<Environment>().unwrap_err();
        assert_eq!(error.to_string(), "`production` is not one of dev, staging, prod");
    }
}
