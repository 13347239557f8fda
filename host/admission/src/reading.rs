//! What callers and operators read: extensions, log records, where the host stands.

use std::{sync::Arc, time::Instant};

use extensions_breakers::Listed;
use extensions_catalog::{CatalogStatus, Found, ServedVersion};
use extensions_identity::{Principal, Role, Scope};
use extensions_types::{Environment, ErrorCode, ExtensionDefinition, ExtensionId, Kind, Refusal, TenantId};

use crate::{
    Admission, LogRecord,
    refusals::{LOADING_RETRY, not_found},
};

/// One list answer holds at most this many extensions.
const LIST_MAX: usize = 1_000;

impl Admission {
    /// What this host serves to the principal's tenant, ordered by id.
    ///
    /// # Errors
    /// PERMISSION_DENIED for a token without a tenant, UNAVAILABLE while what is served cannot be read.
    pub async fn list(&self, principal: &Principal, kind: Option<Kind>) -> Result<Vec<Arc<ExtensionDefinition>>, Refusal> {
        let tenant = own_tenant(principal)?;
        let may_list = principal.has_scope(Scope::Invoke) || principal.has_role(Role::Viewer);
        if !may_list {
            return Err(Refusal::new(ErrorCode::PermissionDenied, "listing needs scope invoke or role viewer"));
        }
        let listed = self
            .catalogs()
            .list(tenant, kind, LIST_MAX, None)
            .await
            .map_err(|missing| Refusal { retry_after: Some(LOADING_RETRY), ..Refusal::new(ErrorCode::Unavailable, missing.to_string()) })?;
        let answering = |version: &&Arc<ServedVersion>| self.switches.local.forced_off(&version.definition).is_none();
        Ok(listed.iter().filter(answering).map(|version| Arc::clone(&version.definition)).collect())
    }

    /// The oldest `max` log records of an extension after `after`.
    ///
    /// # Errors
    /// PERMISSION_DENIED without role viewer, NOT_FOUND for an unknown extension.
    pub fn logs(&self, principal: &Principal, extension: &str, after: u64, max: usize) -> Result<Vec<LogRecord>, Refusal> {
        let tenant = own_tenant(principal)?;
        if !principal.has_role(Role::Viewer) {
            return Err(Refusal::new(ErrorCode::PermissionDenied, "reading logs needs role viewer"));
        }
        let id = ExtensionId::parse(extension).map_err(|error| Refusal::new(ErrorCode::BadRequest, error.to_string()))?;
        let is_known = self.catalogs().iter().any(|(_, catalog)| !matches!(catalog.entry(tenant, &id), Found::Nothing));
        if !is_known {
            return Err(not_found(&id, self.catalogs().own()));
        }
        Ok(self.guest_logs.read(tenant, &id, after, max))
    }

    /// Whether calls can be answered.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.catalogs().ready()
    }

    /// For operators: where each environment's catalog stands.
    #[must_use]
    pub fn status(&self) -> Vec<(Environment, CatalogStatus)> {
        self.catalogs().status()
    }

    /// For operators: the versions that had trouble lately, those that are not called first.
    #[must_use]
    pub fn breakers(&self) -> Listed {
        self.circuits.breakers().list(Instant::now())
    }
}

fn own_tenant(principal: &Principal) -> Result<&TenantId, Refusal> {
    principal.tenant().ok_or_else(|| Refusal::new(ErrorCode::PermissionDenied, "this needs a token of the tenant"))
}
