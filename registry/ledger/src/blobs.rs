//! Components in an environment's store: copied there, read back, verified,
//! before an event says that they are served.

use bytes::Bytes;
use extensions_artifact::{Created, Etag, Key, Owned, Store, Swapped, digest};
use extensions_registry_core::{Built, Extension};
use extensions_types::{Environment, Sha256, Version};
use futures_util::future::join_all;

use crate::{LedgerError, Stores};

/// What lies where an object should be.
pub(crate) enum Lies {
    /// The object.
    Right(Bytes),
    /// Something else.
    Wrong(Etag),
    /// Nothing.
    Nothing,
}

/// Reads what lies at `key` and compares it with the digest that history holds.
pub(crate) async fn look(store: &Store, key: &Key, sha256: &Sha256) -> Result<Lies, LedgerError> {
    let Some(object) = store.get(key).await? else { return Ok(Lies::Nothing) };
    Ok(if digest(&object.bytes) == *sha256 { Lies::Right(object.bytes) } else { Lies::Wrong(object.etag) })
}

/// The bytes of `key`, if they are those that history holds.
pub(crate) async fn fetch(store: &Store, key: &Key, sha256: &Sha256) -> Result<Bytes, LedgerError> {
    match look(store, key, sha256).await? {
        Lies::Right(bytes) => Ok(bytes),
        Lies::Wrong(_) => Err(LedgerError::corrupt(key, "its digest is another one")),
        Lies::Nothing => Err(LedgerError::corrupt(key, "nothing is there")),
    }
}

/// Puts bytes whose digest history holds: over nothing, or over damage. Reads them back.
pub(crate) async fn mend(store: &Store, key: &Key, bytes: Bytes, sha256: &Sha256, lies: Lies) -> Result<(), LedgerError> {
    match lies {
        Lies::Right(_) => return Ok(()),
        Lies::Nothing => matches!(store.create(key, bytes).await?, Created::New(_)),
        // The digest is committed: no other bytes can ever be right.
        Lies::Wrong(etag) => matches!(store.swap(key, bytes, &etag).await?, Swapped::New(_)),
    };
    fetch(store, key, sha256).await.map(drop)
}

/// Makes sure that the components of `versions` lie in the store of `env`.
/// `must` fail the whole; others are only reported, since what is served
/// already must not stand in the way of a change.
pub(crate) async fn place(
    stores: &Stores,
    of: &Owned,
    state: &Extension,
    env: Environment,
    versions: impl IntoIterator<Item = (Version, bool)>,
) -> Result<(), LedgerError> {
    let placed = versions.into_iter().filter_map(|(version, must)| {
        let built = state.versions.get(&version)?.built()?;
        Some(async move {
            match place_one(stores, of, version, built, env).await {
                Err(error) if !must => {
                    tracing::warn!(%of, %version, %env, %error, "the component of a listed version is not in place");
                    Ok(())
                }
                result => result,
            }
        })
    });
    join_all(placed).await.into_iter().collect()
}

async fn place_one(stores: &Stores, of: &Owned, version: Version, built: &Built, env: Environment) -> Result<(), LedgerError> {
    let (key, sha256) = (of.component(version), &built.component_sha256);
    let target = stores.env(env);
    let lies = look(target, &key, sha256).await?;
    if matches!(lies, Lies::Right(_)) {
        return Ok(());
    }
    let bytes = fetch(stores.registry(), &key, sha256).await?;
    mend(target, &key, bytes, sha256, lies).await
}
