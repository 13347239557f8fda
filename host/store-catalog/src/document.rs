//! From an entry's bytes to what calls may see: everything inside is checked
//! against where it was found, since whoever wrote it may have been wrong or hostile.

use std::{collections::BTreeMap, sync::Arc};

use extensions_artifact::{Blobs, Key, Owned, document};
use extensions_catalog::{Component, Entry, ServedVersion};
use extensions_types::{EntryDocument, EntryVersion, Environment, ExtensionDefinition, Version};

use crate::blob::StoredBlob;

/// What orders two states of one document: (generation, seq).
pub(crate) type Order = (u64, u64);

/// Why a document is not acted upon. For logs and operators.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{0}")]
    Document(#[from] document::DocumentError),
    #[error("it is about {0}, found where {1} should be")]
    Place(String, String),
    #[error("its current version {0} is not among those that it lists")]
    Current(Version),
    #[error("reading it failed: {0}")]
    Reading(String),
    #[error("version {version}: {problem}")]
    Version { version: Version, problem: String },
}

/// A checked entry and where it stands in its history.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) entry: Entry,
    pub(crate) order: Order,
}

/// Reads the entry of `of` in `env`; its components come from `blobs`.
pub(crate) fn check(bytes: &[u8], env: Environment, of: &Owned, blobs: &Blobs) -> Result<Checked, Refused> {
    let document: EntryDocument = document::decode(bytes)?;
    if (document.env, &document.tenant, &document.extension) != (env, &of.tenant, &of.extension) {
        let said = format!("{} in {}", Owned::new(document.tenant, document.extension), document.env);
        return Err(Refused::Place(said, format!("{of} in {env}")));
    }
    if !document.versions.contains_key(&document.current) {
        return Err(Refused::Current(document.current));
    }
    let order = document.order();
    let versions = document.versions.into_iter().map(|(number, version)| Ok((number, Arc::new(served(number, version, of, blobs)?))));
    let versions: Result<BTreeMap<_, _>, Refused> = versions.collect();
    let entry = Entry {
        enabled: document.enabled,
        current: document.current,
        last_good: document.last_good,
        versions: versions?,
        caller_pins: document.caller_pins,
        hook_pins: document.hook_pins,
    };
    Ok(Checked { entry, order })
}

fn served(number: Version, version: EntryVersion, of: &Owned, blobs: &Blobs) -> Result<ServedVersion, Refused> {
    let EntryVersion { definition, blob } = version;
    let refuse = |problem: String| Refused::Version { version: number, problem };
    if (definition.version, &definition.tenant_id, &definition.id) != (number, &of.tenant, &of.extension) {
        return Err(refuse(format!("its definition is that of {}/{}@{}", definition.tenant_id, definition.id, definition.version)));
    }
    if definition.schema != ExtensionDefinition::SCHEMA {
        return Err(refuse(format!("its definition has schema {}, this host reads {}", definition.schema, ExtensionDefinition::SCHEMA)));
    }
    if definition.digest != blob.sha256.to_string() {
        return Err(refuse("definition and component have different digests".to_owned()));
    }
    let key = of.component(number);
    if blob.key != key.path() {
        return Err(refuse(format!("its component is said to lie at `{}`, not at `{key}`", blob.key.escape_debug())));
    }
    if let Err(errors) = definition.limits.check() {
        return Err(refuse(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")));
    }
    let component = stored(blobs, key, blob.sha256);
    Ok(ServedVersion::new(definition, component))
}

fn stored(blobs: &Blobs, key: Key, sha256: extensions_types::Sha256) -> Component {
    Component::Stored(Arc::new(StoredBlob { blobs: blobs.clone(), key, sha256 }))
}
