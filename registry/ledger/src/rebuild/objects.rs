//! A rebuild's look at the objects of versions.

use extensions_artifact::{Key, Owned};
use extensions_registry_core::{Extension, VersionRecord};
use extensions_types::{EntryDocument, Environment, Sha256, Version, with_causes};
use futures_util::{StreamExt as _, stream};

use super::report::{Reporting, Wrong};
use crate::{
    Ledger, LedgerError,
    blobs::{self, Lies, look, mend},
};

/// Objects looked at at once, of at most 8 MiB each.
const AT_ONCE: usize = 4;

impl Ledger {
    /// Reports what the history promises and the store does not hold.
    pub(super) async fn check_objects(&self, of: &Owned, state: &Extension, verify: bool, report: &Reporting) {
        let wanted: Vec<_> = state.versions.iter().flat_map(|(&version, record)| wanted(of, version, record)).collect();
        let checks = wanted.into_iter().map(|(key, sha256)| async move {
            match self.check_object(&key, &sha256, verify).await {
                Ok(Seen::Right) => {}
                Ok(Seen::Restored) => report.count(|report| report.components_restored += 1),
                Ok(Seen::Wrong(wrong)) => report.find(&key, wrong, format!("SHA-256 {sha256} is expected")),
                Err(error) => report.find(&key, Wrong::Unreadable, with_causes(&error)),
            }
        });
        stream::iter(checks).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    async fn check_object(&self, key: &Key, sha256: &Sha256, verify: bool) -> Result<Seen, LedgerError> {
        let store = self.stores().registry();
        if !verify && store.head(key).await?.is_some() {
            return Ok(Seen::Right);
        }
        let (lies, wrong) = match look(store, key, sha256).await? {
            Lies::Right(_) => return Ok(Seen::Right),
            lies @ Lies::Wrong(_) => (lies, Wrong::ObjectDamaged),
            Lies::Nothing => (Lies::Nothing, Wrong::ObjectMissing),
        };
        // An environment's copy is as good: its digest is the same.
        match self.copy_elsewhere(key, sha256).await? {
            Some(bytes) => mend(store, key, bytes, sha256, lies).await.map(|()| Seen::Restored),
            None => Ok(Seen::Wrong(wrong)),
        }
    }

    async fn copy_elsewhere(&self, key: &Key, sha256: &Sha256) -> Result<Option<bytes::Bytes>, LedgerError> {
        if !matches!(key, Key::Component { .. }) {
            return Ok(None);
        }
        for store in Environment::ALL.iter().map(|&env| self.stores().env(env)) {
            if let Lies::Right(bytes) = look(store, key, sha256).await? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// Puts the components that `entry` lists into its environment's store, and reports those that are not to be had.
    pub(super) async fn put_in_place(&self, of: &Owned, state: &Extension, entry: &EntryDocument, report: &Reporting) {
        for &version in entry.versions.keys() {
            if let Err(error) = blobs::place(self.stores(), of, state, entry.env, [(version, true)]).await {
                report.find(&of.component(version), Wrong::NotInPlace, format!("in {}: {}", entry.env, with_causes(&error)));
            }
        }
    }
}

/// What a look at one object gave.
enum Seen {
    Right,
    Restored,
    Wrong(Wrong),
}

/// The objects that the history promises of a version. A draft's source may
/// not have been uploaded yet.
fn wanted(of: &Owned, version: Version, record: &VersionRecord) -> Vec<(Key, Sha256)> {
    let Some(built) = record.built() else { return Vec::new() };
    let mut wanted = vec![(of.component(version), built.component_sha256), (of.definition(version), built.definition_sha256)];
    if !record.source_deleted {
        wanted.push((of.source(version), record.draft.source_sha256));
    }
    wanted
}
