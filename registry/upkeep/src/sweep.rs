//! Everything that is a tenant's, counted or deleted.

use extensions_artifact::{Key, Prefix};
use extensions_types::{Environment, TenantId};
use futures_util::TryStreamExt as _;

use crate::{
    Upkeep, UpkeepError,
    place::At,
    tally::{ObjectKind, Tallies},
};

/// What to do with what is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sweep {
    Count,
    Delete,
}

impl Upkeep {
    /// What environments serve of a tenant.
    pub(crate) async fn sweep_entries(&self, tenant: &TenantId, sweep: Sweep, found: &mut Tallies) -> Result<(), UpkeepError> {
        for &env in Environment::ALL {
            self.sweep(&self.env(env), &Prefix::EntriesOf(env, tenant.clone()), sweep, found).await?;
        }
        Ok(())
    }

    /// All that is the tenant's in the registry's and the environments' stores:
    /// what serves before what it points to, copies before their originals.
    pub(crate) async fn sweep_stores(&self, tenant: &TenantId, sweep: Sweep, found: &mut Tallies) -> Result<(), UpkeepError> {
        self.sweep_entries(tenant, sweep, found).await?;
        self.sweep(&self.registry(), &Prefix::CompilesOf(tenant.clone()), sweep, found).await?;
        let own = Prefix::Tenant(tenant.clone());
        for copies in self.copies().await? {
            self.sweep(&copies.at, &own, sweep, found).await?;
        }
        self.sweep(&self.registry(), &own, sweep, found).await
    }

    /// All that is the tenant's in a backup: objects, its manifests, which name
    /// its extensions, and what restores set aside.
    pub(crate) async fn sweep_backup(&self, backup: &At, tenant: &TenantId, sweep: Sweep, found: &mut Tallies) -> Result<(), UpkeepError> {
        self.sweep(backup, &Prefix::Tenant(tenant.clone()), sweep, found).await?;
        let restores = backup.rows(&Prefix::BackupGenerations).await?;
        let lost = restores.iter().filter_map(|row| match row.key {
            Key::BackupGeneration { generation } => Some(Prefix::BackupLost(generation)),
            _ => None,
        });
        for prefix in lost.chain([Prefix::BackupRuns]) {
            let mut rows = std::pin::pin!(backup.list(&prefix));
            while let Some(row) = rows.try_next().await? {
                if row.key.tenant() == Some(tenant) {
                    if sweep == Sweep::Delete {
                        backup.delete(&row.key).await?;
                    }
                    found.add(ObjectKind::Upkeep, row.bytes);
                }
            }
        }
        Ok(())
    }

    async fn sweep(&self, at: &At, prefix: &Prefix, sweep: Sweep, found: &mut Tallies) -> Result<(), UpkeepError> {
        let rows = at.list(prefix).map_ok(|row| async move {
            if sweep == Sweep::Delete {
                at.delete(&row.key).await?;
            }
            Ok(row)
        });
        let mut rows = std::pin::pin!(rows.try_buffer_unordered(self.settings().concurrency));
        while let Some(row) = rows.try_next().await? {
            found.add(ObjectKind::from(&row.key), row.bytes);
        }
        Ok(())
    }
}
