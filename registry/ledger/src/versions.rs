//! A version's objects: source, component, document. Put where nothing is; what
//! they must be is in the history, and nothing serves them before it says so.

use bytes::Bytes;
use extensions_artifact::{Created, Owned, digest, document};
use extensions_registry_core::{Built, Change, Extension, Refusal, VersionRecord};
use extensions_types::{ErrorCode, Sha256, Version, VersionDocument};

use crate::{
    Ledger, LedgerError, Stores,
    blobs::{Lies, fetch, look, mend},
    entries, erased,
    read::both,
};

/// What lies in the store of a version, for the event that commits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredVersion {
    /// Digest of the version's document.
    pub definition_sha256: Sha256,
    /// Digest of the component.
    pub component_sha256: Sha256,
    /// The component's size.
    pub component_bytes: u64,
}

impl Ledger {
    /// Puts the bundle of a version that was created with its digest. Putting it again is fine.
    ///
    /// # Errors
    /// When there is no such draft, the bytes are not the ones announced, or a store fails.
    pub async fn put_source(&self, of: &Owned, version: Version, bundle: Bytes) -> Result<(), LedgerError> {
        let (state, ()) = both(self.read(of), erased::check(self.stores(), &of.tenant)).await?;
        let record = record(&state, version)?;
        if record.draft.source_sha256 != digest(&bundle) {
            let text = format!("the bundle is not the one that version {version} was created with: another digest; push it again as a new version");
            return Err(Refusal::new(ErrorCode::BadRequest, text).into());
        }
        if record.source_deleted {
            return Err(Refusal::new(ErrorCode::Precondition, format!("the source of version {version} was deleted; push a new version")).into());
        }
        let (store, key, sha256) = (self.stores().registry(), of.source(version), &record.draft.source_sha256);
        match store.create(&key, bundle.clone()).await? {
            Created::New(_) => Ok(()),
            Created::Exists => mend(store, &key, bundle, sha256, look(store, &key, sha256).await?).await,
        }
    }

    /// Puts component and document of a version that is not built yet. What is
    /// there already and fits is kept; the answer says what the store holds.
    ///
    /// # Errors
    /// [`LedgerError::Occupied`] when an earlier attempt left another component;
    /// otherwise when there is no such draft or a store fails.
    pub async fn put_built(&self, of: &Owned, version: Version, component: Bytes, made: &VersionDocument) -> Result<StoredVersion, LedgerError> {
        let (state, ()) = both(self.read(of), erased::check(self.stores(), &of.tenant)).await?;
        let _ = record(&state, version)?;
        let component_sha256 = digest(&component);
        let fits = made.definition.digest == component_sha256.to_string()
            && made.definition.version == version
            && made.definition.id == of.extension
            && made.definition.tenant_id == of.tenant;
        if !fits {
            return Err(LedgerError::corrupt(&of.definition(version), "the document does not describe this component"));
        }
        let component_bytes = component.len() as u64;
        let store = self.stores().registry();
        let key = of.component(version);
        if store.create(&key, component).await? == Created::Exists && !matches!(look(store, &key, &component_sha256).await?, Lies::Right(_)) {
            return Err(LedgerError::Occupied(version));
        }
        let definition_sha256 = self.put_document(of, version, made).await?;
        Ok(StoredVersion { definition_sha256, component_sha256, component_bytes })
    }

    /// An earlier attempt's document is kept when only its evidence differs: times do.
    async fn put_document(&self, of: &Owned, version: Version, made: &VersionDocument) -> Result<Sha256, LedgerError> {
        let (store, key) = (self.stores().registry(), of.definition(version));
        let bytes = document::encode(made).map_err(|error| LedgerError::document(&key, error))?;
        let ours = digest(&bytes);
        if let Created::New(_) = store.create(&key, bytes).await? {
            return Ok(ours);
        }
        let object = store.get(&key).await?.ok_or_else(|| LedgerError::corrupt(&key, "it was there, and is gone"))?;
        let kept: VersionDocument = document::decode(&object.bytes).map_err(|_| LedgerError::Occupied(version))?;
        if kept.definition == made.definition { Ok(digest(&object.bytes)) } else { Err(LedgerError::Occupied(version)) }
    }

    /// The bundle of a version, verified.
    ///
    /// # Errors
    /// When there is none, it is damaged, or a store fails.
    pub async fn source(&self, of: &Owned, version: Version) -> Result<Bytes, LedgerError> {
        let state = self.read(of).await?;
        let record = record(&state, version)?;
        if record.source_deleted {
            return Err(Refusal::new(ErrorCode::NotFound, format!("the source of version {version} was deleted")).into());
        }
        let (store, key) = (self.stores().registry(), of.source(version));
        match look(store, &key, &record.draft.source_sha256).await? {
            Lies::Right(bytes) => Ok(bytes),
            Lies::Wrong(_) => Err(LedgerError::corrupt(&key, "its digest is another one")),
            Lies::Nothing => Err(Refusal::new(ErrorCode::NotFound, format!("the bundle of version {version} was not uploaded yet")).into()),
        }
    }

    /// The component of a built version, verified.
    ///
    /// # Errors
    /// When it is not built, its component is lost or damaged, or a store fails.
    pub async fn component(&self, of: &Owned, version: Version) -> Result<Bytes, LedgerError> {
        let state = self.read(of).await?;
        let built = built(&state, version)?;
        fetch(self.stores().registry(), &of.component(version), &built.component_sha256).await
    }

    /// Definition and evidence of a built version, verified.
    ///
    /// # Errors
    /// When it is not built, its document is lost or damaged, or a store fails.
    pub async fn document(&self, of: &Owned, version: Version) -> Result<VersionDocument, LedgerError> {
        let state = self.read(of).await?;
        let _ = built(&state, version)?;
        entries::definition(self.stores(), of, version, record(&state, version)?).await
    }
}

/// An event that commits objects is recorded only while they lie there.
pub(crate) async fn check_built(stores: &Stores, of: &Owned, change: &Change) -> Result<(), LedgerError> {
    let Change::VersionBuilt { version, built } = change else { return Ok(()) };
    let store = stores.registry();
    let (component, definition) = (of.component(*version), of.definition(*version));
    let (bytes, _) = both(fetch(store, &component, &built.component_sha256), fetch(store, &definition, &built.definition_sha256)).await?;
    if bytes.len() as u64 == built.component_bytes { Ok(()) } else { Err(LedgerError::corrupt(&component, "its size is another one")) }
}

fn record(state: &Extension, version: Version) -> Result<&VersionRecord, Refusal> {
    let missing = || Refusal::new(ErrorCode::NotFound, format!("there is no version {version} of this extension"));
    state.versions.get(&version).ok_or_else(missing)
}

fn built(state: &Extension, version: Version) -> Result<&Built, Refusal> {
    record(state, version)?.built().ok_or_else(|| Refusal::new(ErrorCode::Precondition, format!("version {version} is not built yet")))
}
