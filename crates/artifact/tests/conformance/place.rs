//! A fresh store of each kind.

use std::sync::Arc;

use bytes::Bytes;
use extensions_artifact::{Created, Etag, Key, Owned, S3Settings, Store, StoreSettings, Swapped, testing};
use extensions_test_servers::{Bucket, Minio};
use extensions_types::{ExtensionId, TenantId, Version};
use tempfile::TempDir;

/// The kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Memory,
    Folder,
    Bucket,
    FolderOfBucket,
}

/// A store and what it stands on.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) store: Store,
    /// As another process opens it; empty for memory.
    pub(crate) settings: String,
    pub(crate) folder: Option<TempDir>,
    /// Keeps the server.
    _minio: Option<Arc<Minio>>,
}

impl Place {
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Memory => Self { kind, store: testing::in_memory(), settings: String::new(), folder: None, _minio: None },
            Kind::Folder => {
                let folder = tempfile::tempdir().unwrap();
                let settings = format!("dir = {:?}\n", folder.path().join("store"));
                Self { kind, store: open(&settings), settings, folder: Some(folder), _minio: None }
            }
            Kind::Bucket | Kind::FolderOfBucket => {
                let minio = Minio::shared().unwrap();
                let mut settings = minio.bucket().unwrap().to_toml();
                if kind == Kind::FolderOfBucket {
                    settings = settings.replace(" }", ", prefix = \"platform/one\" }");
                }
                Self { kind, store: open(&settings), settings, folder: None, _minio: Some(minio) }
            }
        }
    }
}

/// Runs the same test on each kind.
macro_rules! on_each {
    ($($name:ident),+ $(,)?) => {
        mod on_each {
            $(
                mod $name {
                    use crate::place::{Kind, Place};

                    #[tokio::test(flavor = "multi_thread")]
                    async fn in_memory() {
                        super::super::$name(&Place::new(Kind::Memory)).await;
                    }

                    #[tokio::test(flavor = "multi_thread")]
                    async fn in_a_folder() {
                        super::super::$name(&Place::new(Kind::Folder)).await;
                    }

                    #[tokio::test(flavor = "multi_thread")]
                    async fn in_a_bucket() {
                        super::super::$name(&Place::new(Kind::Bucket)).await;
                    }

                    #[tokio::test(flavor = "multi_thread")]
                    async fn in_a_folder_of_a_bucket() {
                        super::super::$name(&Place::new(Kind::FolderOfBucket)).await;
                    }
                }
            )+
        }
    };
}
pub(crate) use on_each;

/// The store of a section `[store]`.
pub(crate) fn open(settings: &str) -> Store {
    Store::open(&toml::from_str::<StoreSettings>(settings).unwrap()).unwrap()
}

pub(crate) fn s3(bucket: &Bucket) -> S3Settings {
    S3Settings::at(&bucket.endpoint, &bucket.name, &bucket.access_key, &bucket.secret_key)
}

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

pub(crate) fn of(tenant_name: &str, extension: &str) -> Owned {
    Owned::new(tenant(tenant_name), ExtensionId::parse(extension).unwrap())
}

pub(crate) fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

/// The etag of a create that must win.
pub(crate) async fn create(store: &Store, key: &Key, text: impl Into<Bytes>) -> Etag {
    match store.create(key, text.into()).await.unwrap() {
        Created::New(etag) => etag,
        Created::Exists => panic!("{key} exists"),
    }
}

/// The etag of a swap that must go.
pub(crate) async fn swap(store: &Store, key: &Key, text: impl Into<Bytes>, etag: &Etag) -> Etag {
    match store.swap(key, text.into(), etag).await.unwrap() {
        Swapped::New(etag) => etag,
        Swapped::Changed => panic!("{key} has changed"),
    }
}

pub(crate) async fn text(store: &Store, key: &Key) -> Option<String> {
    let object = store.get(key).await.unwrap()?;
    Some(String::from_utf8(object.bytes.to_vec()).unwrap())
}
