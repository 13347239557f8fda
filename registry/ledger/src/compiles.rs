//! Markers of compiles: "of this draft a compile was asked for, and has not
//! ended". Written before the event that asks, taken away after the event that
//! ends it, so that a compile outlives whoever heard of it.
//!
//! A marker also says who has the job and until when, so that several
//! registries hand it out once: it changes by etag, and of all who try one wins.
//! A lost marker loses no compile either: the look at everything after a start
//! puts it back for every draft whose history waits for a result.

use extensions_artifact::{Created, Etag, Key, Owned, Prefix, Swapped, document};
use extensions_registry_core::{Build, Change, Extension};
use extensions_types::{SchemaV1, TenantId, Version};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};

use crate::{Ledger, LedgerError, Stores, erased, read};

/// Compiles that are looked at in one round; the next round takes the rest.
pub const COMPILES_MAX: usize = 10_000;
/// Rivals that may come first before a marker is given up for now.
const RIVALS_MAX: u32 = 16;

/// `_compile/<tenant>/<extension>/<version>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompileMarker {
    /// Major version of the document.
    pub schema: SchemaV1,
    /// When it was asked for last, in milliseconds since the Unix epoch.
    pub asked_at_ms: u64,
    /// The issuer of the identity that asked last.
    pub asked_by: String,
    /// Nobody shall take it until somebody asks again: a compiler was at fault.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
    /// Who has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<CompileLease>,
}

/// A job in a worker's hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompileLease {
    /// The attempt.
    pub attempt: u32,
    /// Who has it, as its credential says.
    pub by: String,
    /// Tells this claim from others of the same attempt.
    pub claim: u64,
    /// Until when, in milliseconds since the Unix epoch, by the clock of whichever
    /// registry wrote it last.
    pub until_ms: u64,
}

/// A marker as it was when read.
#[derive(Debug, Clone)]
pub struct FoundCompile {
    /// What it says.
    pub marker: CompileMarker,
    /// What tells it from what it becomes.
    pub etag: Etag,
}

/// Where a draft is on its way to a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// A result of this attempt is awaited.
    Attempt(u32),
    /// Nobody asked yet: the event may still come.
    Nothing,
    /// No result will ever be awaited: it is built, failed, retired, deleted, or the tenant is erased.
    Over,
}

impl Awaited {
    /// What a history awaits of `version`.
    #[must_use]
    pub fn of(state: &Extension, version: Version) -> Self {
        let Some(record) = state.versions.get(&version) else {
            return if version.get() > state.last_version { Self::Nothing } else { Self::Over };
        };
        match &record.build {
            _ if record.retired_at_ms.is_some() || record.source_deleted => Self::Over,
            Build::Requested { attempt, .. } => Self::Attempt(*attempt),
            Build::Waiting => Self::Nothing,
            Build::Built(_) | Build::Failed { .. } => Self::Over,
        }
    }
}

impl Ledger {
    /// Every compile that was asked for, with the etag of its marker; at most [`COMPILES_MAX`].
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn compiles(&self) -> Result<Vec<(Owned, Version, Etag)>, LedgerError> {
        let rows = self.stores().registry().list(&Prefix::Compiles, None).take(COMPILES_MAX);
        let found = rows.try_filter_map(|row| async move {
            Ok(match row.key {
                Key::Compile { of, version } => Some((of, version, row.etag)),
                _ => None,
            })
        });
        Ok(found.try_collect().await?)
    }

    /// What the marker of a compile says; none where there is none, or a damaged one.
    ///
    /// # Errors
    /// When it cannot be read, or a newer generation of the platform wrote it.
    pub async fn compile_marker(&self, of: &Owned, version: Version) -> Result<Option<FoundCompile>, LedgerError> {
        read_marker(self.stores(), &of.compile(version)).await.map(|found| found.and_then(Result::ok))
    }

    /// Puts `marker` over what was found. The new etag; none: somebody else came first.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn swap_compile(&self, of: &Owned, version: Version, marker: &CompileMarker, found: &Etag) -> Result<Option<Etag>, LedgerError> {
        let key = of.compile(version);
        let bytes = document::encode(marker).map_err(|error| LedgerError::document(&key, error))?;
        match self.stores().registry().swap(&key, bytes, found).await? {
            Swapped::New(etag) => Ok(Some(etag)),
            Swapped::Changed => Ok(None),
        }
    }

    /// Makes sure that there is a marker that nobody has withdrawn, and that it is nobody's older than `attempt`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn ask_compile(&self, of: &Owned, version: Version, asked_by: &str) -> Result<(), LedgerError> {
        ask(self.stores(), of, version, asked_by, self.clock().now_ms()).await
    }

    /// Takes a marker away. Only where no result is awaited any more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget_compile(&self, of: &Owned, version: Version) -> Result<(), LedgerError> {
        Ok(self.stores().registry().delete(&of.compile(version)).await?)
    }

    /// What the history awaits of a draft, and the issuer of who pushed it.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub async fn awaited(&self, of: &Owned, version: Version) -> Result<Awaited, LedgerError> {
        if self.is_erased(&of.tenant).await? {
            return Ok(Awaited::Over);
        }
        Ok(Awaited::of(&read::latest(self.stores(), of).await?.state, version))
    }

    /// Whether a tenant was erased.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn is_erased(&self, tenant: &TenantId) -> Result<bool, LedgerError> {
        erased::is_erased(self.stores(), tenant).await
    }
}

/// Before the event that asks, or again when somebody asks again. A lease stays:
/// whose attempt is no longer awaited, it does not count.
pub(crate) async fn ask(stores: &Stores, of: &Owned, version: Version, asked_by: &str, at_ms: u64) -> Result<(), LedgerError> {
    let key = of.compile(version);
    let asked = |lease| CompileMarker { schema: SchemaV1, asked_at_ms: at_ms, asked_by: asked_by.to_owned(), withdrawn: false, lease };
    let encode = |marker: &CompileMarker| document::encode(marker).map_err(|error| LedgerError::document(&key, error));
    for _ in 0..RIVALS_MAX {
        let done = match read_marker(stores, &key).await? {
            None => matches!(stores.registry().create(&key, encode(&asked(None))?).await?, Created::New(_)),
            Some(Ok(found)) if !found.marker.withdrawn => return Ok(()),
            Some(Ok(FoundCompile { marker, etag })) => {
                matches!(stores.registry().swap(&key, encode(&asked(marker.lease))?, &etag).await?, Swapped::New(_))
            }
            Some(Err(etag)) => matches!(stores.registry().swap(&key, encode(&asked(None))?, &etag).await?, Swapped::New(_)),
        };
        if done {
            return Ok(());
        }
    }
    Err(LedgerError::Contended { tries: RIVALS_MAX })
}

/// After the look at everything: no draft waits for a result without a marker.
pub(crate) async fn ensure(stores: &Stores, of: &Owned, state: &Extension, at_ms: u64) -> Result<(), LedgerError> {
    for (&version, record) in &state.versions {
        if matches!(Awaited::of(state, version), Awaited::Attempt(_)) && stores.registry().head(&of.compile(version)).await?.is_none() {
            ask(stores, of, version, &record.created_by.iss, at_ms).await?;
        }
    }
    Ok(())
}

/// Behind an event that ends a compile. A failure leaves it to the next look.
pub(crate) async fn ended(stores: &Stores, of: &Owned, change: &Change) {
    let (Change::VersionBuilt { version, .. }
    | Change::VersionFailed { version, .. }
    | Change::Retired { version }
    | Change::SourceDeleted { version }
    | Change::VersionDeleted { version }) = change
    else {
        return;
    };
    let key = of.compile(*version);
    if let Err(error) = stores.registry().delete(&key).await {
        tracing::debug!(%key, %error, "a compile's marker stays; the next look removes it");
    }
}

/// A marker, or the etag of what is none.
async fn read_marker(stores: &Stores, key: &Key) -> Result<Option<Result<FoundCompile, Etag>>, LedgerError> {
    let Some(object) = stores.registry().get(key).await? else { return Ok(None) };
    Ok(Some(match document::decode(&object.bytes) {
        Ok(marker) => Ok(FoundCompile { marker, etag: object.etag }),
        Err(error @ document::DocumentError::UnknownSchema { .. }) => return Err(LedgerError::document(key, error)),
        Err(error) => {
            tracing::warn!(%key, %error, "a compile's marker is damaged; it is written anew");
            Err(object.etag)
        }
    }))
}
