//! Waiting for an entry that is known but not read: never longer than the caller does.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use extensions_types::{ExtensionId, TenantId};

use crate::{Catalog, Entry, Found, Unread};

/// A caller is answered this long before its deadline.
const ANSWER_BEFORE: Duration = Duration::from_millis(20);
/// No caller waits longer for an entry.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Why there is no entry to resolve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// The tenant has no such extension in this environment.
    #[error("no such extension")]
    Nothing,
    /// It cannot be had now.
    #[error(transparent)]
    Unread(#[from] Unread),
    /// It is being read; the caller's time or patience is over.
    #[error("what this environment serves is still being read; try again")]
    Reading,
}

/// The entry of one extension: at once where it is known, else when it has been
/// read, shortly before `deadline` or after five seconds at the latest.
///
/// # Errors
/// When there is none, or it cannot be had in time.
pub async fn find(catalog: &dyn Catalog, tenant: &TenantId, extension: &ExtensionId, deadline: Option<Instant>) -> Result<Arc<Entry>, Missing> {
    match catalog.entry(tenant, extension) {
        Found::Entry(entry) => Ok(entry),
        Found::Nothing => Err(Missing::Nothing),
        Found::Unread => within(deadline, catalog.read(tenant, extension)).await?.ok_or(Missing::Nothing),
    }
}

/// Waits as a caller with `deadline` may.
pub(crate) async fn within<T>(deadline: Option<Instant>, reading: impl Future<Output = Result<T, Unread>>) -> Result<T, Missing> {
    let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now()).saturating_sub(ANSWER_BEFORE);
    match tokio::time::timeout(deadline.map_or(WAIT_MAX, left).min(WAIT_MAX), reading).await {
        Ok(read) => Ok(read?),
        Err(_) => Err(Missing::Reading),
    }
}
