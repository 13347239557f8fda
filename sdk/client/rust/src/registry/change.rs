//! What every change of the registry carries: a target, a key, a reason.

use extensions_proto::v1;
use extensions_types::{ExtensionId, TenantId};
use uuid::Uuid;

/// One change of one extension. It has a key of its own: sent again, the
/// registry answers what it answered before instead of changing more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    extension: ExtensionId,
    key: String,
    why: String,
    expected_seq: Option<u64>,
}

impl Change {
    /// A change of `extension` under a new key.
    #[must_use]
    pub fn of(extension: &ExtensionId) -> Self {
        Self { extension: extension.clone(), key: fresh_key(), why: String::new(), expected_seq: None }
    }

    /// Under this key: 1 to 128 visible ASCII bytes, for whoever repeats a
    /// change across processes.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// Why, for the history; at most 1,024 bytes.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// Only if nothing has happened since this event; CONFLICT otherwise.
    #[must_use]
    pub fn expected_seq(mut self, seq: u64) -> Self {
        self.expected_seq = Some(seq);
        self
    }

    pub(super) fn command(&self, tenant: Option<&TenantId>) -> Option<v1::Command> {
        Some(v1::Command {
            idempotency_key: self.key.clone(),
            expected_seq: self.expected_seq,
            why: self.why.clone(),
            tenant_id: tenant_text(tenant),
            extension_id: self.extension.as_str().to_owned(),
        })
    }
}

/// A key that nobody has used.
pub(super) fn fresh_key() -> String {
    Uuid::now_v7().to_string()
}

/// Empty means the token's tenant.
pub(super) fn tenant_text(tenant: Option<&TenantId>) -> String {
    tenant.map_or(String::new(), |tenant| tenant.as_str().to_owned())
}
