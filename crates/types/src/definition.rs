//! ExtensionDefinition: an artifact's description, as hosts and registry hold it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Abi, ExtensionId, FailureContract, HostCallName, Kind, Limits, RiskTier, TenantId, Version};

/// A JSON schema may be this large.
pub const SCHEMA_BYTES_MAX: usize = 64 << 10;

/// What one version of an extension is and may do. Immutable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtensionDefinition {
    /// Major version of this document; an unknown one is refused.
    pub schema: u32,
    /// The extension within its tenant.
    pub id: ExtensionId,
    /// Who owns it.
    pub tenant_id: TenantId,
    /// Decides its world.
    pub kind: Kind,
    /// The contract that the component was built against.
    pub abi: Abi,
    /// This build's number.
    pub version: Version,
    /// SHA-256 of the component, as lowercase hex.
    pub digest: String,
    /// What one invocation may use.
    pub limits: Limits,
    /// The tier that its author asks for.
    pub risk_tier: RiskTier,
    /// Schemas of input and output, where it has any.
    #[serde(default)]
    pub schemas: Schemas,
    /// For an agent tool: its own answer to `describe()`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolDescription>,
    /// The platform API methods that it may ask for.
    #[serde(default)]
    pub host_calls: BTreeSet<HostCallName>,
    /// What answers when it cannot.
    #[serde(default)]
    pub failure: FailureContract,
    /// For people.
    #[serde(default)]
    pub metadata: Metadata,
}

impl ExtensionDefinition {
    /// The document's major version that this code reads and writes.
    pub const SCHEMA: u32 = 1;
}

/// JSON schemas of an extension; each is at most [`SCHEMA_BYTES_MAX`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schemas {
    /// What the input must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<serde_json::Value>,
    /// What the output must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<serde_json::Value>,
}

/// How a model sees a tool; its schemas are the definition's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolDescription {
    /// The name that a model calls.
    pub name: String,
    /// What it does and when to use it.
    pub description: String,
}

/// A tool's name may be this long: what models' APIs accept.
const TOOL_NAME_BYTES_MAX: usize = 64;
/// A tool's description may be this long: every agent that may call it reads it.
const TOOL_DESCRIPTION_BYTES_MAX: usize = 4_096;

/// Why a tool's description is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// Its name cannot be called by a model.
    #[error("the tool's name is `{0}`; it must be [a-z][a-z0-9_]*, at most {TOOL_NAME_BYTES_MAX} bytes")]
    Name(String),
    /// Its description is empty or endless.
    #[error("the tool's description has {0} bytes; it must have 1 to {TOOL_DESCRIPTION_BYTES_MAX}")]
    Description(usize),
}

impl ToolDescription {
    /// Checks name and description, wherever they come from.
    ///
    /// # Errors
    /// Says what they must be.
    pub fn check(&self) -> Result<(), ToolError> {
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let named = self.name.starts_with(|first: char| first.is_ascii_lowercase()) && self.name.bytes().all(word);
        if !named || self.name.len() > TOOL_NAME_BYTES_MAX {
            return Err(ToolError::Name(self.name.chars().take(80).collect()));
        }
        if !(1..=TOOL_DESCRIPTION_BYTES_MAX).contains(&self.description.len()) {
            return Err(ToolError::Description(self.description.len()));
        }
        Ok(())
    }
}

/// For people; nothing is decided by it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metadata {
    /// One sentence.
    pub description: String,
    /// Who made the version.
    pub created_by: String,
    /// Free words to find it by, at most 16.
    pub tags: Vec<String>,
}
