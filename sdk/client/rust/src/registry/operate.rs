//! Beside the lifecycle: waivers, tiers, upkeep.

use extensions_proto::v1;
use extensions_types::{RiskTier, TenantId, Version};

use super::{
    Change, Changed, RegistryClient, Upkept,
    read::{self, changed},
};
use crate::InvokeError;

/// A task of upkeep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpkeepTask {
    /// Removes versions, sources and logs that are past their time.
    Retention,
    /// Removes objects that nothing references.
    Garbage,
    /// Derives heads and entries from all events anew.
    Rebuild,
}

impl RegistryClient {
    /// Asks a reviewer to accept a policy's finding in a version.
    ///
    /// # Errors
    /// When the platform refuses or is not reached.
    pub async fn request_waiver(&self, change: &Change, version: Version, finding: &str) -> Result<Changed, InvokeError> {
        let request = v1::RequestWaiverRequest { command: self.command(change), version: version.get(), finding: finding.to_owned() };
        changed(self.call(request, |mut grpc, request| async move { grpc.request_waiver(request).await }).await?)
    }

    /// Accepts it.
    ///
    /// # Errors
    /// When the platform refuses or is not reached.
    pub async fn grant_waiver(&self, change: &Change, version: Version, finding: &str) -> Result<Changed, InvokeError> {
        let request = v1::GrantWaiverRequest { command: self.command(change), version: version.get(), finding: finding.to_owned() };
        changed(self.call(request, |mut grpc, request| async move { grpc.grant_waiver(request).await }).await?)
    }

    /// Lowers the tier that an extension is treated as.
    ///
    /// # Errors
    /// When the platform refuses or is not reached.
    pub async fn lower_tier(&self, change: &Change, tier: RiskTier) -> Result<Changed, InvokeError> {
        let request = v1::LowerTierRequest { command: self.command(change), tier: v1::RiskTier::from(tier).into() };
        changed(self.call(request, |mut grpc, request| async move { grpc.lower_tier(request).await }).await?)
    }

    /// Erases a tenant for good.
    ///
    /// # Errors
    /// When the platform refuses or is not reached.
    pub async fn erase(&self, tenant: &TenantId, why: &str, dry_run: bool) -> Result<Upkept, InvokeError> {
        let request = v1::EraseTenantRequest { tenant_id: tenant.to_string(), why: why.to_owned(), dry_run };
        Ok(read::upkept(self.call(request, |mut grpc, request| async move { grpc.erase_tenant(request).await }).await?))
    }

    /// Runs a task of upkeep, for this client's tenant or for all.
    ///
    /// # Errors
    /// When the platform refuses or is not reached.
    pub async fn upkeep(&self, task: UpkeepTask, why: &str, dry_run: bool) -> Result<Upkept, InvokeError> {
        let task = match task {
            UpkeepTask::Retention => v1::UpkeepTask::Retention,
            UpkeepTask::Garbage => v1::UpkeepTask::Garbage,
            UpkeepTask::Rebuild => v1::UpkeepTask::Rebuild,
        };
        let request = v1::RunUpkeepRequest { task: task.into(), dry_run, tenant_id: self.tenant_id(), why: why.to_owned() };
        Ok(read::upkept(self.call(request, |mut grpc, request| async move { grpc.run_upkeep(request).await }).await?))
    }
}
