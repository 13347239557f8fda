//! The stores that upkeep works on, and requests to them.

use bytes::Bytes;
use extensions_artifact::{Created, Key, Object, Prefix, Row, Store, Swept, document};
use extensions_types::Environment;
use futures_util::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::UpkeepError;

/// Which store an object lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The registry's own: histories, versions, sources.
    Registry,
    /// An environment's: entries and the components that it serves.
    Environment(Environment),
    /// A backup.
    Backup,
}

impl Place {
    fn text(self) -> String {
        match self {
            Self::Registry => "the registry's store".to_owned(),
            Self::Environment(env) => format!("the store of {env}"),
            Self::Backup => "the backup".to_owned(),
        }
    }
}

/// A store that knows which one it is, so that errors say it.
#[derive(Debug, Clone)]
pub(crate) struct At {
    pub(crate) place: Place,
    pub(crate) store: Store,
}

impl At {
    pub(crate) fn new(place: Place, store: &Store) -> Self {
        Self { place, store: store.clone() }
    }

    fn failed(&self) -> impl Fn(extensions_artifact::StoreError) -> UpkeepError + Copy + use<> {
        let place = self.place;
        move |source| UpkeepError::Store { place: place.text(), source }
    }

    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Object>, UpkeepError> {
        self.store.get(key).await.map_err(self.failed())
    }

    pub(crate) async fn head(&self, key: &Key) -> Result<Option<Row>, UpkeepError> {
        self.store.head(key).await.map_err(self.failed())
    }

    pub(crate) async fn create(&self, key: &Key, bytes: Bytes) -> Result<Created, UpkeepError> {
        self.store.create(key, bytes).await.map_err(self.failed())
    }

    pub(crate) async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), UpkeepError> {
        self.store.put(key, bytes).await.map(drop).map_err(self.failed())
    }

    pub(crate) async fn delete(&self, key: &Key) -> Result<(), UpkeepError> {
        self.store.delete(key).await.map_err(self.failed())
    }

    pub(crate) async fn sweep_staged(&self, dry_run: bool) -> Result<Swept, UpkeepError> {
        self.store.sweep_staged(dry_run).await.map_err(self.failed())
    }

    pub(crate) fn list(&self, prefix: &Prefix) -> BoxStream<'static, Result<Row, UpkeepError>> {
        self.store.list(prefix, None).map_err(self.failed()).boxed()
    }

    /// All rows of a folder that is bounded by its kind: one extension, one
    /// environment's markers of it.
    pub(crate) async fn rows(&self, prefix: &Prefix) -> Result<Vec<Row>, UpkeepError> {
        self.list(prefix).try_collect().await
    }

    pub(crate) async fn read<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, UpkeepError> {
        let Some(object) = self.get(key).await? else { return Ok(None) };
        let wrong = |source| UpkeepError::Document { path: key.path(), source };
        document::decode(&object.bytes).map(Some).map_err(wrong)
    }

    pub(crate) fn document<T: Serialize>(key: &Key, value: &T) -> Result<Bytes, UpkeepError> {
        document::encode(value).map_err(|source| UpkeepError::Document { path: key.path(), source })
    }

    /// The names of all tenants with objects of their own, in order.
    pub(crate) async fn tenants(&self) -> Result<Vec<extensions_types::TenantId>, UpkeepError> {
        let mut all = Vec::new();
        loop {
            let names = self.store.tenants(all.last(), NAMES_PER_PAGE).await.map_err(self.failed())?;
            let more = names.more && !names.names.is_empty();
            all.extend(names.names);
            if !more {
                return Ok(all);
            }
        }
    }

    /// The names of all extensions of a tenant, in order.
    pub(crate) async fn extensions(&self, tenant: &extensions_types::TenantId) -> Result<Vec<extensions_types::ExtensionId>, UpkeepError> {
        let mut all = Vec::new();
        loop {
            let names = self.store.extensions(tenant, all.last(), NAMES_PER_PAGE).await.map_err(self.failed())?;
            let more = names.more && !names.names.is_empty();
            all.extend(names.names);
            if !more {
                return Ok(all);
            }
        }
    }
}

/// As many as one list request of S3 gives.
const NAMES_PER_PAGE: usize = 1_000;
