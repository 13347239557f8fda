//! A component in the environment's store, for whoever loads it.

use std::fmt;

use bytes::Bytes;
use extensions_artifact::{BlobError, Blobs, Key, StoreError};
use extensions_catalog::{NoComponent, StoredComponent};
use extensions_types::Sha256;
use futures_util::future::BoxFuture;

/// Where the component lies and what its bytes must be.
pub(crate) struct StoredBlob {
    pub(crate) blobs: Blobs,
    pub(crate) key: Key,
    pub(crate) sha256: Sha256,
}

impl fmt::Debug for StoredBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredBlob({} {})", self.key, self.sha256)
    }
}

impl StoredComponent for StoredBlob {
    fn fetch(&self) -> BoxFuture<'_, Result<Bytes, NoComponent>> {
        Box::pin(async { self.blobs.fetch(&self.key, &self.sha256).await.map_err(unfetched) })
    }
}

fn unfetched(error: BlobError) -> NoComponent {
    match error {
        BlobError::Missing { .. } | BlobError::Corrupt { .. } => NoComponent::Damaged(error.to_string()),
        BlobError::Store(error @ StoreError::TooLarge { .. }) => NoComponent::Damaged(error.to_string()),
        BlobError::Store(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a component cannot be fetched");
            NoComponent::Unavailable
        }
    }
}
