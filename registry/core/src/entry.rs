//! The entry: derived from an extension's state, complete in itself.

use std::collections::BTreeMap;

use extensions_types::{BlobRef, EntryDocument, EntryVersion, Environment, ExtensionDefinition, SchemaV1, Version};

use crate::Extension;

/// What a store holds of one version.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its definition.
    pub definition: ExtensionDefinition,
    /// The key of its component in the environment's own store.
    pub key: String,
}

/// Why an entry cannot be derived.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// A version that the entry lists was not given.
    #[error("version {0} is served, but its definition was not given")]
    Missing(Version),
    /// What was given is another version's, or its component is another.
    #[error("what is stored of version {0} is not what history holds")]
    Other(Version),
}

/// What `env` serves of the extension; none where it serves nothing. The
/// versions of [`Extension::listed`] are taken from `stored`.
///
/// # Errors
/// When what is stored is not what history says.
pub fn entry(state: &Extension, env: Environment, stored: &BTreeMap<Version, Stored>) -> Result<Option<EntryDocument>, EntryError> {
    let Some(serving) = state.serving(env) else { return Ok(None) };
    let versions = state.listed(env).into_iter();
    let versions = versions.map(|version| Ok((version, listed(state, version, stored)?))).collect::<Result<_, EntryError>>()?;
    Ok(Some(EntryDocument {
        schema: SchemaV1,
        tenant: state.tenant.clone(),
        extension: state.extension.clone(),
        env,
        generation: state.generation,
        applied_seq: state.applied_seq,
        enabled: serving.enabled,
        current: serving.current,
        caller_pins: serving.caller_pins.clone(),
        hook_pins: serving.hook_pins.clone(),
        last_good: state.last_good(env),
        versions,
    }))
}

fn listed(state: &Extension, version: Version, stored: &BTreeMap<Version, Stored>) -> Result<EntryVersion, EntryError> {
    let Stored { definition, key } = stored.get(&version).ok_or(EntryError::Missing(version))?;
    let record = state.versions.get(&version).ok_or(EntryError::Other(version))?;
    let built = record.built().ok_or(EntryError::Other(version))?;
    let same = definition.version == version
        && definition.tenant_id == state.tenant
        && definition.id == state.extension
        && (definition.kind, definition.risk_tier) == (record.draft.about.kind, record.tier())
        && definition.digest == built.component_sha256.to_string();
    if !same {
        return Err(EntryError::Other(version));
    }
    let blob = BlobRef { key: key.clone(), sha256: built.component_sha256, bytes: built.component_bytes };
    Ok(EntryVersion { definition: definition.clone(), blob })
}
