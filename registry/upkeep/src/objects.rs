//! The objects that a history says there are, with their digests.

use extensions_artifact::{Key, Owned, digest};
use extensions_registry_core::Extension;
use extensions_types::{Origin, Sha256};

use crate::{UpkeepError, place::At};

/// An object that a version has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) key: Key,
    pub(crate) sha256: Sha256,
    /// Whether it must be there: a source may not have been uploaded yet.
    pub(crate) must: bool,
}

/// Every object of every version that is not deleted.
pub(crate) fn expected(of: &Owned, state: &Extension) -> Vec<Expected> {
    let mut all = Vec::new();
    for (&version, record) in &state.versions {
        let built = record.built();
        if !record.source_deleted {
            // A component from outside needs no source kept beside it.
            let must = built.is_some() && record.draft.origin == Origin::Source;
            all.push(Expected { key: of.source(version), sha256: record.draft.source_sha256, must });
        }
        if let Some(built) = built {
            all.push(Expected { key: of.component(version), sha256: built.component_sha256, must: true });
            all.push(Expected { key: of.definition(version), sha256: built.definition_sha256, must: true });
        }
    }
    all
}

/// What a store holds where an object should be.
#[derive(Debug)]
pub(crate) enum Lies {
    Right(bytes::Bytes),
    Wrong,
    Nothing,
}

impl Expected {
    pub(crate) async fn look(&self, at: &At) -> Result<Lies, UpkeepError> {
        Ok(match at.get(&self.key).await? {
            Some(object) if digest(&object.bytes) == self.sha256 => Lies::Right(object.bytes),
            Some(_) => Lies::Wrong,
            None => Lies::Nothing,
        })
    }
}
