//! Words and names as the command line spells them.

use std::time::Duration;

use clap::ValueEnum;
use extensions_types::{ActorType, Environment, ExtensionId, Kind, Language, RiskTier, UnknownWord, VersionSelector};

/// A kind as the command line spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindArgument {
    /// An extension task of a workflow
    ProcessHook,
    /// A check before or after a domain command
    DomainHook,
    /// A deterministic tool of an agent
    AgentTool,
}

impl From<KindArgument> for Kind {
    fn from(kind: KindArgument) -> Self {
        match kind {
            KindArgument::ProcessHook => Self::ProcessHook,
            KindArgument::DomainHook => Self::DomainHook,
            KindArgument::AgentTool => Self::AgentTool,
        }
    }
}

/// A language as the command line spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LanguageArgument {
    Rust,
    Tinygo,
    Assemblyscript,
}

impl From<LanguageArgument> for Language {
    fn from(argument: LanguageArgument) -> Self {
        match argument {
            LanguageArgument::Rust => Self::Rust,
            LanguageArgument::Tinygo => Self::TinyGo,
            LanguageArgument::Assemblyscript => Self::AssemblyScript,
        }
    }
}

/// An extension, and a version of it.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) id: ExtensionId,
    pub(crate) version: VersionSelector,
}

pub(super) fn environment(text: &str) -> Result<Environment, String> {
    text.parse().map_err(|error: UnknownWord| error.to_string())
}

/// A time span; the parser's own words speak of characters, not of what to write.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "not a duration such as 30s, 5m or 2h".to_owned())
}

pub(super) fn actor(text: &str) -> Result<ActorType, String> {
    text.parse().map_err(|error: UnknownWord| error.to_string())
}

pub(super) fn tier(text: &str) -> Result<RiskTier, String> {
    text.parse().map_err(|error: UnknownWord| error.to_string())
}

pub(super) fn reference(text: &str) -> Result<Reference, String> {
    let (id, version) = text.split_once('@').unwrap_or((text, "latest"));
    let wrong = |error: extensions_types::IdError| error.to_string();
    Ok(Reference { id: id.parse().map_err(wrong)?, version: version.parse().map_err(wrong)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_name_a_version_or_the_latest() {
        assert_eq!(reference("a-b").unwrap().version, VersionSelector::Latest);
        assert!(matches!(reference("a@7").unwrap().version, VersionSelector::Exact(version) if version.get() == 7));
        assert!(reference("a@x").is_err() && reference("A").is_err() && reference("@1").is_err());
    }
}
