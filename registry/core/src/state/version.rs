//! One version: how far it has come, and what was said about it.

use std::collections::{BTreeMap, BTreeSet};

use extensions_types::{CallLabel, Environment, RiskTier, Sha256, VersionState};
use serde::{Deserialize, Serialize};

use crate::{Actor, AskedWaiver, Built, Draft, approvals_needed};

/// A version as its extension's state holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRecord {
    /// What was known of it before its bytes arrived.
    pub draft: Draft,
    /// Who pushed it.
    pub created_by: Actor,
    /// When, in milliseconds since the Unix epoch.
    pub created_at_ms: u64,
    /// Whether there is a component.
    pub build: Build,
    /// Its reviews, one for each environment that it was submitted for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reviews: BTreeMap<Environment, Review>,
    /// The environments that ever served it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub promoted: BTreeSet<Environment>,
    /// What a policy found and somebody wants accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
    /// When it was taken out of use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_at_ms: Option<u64>,
    /// Whether its source may be gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub source_deleted: bool,
}

/// From a number to a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Build {
    /// Nothing was asked for yet.
    Waiting,
    /// A compile is on its way.
    Requested {
        /// Which one; counts from 1.
        attempt: u32,
        /// Since when, in milliseconds since the Unix epoch.
        at_ms: u64,
    },
    /// There is one.
    Built(Built),
    /// There will be none.
    Failed {
        /// The event that holds every finding.
        seq: u64,
        /// How many.
        findings: usize,
        /// The first one's message.
        message: String,
    },
}

/// A version's review for one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Who asked.
    pub submitted_by: Actor,
    /// When, in milliseconds since the Unix epoch.
    pub submitted_at_ms: u64,
    /// Who said yes, each person once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// Who said no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Rejection>,
}

/// One person's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: Actor,
    /// The component that they approved.
    pub digest: Sha256,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// One person's no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Who.
    pub by: Actor,
    /// Why.
    pub why: String,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// A policy's finding that should be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// The finding, by its code.
    pub finding: CallLabel,
    /// Where it is; empty for one that was asked for by hand.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// Why, in the author's words; empty for one that was asked for by hand.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Who asked.
    pub requested_by: Actor,
    /// Who accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted_by: Option<Actor>,
}

impl Waiver {
    pub(super) fn new(asked: AskedWaiver, requested_by: &Actor) -> Self {
        let AskedWaiver { finding, place, reason } = asked;
        Self { finding, place, reason, requested_by: requested_by.clone(), granted_by: None }
    }
}

impl VersionRecord {
    pub(super) fn new(draft: Draft, created_by: Actor, created_at_ms: u64) -> Self {
        Self {
            draft,
            created_by,
            created_at_ms,
            build: Build::Waiting,
            reviews: BTreeMap::new(),
            promoted: BTreeSet::new(),
            waivers: Vec::new(),
            retired_at_ms: None,
            source_deleted: false,
        }
    }

    /// The tier that it asks for.
    #[must_use]
    pub fn tier(&self) -> RiskTier {
        self.draft.about.risk_tier
    }

    /// How many people must approve it for `env`: as many as its tier asks for,
    /// and one at least where its failure contract answers for what callers can
    /// provoke. Else whoever may call could choose that answer unreviewed.
    #[must_use]
    pub fn approvals_needed(&self, env: Environment) -> usize {
        let reviewed = env > Environment::Dev && !self.draft.about.answers_for.is_empty();
        approvals_needed(self.tier(), env).max(usize::from(reviewed))
    }

    /// The furthest that it has come, or what ended it.
    #[must_use]
    pub fn state(&self) -> VersionState {
        if self.retired_at_ms.is_some() {
            return VersionState::Retired;
        }
        if matches!(self.build, Build::Failed { .. }) {
            return VersionState::Failed;
        }
        if self.reviews.values().any(|review| review.rejected.is_some()) {
            return VersionState::Rejected;
        }
        match self.promoted.last() {
            Some(Environment::Prod) => VersionState::PromotedProd,
            Some(Environment::Staging) => VersionState::PromotedStaging,
            Some(Environment::Dev) => VersionState::PromotedDev,
            None if self.reviews.is_empty() => VersionState::Draft,
            None => VersionState::InReview,
        }
    }

    /// What was built, if anything.
    #[must_use]
    pub fn built(&self) -> Option<&Built> {
        match &self.build {
            Build::Built(built) => Some(built),
            Build::Waiting | Build::Requested { .. } | Build::Failed { .. } => None,
        }
    }

    /// How many people approved its component for `env`.
    #[must_use]
    pub fn approvals(&self, env: Environment) -> usize {
        let Some(digest) = self.built().map(|built| built.component_sha256) else { return 0 };
        let Some(review) = self.reviews.get(&env).filter(|review| review.rejected.is_none()) else { return 0 };
        let mut people: Vec<_> = review.approvals.iter().filter(|approval| approval.digest == digest).map(|approval| approval.by.person()).collect();
        people.sort();
        people.dedup();
        people.len()
    }

    /// Whether people approved it for `env`: as many as it needs, and one at least.
    #[must_use]
    pub fn is_approved(&self, env: Environment) -> bool {
        self.approvals(env) >= self.approvals_needed(env).max(1)
    }

    /// Whether it may yet come to `env`: submitted, neither rejected nor
    /// retired, and not served there before.
    #[must_use]
    pub fn awaits_promotion(&self, env: Environment) -> bool {
        let open = self.reviews.get(&env).is_some_and(|review| review.rejected.is_none());
        open && self.retired_at_ms.is_none() && !self.promoted.contains(&env)
    }

    /// Whether reviewers are to decide: as above, and not yet approved by as
    /// many as its tier asks for.
    #[must_use]
    pub fn awaits_decision(&self, env: Environment) -> bool {
        self.awaits_promotion(env) && !self.is_approved(env)
    }

    /// The first waiver that nobody granted.
    #[must_use]
    pub fn open_waiver(&self) -> Option<&Waiver> {
        self.waivers.iter().find(|waiver| waiver.granted_by.is_none())
    }
}
