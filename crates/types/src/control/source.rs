//! Who set something in control, and what it is about.

use serde::{Deserialize, Serialize};

use crate::{ExtensionId, TenantId};

/// Where something was set, and where alone it can be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlSource {
    /// By an operator, through the registry.
    Operator,
    /// In a file that the registry imports.
    File,
}

impl ControlSource {
    /// The word for it: `operator`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::File => "file",
        }
    }
}

/// Who set something, why and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Where it was set.
    pub source: ControlSource,
    /// Who set it, for people; empty in documents of the first release.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub who: String,
    /// Why, for people; at most 1 KiB. Never shown to tenants.
    pub why: String,
    /// The event that set it.
    pub seq: u64,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

impl Provenance {
    /// Set by event `seq` of nobody in particular.
    #[must_use]
    pub fn new(source: ControlSource, why: impl Into<String>, seq: u64, at_ms: u64) -> Self {
        Self { source, who: String::new(), why: why.into(), seq, at_ms }
    }
}

/// What a quota or a policy is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum ControlScope {
    /// The whole environment.
    Environment,
    /// All extensions of a tenant.
    Tenant {
        /// The tenant.
        tenant: TenantId,
    },
    /// One extension, all versions.
    Extension {
        /// Its tenant.
        tenant: TenantId,
        /// The extension.
        extension: ExtensionId,
    },
}

impl ControlScope {
    /// Whether it is about this extension.
    #[must_use]
    pub fn covers(&self, of: &TenantId, id: &ExtensionId) -> bool {
        match self {
            Self::Environment => true,
            Self::Tenant { tenant } => tenant == of,
            Self::Extension { tenant, extension } => tenant == of && extension == id,
        }
    }
}
