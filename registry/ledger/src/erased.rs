//! Tenants that are gone for good.

use extensions_artifact::Key;
use extensions_types::TenantId;

use crate::{LedgerError, Stores};

/// Whether `tenant` was erased.
pub(crate) async fn is_erased(stores: &Stores, tenant: &TenantId) -> Result<bool, LedgerError> {
    Ok(stores.registry().head(&Key::Erased { tenant: tenant.clone() }).await?.is_some())
}

/// Refuses what concerns an erased tenant.
pub(crate) async fn check(stores: &Stores, tenant: &TenantId) -> Result<(), LedgerError> {
    if is_erased(stores, tenant).await? { Err(LedgerError::Erased(tenant.clone())) } else { Ok(()) }
}
