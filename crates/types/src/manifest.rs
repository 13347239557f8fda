//! extension.toml: what an author writes down about an extension.

use std::{collections::BTreeSet, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    Abi, ExtensionDefinition, ExtensionId, FailureContract, HostCallName, Kind, LimitError, Limits, RiskTier, Schemas, TenantId, ToolDescription,
    Version,
    definition::{Metadata, ToolError},
    failure::ContractError,
};

/// The file's name in an extension's folder.
pub const MANIFEST_FILE: &str = "extension.toml";
/// A larger file is refused unread.
pub const MANIFEST_BYTES_MAX: usize = 64 << 10;
const TAGS_MAX: usize = 16;

/// What an extension's source is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// A crate for `wasm32-unknown-unknown` that uses our Rust SDK.
    Rust,
    /// A Go module that uses our Go SDK, built by TinyGo.
    TinyGo,
    /// AssemblyScript that uses our SDK: a module of the plain ABI.
    AssemblyScript,
    /// None of them: a `module.wasm` or `module.wat` that the author's own tools made,
    /// of any form that is accepted. For tier low only.
    Wasm,
}

impl Language {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Rust, Self::TinyGo, Self::AssemblyScript, Self::Wasm];

    /// The language as extension.toml and `--lang` spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::TinyGo => "tinygo",
            Self::AssemblyScript => "assemblyscript",
            Self::Wasm => "wasm",
        }
    }

    /// Whether its tools describe themselves by `describe()`, always; a module of the
    /// plain ABI cannot.
    const fn describes_itself(self) -> bool {
        match self {
            Self::Rust | Self::TinyGo => true,
            Self::AssemblyScript | Self::Wasm => false,
        }
    }
}

/// extension.toml, read and checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The extension's id within its tenant.
    pub id: ExtensionId,
    /// What it is called for.
    pub kind: Kind,
    /// What its source is written in.
    pub lang: Language,
    /// One sentence for people.
    #[serde(default)]
    pub description: String,
    /// Free words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The tier that it asks for.
    #[serde(default = "low")]
    pub risk_tier: RiskTier,
    /// What one invocation may use.
    #[serde(default)]
    pub limits: Limits,
    /// Files with JSON schemas, relative to the folder. For hooks, and for tools of
    /// the plain ABI; another agent tool describes itself.
    #[serde(default)]
    pub schemas: SchemaFiles,
    /// What models read of an agent tool of the plain ABI: `[tool]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolDescription>,
    /// The platform API methods that it wants: `service.method`.
    #[serde(default)]
    pub host_calls: BTreeSet<HostCallName>,
    /// What answers when it cannot.
    #[serde(default)]
    pub failure: FailureContract,
    /// How its source is built.
    #[serde(default)]
    pub build: BuildChoices,
}

/// What an author may choose about the build: `[build]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildChoices {
    /// TinyGo's memory; leaking where nothing is said.
    pub gc: Option<GarbageCollector>,
}

/// What happens to memory that a TinyGo guest no longer needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GarbageCollector {
    /// Nothing: an instance answers one call and is thrown away. The fastest.
    Leaking,
    /// It is collected when memory runs short: for rules that make far more than they keep.
    Conservative,
}

fn low() -> RiskTier {
    RiskTier::Low
}

/// Where a hook's schemas lie, relative to the folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaFiles {
    /// What the input must match.
    pub input: Option<PathBuf>,
    /// What the output must match.
    pub output: Option<PathBuf>,
}

/// Why an extension.toml is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Larger than [`MANIFEST_BYTES_MAX`].
    #[error("extension.toml has {0} bytes, at most {MANIFEST_BYTES_MAX} are read")]
    TooLarge(usize),
    /// Not TOML, an unknown key, or a value of the wrong form.
    #[error("extension.toml: {0}")]
    Syntax(Box<toml::de::Error>),
    /// Limits out of range.
    #[error("extension.toml: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Limits(Vec<LimitError>),
    /// A failure contract that cannot hold.
    #[error("extension.toml: {0}")]
    Failure(#[from] ContractError),
    /// A low-tier extension is pure.
    #[error("extension.toml: risk_tier low allows no host calls, but {0} are declared; remove them or ask for tier medium")]
    HostCallsInLowTier(usize),
    /// A tool describes itself.
    #[error("extension.toml: an agent_tool in this language gives its schemas in its own describe(); remove [schemas] and [tool]")]
    ToolWithSchemas,
    /// A hook has no description for models.
    #[error("extension.toml: [tool] is for kind agent_tool; remove it")]
    ToolOfHook,
    /// A tool of the plain ABI that nothing describes.
    #[error(
        "extension.toml: an agent_tool in assemblyscript needs [tool] with name and description, and [schemas] with input and output: it has no describe()"
    )]
    ToolUndescribed,
    /// A description that models cannot use.
    #[error("extension.toml: [tool]: {0}")]
    Tool(#[from] ToolError),
    /// A binary is nobody's source.
    #[error("extension.toml: lang wasm is admitted with risk_tier low only: nobody can review a binary; build from source for medium and high")]
    BinaryAboveLow,
    /// A choice that only TinyGo has.
    #[error("extension.toml: [build] gc is TinyGo's; remove it or set lang = \"tinygo\"")]
    CollectorOfAnotherLanguage,
    /// Too many tags.
    #[error("extension.toml: {0} tags, at most {TAGS_MAX} are kept")]
    Tags(usize),
}

impl Manifest {
    /// Reads and checks the text of an extension.toml.
    ///
    /// # Errors
    /// Says which key is wrong and what it must be.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        if text.len() > MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLarge(text.len()));
        }
        let manifest: Self = toml::from_str(text).map_err(|error| ManifestError::Syntax(Box::new(error)))?;
        manifest.limits.check().map_err(ManifestError::Limits)?;
        manifest.failure.check(manifest.kind, manifest.limits.output_bytes)?;
        if manifest.risk_tier == RiskTier::Low && !manifest.host_calls.is_empty() {
            return Err(ManifestError::HostCallsInLowTier(manifest.host_calls.len()));
        }
        manifest.check_tool()?;
        if manifest.lang == Language::Wasm && manifest.risk_tier != RiskTier::Low {
            return Err(ManifestError::BinaryAboveLow);
        }
        if manifest.build.gc.is_some() && manifest.lang != Language::TinyGo {
            return Err(ManifestError::CollectorOfAnotherLanguage);
        }
        if manifest.tags.len() > TAGS_MAX {
            return Err(ManifestError::Tags(manifest.tags.len()));
        }
        Ok(manifest)
    }

    /// What describes a tool, by kind and language: `describe()` or this file, and never both.
    fn check_tool(&self) -> Result<(), ManifestError> {
        if self.kind != Kind::AgentTool {
            return if self.tool.is_some() { Err(ManifestError::ToolOfHook) } else { Ok(()) };
        }
        if self.lang.describes_itself() && (self.tool.is_some() || self.schemas != SchemaFiles::default()) {
            return Err(ManifestError::ToolWithSchemas);
        }
        let described = self.tool.is_some() && self.schemas.input.is_some() && self.schemas.output.is_some();
        if self.lang == Language::AssemblyScript && !described {
            return Err(ManifestError::ToolUndescribed);
        }
        Ok(self.tool.as_ref().map_or(Ok(()), ToolDescription::check)?)
    }

    /// The definition of one build of this extension.
    #[must_use]
    pub fn define(self, build: Build) -> ExtensionDefinition {
        ExtensionDefinition {
            schema: ExtensionDefinition::SCHEMA,
            id: self.id,
            tenant_id: build.tenant,
            kind: self.kind,
            abi: build.abi,
            version: build.version,
            digest: build.digest,
            limits: self.limits,
            risk_tier: self.risk_tier,
            schemas: build.schemas,
            tool: build.tool,
            host_calls: self.host_calls,
            failure: self.failure,
            metadata: Metadata { description: self.description, created_by: build.created_by, tags: self.tags },
        }
    }
}

/// What a build adds to a manifest.
#[derive(Debug, Clone)]
pub struct Build {
    /// Who owns the extension.
    pub tenant: TenantId,
    /// The contract that the component was built against.
    pub abi: Abi,
    /// The build's number.
    pub version: Version,
    /// SHA-256 of the component, as lowercase hex.
    pub digest: String,
    /// The schemas, read from their files or from `describe()`.
    pub schemas: Schemas,
    /// A tool's own description.
    pub tool: Option<ToolDescription>,
    /// Who made it.
    pub created_by: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "id = \"order-discount\"\nkind = \"domain_hook\"\nlang = \"rust\"\n";

    fn refusal(more: &str) -> String {
        Manifest::parse(&format!("{SMALL}{more}")).unwrap_err().to_string()
    }

    #[test]
    fn a_small_manifest_has_the_defaults() {
        let manifest = Manifest::parse(SMALL).unwrap();
        assert_eq!(manifest.risk_tier, RiskTier::Low);
        assert_eq!(manifest.limits, Limits::default());
    }

    #[test]
    fn unknown_keys_and_values_are_refused() {
        assert!(refusal("colour = 1\n").contains("colour"));
        assert!(refusal("[limits]\ncpu = 1\n").contains("cpu"));
        assert!(refusal("[failure]\nrejected = \"skip\"\n").contains("rejected"));
        assert!(Manifest::parse("id = \"A b\"\nkind = \"domain_hook\"\nlang = \"rust\"").unwrap_err().to_string().contains("lowercase"));
    }

    #[test]
    fn the_rules_between_fields_hold() {
        assert!(refusal("[limits]\ncpu_millis = 2000\n").contains("between 1 and 1000"));
        assert!(refusal("host_calls = [\"orders.get\"]\n").contains("tier medium"));
        let tool = SMALL.replace("domain_hook", "agent_tool");
        assert!(Manifest::parse(&format!("{tool}[failure]\ntrap = \"skip\"\n")).is_err());
        assert!(Manifest::parse(&format!("{tool}[schemas]\ninput = \"a.json\"\n")).is_err());
        assert!(refusal("[build]\ngc = \"leaking\"\n").contains("TinyGo's"));
        let go = SMALL.replace("rust", "tinygo");
        let manifest = Manifest::parse(&format!("{go}[build]\ngc = \"conservative\"\n")).unwrap();
        assert_eq!(manifest.build.gc, Some(GarbageCollector::Conservative));
    }

    #[test]
    fn a_tool_is_described_once() {
        let manifest = |kind: &str, lang: &str, more: &str| {
            let text = format!("id = \"x\"\nkind = \"{kind}\"\nlang = \"{lang}\"\n{more}");
            Manifest::parse(&text).map_err(|error| error.to_string())
        };
        let tool = "[tool]\nname = \"vat\"\ndescription = \"Computes it.\"\n";
        let both = "[schemas]\ninput = \"a.json\"\noutput = \"b.json\"\n";
        assert!(manifest("agent_tool", "assemblyscript", &format!("{tool}{both}")).unwrap().tool.is_some());
        assert!(manifest("agent_tool", "assemblyscript", tool).unwrap_err().contains("needs [tool]"));
        assert!(manifest("agent_tool", "rust", tool).unwrap_err().contains("describe()"));
        assert!(manifest("agent_tool", "wasm", "").is_ok(), "it may be a component");
        assert!(manifest("domain_hook", "wasm", tool).unwrap_err().contains("for kind agent_tool"));
        assert!(manifest("agent_tool", "wasm", &tool.replace("vat", "Vat!")).unwrap_err().contains("[a-z]"));
        assert!(manifest("agent_tool", "wasm", &tool.replace("Computes it.", "")).unwrap_err().contains("0 bytes"));
    }

    #[test]
    fn a_binary_is_admitted_low_only() {
        let wasm = SMALL.replace("rust", "wasm");
        assert!(Manifest::parse(&wasm).is_ok());
        assert!(Manifest::parse(&format!("{wasm}risk_tier = \"medium\"\n")).unwrap_err().to_string().contains("risk_tier low only"));
    }

    #[test]
    fn a_huge_manifest_is_refused_unread() {
        assert!(matches!(Manifest::parse(&"#".repeat(MANIFEST_BYTES_MAX + 1)), Err(ManifestError::TooLarge(_))));
    }

    #[test]
    fn manifest_and_definition_round_trip() {
        let manifest = Manifest::parse(&format!(
            "{SMALL}risk_tier = \"medium\"\nhost_calls = [\"orders.get\"]\ntags = [\"a\"]\n[failure]\ntrap = \"last_good\"\n"
        ))
        .unwrap();
        let text = toml::to_string(&manifest).unwrap();
        assert_eq!(Manifest::parse(&text).unwrap(), manifest);
        let build = Build {
            tenant: TenantId::parse("acme").unwrap(),
            abi: Abi::Component,
            version: Version::FIRST,
            digest: "00".repeat(32),
            schemas: Schemas::default(),
            tool: None,
            created_by: "me".into(),
        };
        let definition = manifest.define(build);
        let json = serde_json::to_string(&definition).unwrap();
        assert_eq!(serde_json::from_str::<ExtensionDefinition>(&json).unwrap(), definition);
    }
}
