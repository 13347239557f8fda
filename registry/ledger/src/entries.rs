//! Entries: derived from the whole history, swapped only upwards.

use std::collections::BTreeMap;

use extensions_artifact::{Owned, document};
use extensions_registry_core::{Extension, Stored, VersionRecord, entry};
use extensions_types::{EntryDocument, Environment, ExtensionDefinition, Version, VersionDocument};
use futures_util::future::try_join_all;

use crate::{
    LedgerError, Stores,
    blobs::{self, fetch},
    documents::{Found, raise, read_derived},
    read::catch_up,
};

/// An environment's entry as it was read.
pub(crate) type FoundEntry = Option<Found<EntryDocument>>;

/// The entry as the environment's store has it.
pub(crate) async fn found(stores: &Stores, of: &Owned, env: Environment) -> Result<FoundEntry, LedgerError> {
    read_derived(stores.env(env), &of.entry(env)).await
}

/// An entry to be written.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) env: Environment,
    pub(crate) before: FoundEntry,
    pub(crate) entry: EntryDocument,
}

/// Definitions that were read from the versions' own documents.
pub(crate) type Definitions = BTreeMap<Version, ExtensionDefinition>;

/// What `env` should serve after `state`; none: nothing. Definitions come from
/// `fresh`, from the entry before, else from the versions' own documents.
pub(crate) async fn derive(
    stores: &Stores,
    of: &Owned,
    state: &Extension,
    env: Environment,
    before: &FoundEntry,
    fresh: &Definitions,
) -> Result<Option<EntryDocument>, LedgerError> {
    let listed = state.listed(env).into_iter().filter_map(|version| Some((version, state.versions.get(&version)?)));
    let stored = try_join_all(listed.map(|(version, record)| async move {
        let definition = match fresh.get(&version).or_else(|| known(before, version, record)) {
            Some(definition) => definition.clone(),
            None => definition(stores, of, version, record).await?.definition,
        };
        Ok::<_, LedgerError>((version, Stored { definition, key: of.component(version).path() }))
    }))
    .await?;
    let stored: BTreeMap<_, _> = stored.into_iter().collect();
    entry(state, env, &stored).map_err(|error| LedgerError::corrupt(&of.entry(env), error.to_string()))
}

/// The definitions of `versions`, from their own documents.
pub(crate) async fn definitions(
    stores: &Stores,
    of: &Owned,
    state: &Extension,
    versions: impl IntoIterator<Item = Version>,
) -> Result<Definitions, LedgerError> {
    let records = versions.into_iter().filter_map(|version| Some((version, state.versions.get(&version)?)));
    let read = records.map(|(version, record)| async move { Ok((version, definition(stores, of, version, record).await?.definition)) });
    try_join_all(read).await.map(|all| all.into_iter().collect())
}

/// A version's definition as the entry before has it: definitions never change,
/// so that the component's digest tells whether it is the same.
fn known<'a>(before: &'a FoundEntry, version: Version, record: &VersionRecord) -> Option<&'a ExtensionDefinition> {
    let listed = before.as_ref()?.value.as_ref()?.versions.get(&version)?;
    (listed.definition.digest == record.built()?.component_sha256.to_string()).then_some(&listed.definition)
}

/// A built version's document, verified.
pub(crate) async fn definition(stores: &Stores, of: &Owned, version: Version, record: &VersionRecord) -> Result<VersionDocument, LedgerError> {
    let key = of.definition(version);
    let built = record.built().ok_or_else(|| LedgerError::corrupt(&key, "the version was never built"))?;
    let bytes = fetch(stores.registry(), &key, &built.definition_sha256).await?;
    document::decode(&bytes).map_err(|error| LedgerError::document(&key, error))
}

/// Whether two entries serve the same, whatever the order they carry.
pub(crate) fn same(one: &EntryDocument, other: &EntryDocument) -> bool {
    let level = |entry: &EntryDocument| EntryDocument { generation: 0, applied_seq: 0, ..entry.clone() };
    level(one) == level(other)
}

/// The last event that the environment knows of, if the history lacks it.
pub(crate) fn ahead(before: &FoundEntry, state: &Extension) -> Option<u64> {
    let there = before.as_ref()?.value.as_ref()?;
    (there.applied_seq > state.applied_seq && there.generation >= state.generation).then_some(there.applied_seq)
}

/// Writes an entry, unless the store has a later one.
pub(crate) async fn write(stores: &Stores, of: &Owned, draft: Draft) -> Result<(u64, u64), LedgerError> {
    let Draft { env, before, entry } = draft;
    raise(stores.env(env), &of.entry(env), entry, before.map(|found| found.slot())).await
}

/// What came of making sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// The environment serves what the history says.
    Already((u64, u64)),
    /// It does now.
    Written((u64, u64)),
    /// It serves nothing, as the history says.
    Nothing,
    /// It serves something of which the history knows nothing.
    Stray,
}

impl Settled {
    /// How far the entry is, where there is one.
    pub(crate) const fn order(self) -> Option<(u64, u64)> {
        match self {
            Self::Already(order) | Self::Written(order) => Some(order),
            Self::Nothing | Self::Stray => None,
        }
    }
}

/// Makes sure that `env` serves what the history says, components included.
/// `state` holds all events that were there when it began; it is brought up to
/// date where the environment knows more.
pub(crate) async fn settle(stores: &Stores, of: &Owned, state: &mut Extension, env: Environment) -> Result<Settled, LedgerError> {
    let before = found(stores, of, env).await?;
    if ahead(&before, state).is_some() {
        catch_up(stores, of, state).await?;
        if let Some(seq) = ahead(&before, state) {
            return Err(LedgerError::Ahead { env, seq });
        }
    }
    let Some(entry) = derive(stores, of, state, env, &before, &Definitions::new()).await? else {
        return Ok(if before.is_some() { Settled::Stray } else { Settled::Nothing });
    };
    let there = before.as_ref().and_then(|found| found.value.as_ref());
    if let Some(there) = there.filter(|there| same(there, &entry) && there.generation >= entry.generation) {
        return Ok(Settled::Already(there.order()));
    }
    blobs::place(stores, of, state, env, entry.versions.keys().map(|&version| (version, false))).await?;
    write(stores, of, Draft { env, before, entry }).await.map(Settled::Written)
}
