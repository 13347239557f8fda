//! What can be listed: folders of the layout, by typed ids.

use std::fmt;

use extensions_types::{Environment, Sha256, TenantId};

use super::Owned;

/// A folder of the layout. A list returns the keys within it at any depth, in
/// the order of their paths' bytes: sequence numbers rise, version numbers sort
/// as text (`10` before `2`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prefix {
    /// Everything, the platform's own folders too.
    All,
    /// `<tenant>/`: histories, versions and sources of a tenant.
    Tenant(TenantId),
    /// `<tenant>/<extension>/`: history, versions and sources of an extension.
    Extension(Owned),
    /// `<tenant>/<extension>/events/`.
    Events(Owned),
    /// `<tenant>/<extension>/source/`.
    Sources(Owned),
    /// `_env/<env>/control/events/`.
    ControlEvents(Environment),
    /// `_env/<env>/entries/`: what an environment serves.
    Entries(Environment),
    /// `_env/<env>/entries/<tenant>/`: what an environment serves of a tenant.
    EntriesOf(Environment, TenantId),
    /// `_pending/`: markers of all environments.
    Pending,
    /// `_pending/<env>/`.
    PendingIn(Environment),
    /// `_pending/<env>/<tenant>/`.
    PendingOfTenant(Environment, TenantId),
    /// `_pending/<env>/<tenant>/<extension>/`.
    PendingOf(Environment, Owned),
    /// `_compile/`: compiles that were asked for.
    Compiles,
    /// `_compile/<tenant>/`.
    CompilesOf(TenantId),
    /// `_erased/`: tenants that are gone.
    Erased,
    /// `_aot/`: machine code.
    Precompiled,
    /// `_aot/<compat>/`: machine code for one engine.
    PrecompiledFor(Sha256),
    /// `_upkeep/gc/`: garbage collections under way.
    GcRuns,
    /// `_backup/runs/`: all backups.
    BackupRuns,
    /// `_backup/runs/<run>/`: one backup.
    BackupRun(u64),
    /// `_backup/generations/`: those that restores claimed.
    BackupGenerations,
    /// `_backup/lost/<generation>/`: what a restore set aside.
    BackupLost(u64),
}

impl Prefix {
    /// The path with its last slash; empty for everything. The slash keeps
    /// `acme` from being a prefix of `acme-two`.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Tenant(tenant) => format!("{tenant}/"),
            Self::Extension(of) => format!("{of}/"),
            Self::Events(of) => format!("{of}/events/"),
            Self::Sources(of) => format!("{of}/source/"),
            Self::ControlEvents(env) => format!("_env/{env}/control/events/"),
            Self::Entries(env) => format!("_env/{env}/entries/"),
            Self::EntriesOf(env, tenant) => format!("_env/{env}/entries/{tenant}/"),
            Self::Pending => "_pending/".to_owned(),
            Self::PendingIn(env) => format!("_pending/{env}/"),
            Self::PendingOfTenant(env, tenant) => format!("_pending/{env}/{tenant}/"),
            Self::PendingOf(env, of) => format!("_pending/{env}/{of}/"),
            Self::Compiles => "_compile/".to_owned(),
            Self::CompilesOf(tenant) => format!("_compile/{tenant}/"),
            Self::GcRuns => "_upkeep/gc/".to_owned(),
            Self::BackupRuns => "_backup/runs/".to_owned(),
            Self::BackupRun(run) => format!("_backup/runs/{run:020}/"),
            Self::BackupGenerations => "_backup/generations/".to_owned(),
            Self::BackupLost(generation) => format!("_backup/lost/{generation:020}/"),
            Self::Erased => "_erased/".to_owned(),
            Self::Precompiled => "_aot/".to_owned(),
            Self::PrecompiledFor(compat) => format!("_aot/{compat}/"),
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.path())
    }
}
