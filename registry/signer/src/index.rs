//! What the environments serve: their entries, read again when their etag changes.

use std::collections::{BTreeMap, HashSet};

use extensions_artifact::{Etag, Key, Owned, Prefix, Store, StoreError, document};
use extensions_types::{EntryDocument, Environment, Sha256, Version};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

/// Entries read at once.
const READS: usize = 16;

/// What a version is to its entry, the hottest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    /// Every call that names no version.
    Current,
    /// Calls of some callers or hook points.
    Pinned,
    /// Calls when the current one fails.
    LastGood,
    /// None: the entry is disabled.
    Disabled,
}

/// One version that an entry lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) component: Sha256,
    /// Where the component lies in the environment's store.
    pub(crate) blob: Key,
    pub(crate) version: Version,
    pub(crate) role: Role,
}

#[derive(Debug)]
struct Known {
    etag: Etag,
    uses: Vec<Use>,
    /// Whether it came after this process had seen everything once.
    fresh: bool,
}

/// The entries of all environments.
#[derive(Debug, Default)]
pub(crate) struct Index {
    environments: BTreeMap<Environment, BTreeMap<Owned, Known>>,
}

/// One use with where it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used<'i> {
    pub(crate) env: Environment,
    pub(crate) of: &'i Owned,
    pub(crate) used: &'i Use,
    pub(crate) fresh: bool,
}

impl Index {
    /// Follows `env`'s entries in `store`. An entry that is no entry is passed over: hosts do not serve it either.
    ///
    /// # Errors
    /// That the store cannot be read; what was known stays.
    pub(crate) async fn follow(&mut self, env: Environment, store: &Store) -> Result<(), StoreError> {
        let rows: Vec<_> = store.list(&Prefix::Entries(env), None).try_collect().await?;
        let again = self.environments.contains_key(&env);
        let known = self.environments.entry(env).or_default();
        let listed: Vec<_> = rows
            .into_iter()
            .filter_map(|row| match row.key {
                Key::Entry { of, .. } => Some((of, row.etag)),
                _ => None,
            })
            .collect();
        let present: HashSet<_> = listed.iter().map(|(of, _)| of.clone()).collect();
        known.retain(|of, _| present.contains(of));
        let changed: Vec<_> = listed.into_iter().filter(|(of, etag)| known.get(of).is_none_or(|one| one.etag != *etag)).collect();
        let reads = stream::iter(changed).map(|(of, _)| async move {
            let object = store.get(&of.entry(env)).await?;
            Ok::<_, StoreError>((of, object))
        });
        let mut reads = std::pin::pin!(reads.buffer_unordered(READS));
        while let Some((of, object)) = reads.try_next().await? {
            // Gone since it was listed: the next list says so.
            let Some(object) = object else { continue };
            let uses = match document::decode::<EntryDocument>(&object.bytes) {
                Ok(entry) => uses(&entry),
                Err(error) => {
                    tracing::warn!(%env, %of, %error, "an entry cannot be read; nothing of it is compiled");
                    Vec::new()
                }
            };
            known.insert(of, Known { etag: object.etag, uses, fresh: again });
        }
        Ok(())
    }

    /// Every use in every environment.
    pub(crate) fn uses(&self) -> impl Iterator<Item = Used<'_>> {
        self.environments.iter().flat_map(|(&env, entries)| {
            entries.iter().flat_map(move |(of, known)| known.uses.iter().map(move |used| Used { env, of, used, fresh: known.fresh }))
        })
    }

    /// The components that an environment serves, each once.
    pub(crate) fn components(&self, env: Environment) -> HashSet<Sha256> {
        self.uses().filter(|used| used.env == env).map(|used| used.used.component).collect()
    }

    /// Whether every one of `environments` has been listed once.
    pub(crate) fn has_seen(&self, mut environments: impl Iterator<Item = Environment>) -> bool {
        environments.all(|env| self.environments.contains_key(&env))
    }
}

fn uses(entry: &EntryDocument) -> Vec<Use> {
    let pinned = |version: &Version| entry.caller_pins.values().chain(entry.hook_pins.values()).any(|pin| pin == version);
    let role = |version: &Version| match version {
        _ if !entry.enabled => Role::Disabled,
        version if *version == entry.current => Role::Current,
        version if pinned(version) => Role::Pinned,
        _ => Role::LastGood,
    };
    let listed = entry.versions.iter().filter_map(|(version, listed)| {
        let blob = Key::parse(&listed.blob.key)?;
        Some(Use { component: listed.blob.sha256, blob, version: *version, role: role(version) })
    });
    listed.collect()
}
