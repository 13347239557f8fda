//! Whether anything still needs an object, by its extension's history. Pure.

use extensions_artifact::Key;
use extensions_registry_core::{Build, Extension};
use extensions_types::{Environment, Version};
use serde::{Deserialize, Serialize};

/// Why an object may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its version was deleted by an event.
    VersionDeleted,
    /// Its version's source was deleted by an event.
    SourceDeleted,
    /// Its version failed for good, so that it will never be built.
    NeverBuilt,
    /// A copy in an environment's store that its entry does not list and no
    /// rollback can ask for.
    Unlisted,
    /// Its tenant was erased.
    TenantErased,
    /// Machine code of a component that no version has any more.
    CodeUnreferenced,
    /// Machine code for an engine that no signer has cared for in a long time.
    EngineUnused,
}

/// What is to happen to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Something needs it, or may.
    Keep,
    /// Nothing does, and nothing ever will.
    Collect(Reason),
    /// The history cannot explain it: a sign of lost events, so it stays and is reported.
    Unexplained,
}

/// Of an object in the registry's own store.
pub(crate) fn in_registry(state: &Extension, key: &Key) -> Verdict {
    match key {
        Key::Component { version, .. } | Key::Definition { version, .. } => built(state, *version),
        Key::Source { version, .. } => source(state, *version),
        _ => Verdict::Keep,
    }
}

/// Of an object in a store of copies, which these environments share.
pub(crate) fn in_copies(state: &Extension, envs: &[Environment], key: &Key) -> Verdict {
    let Key::Component { version, .. } = key else { return Verdict::Unexplained };
    if version.get() > state.last_version {
        return Verdict::Unexplained;
    }
    let wanted = |&env: &Environment| state.listed(env).contains(version) || state.rollback_targets(env).contains(version);
    if envs.iter().any(wanted) { Verdict::Keep } else { Verdict::Collect(Reason::Unlisted) }
}

fn built(state: &Extension, version: Version) -> Verdict {
    // Deleting what is listed is refused; should it ever be, what is served wins.
    if Environment::ALL.iter().any(|&env| state.listed(env).contains(&version)) {
        return Verdict::Keep;
    }
    match state.versions.get(&version) {
        Some(record) if matches!(record.build, Build::Failed { .. }) => Verdict::Collect(Reason::NeverBuilt),
        Some(_) => Verdict::Keep,
        None if state.is_deleted(version) => Verdict::Collect(Reason::VersionDeleted),
        None => Verdict::Unexplained,
    }
}

fn source(state: &Extension, version: Version) -> Verdict {
    match state.versions.get(&version) {
        Some(record) if record.source_deleted => Verdict::Collect(Reason::SourceDeleted),
        Some(_) => Verdict::Keep,
        None if state.is_deleted(version) => Verdict::Collect(Reason::VersionDeleted),
        None => Verdict::Unexplained,
    }
}
