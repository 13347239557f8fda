//! Dry run: goes over all stores and finds what nothing needs.

use std::collections::BTreeSet;

use extensions_artifact::{Key, Owned, Prefix, Row};
use extensions_registry_core::Extension;
use extensions_types::{Environment, ExtensionId, Sha256, TenantId};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    code::Referenced,
    plan::{Found, GcItem, GcPlan},
    verdict::{Reason, Verdict, in_copies, in_registry},
};
use crate::{
    Place, Upkeep, UpkeepError,
    clock::StoreTime,
    progress::{Counter, Step, Watcher},
    tally::Tally,
    upkeep::Copies,
};

/// What every part of a survey goes by.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) time: StoreTime,
    min_age_ms: u64,
    erased: BTreeSet<TenantId>,
    copies: Vec<Copies>,
}

impl Survey {
    pub(super) fn is_old(&self, row: &Row) -> bool {
        self.time.age_ms(row.modified_ms) >= self.min_age_ms
    }
}

impl Upkeep {
    /// Says what garbage collection would delete, and deletes nothing.
    ///
    /// # Errors
    /// When a store fails. A history that cannot be read is a problem of the
    /// plan; nothing of it is collected.
    pub async fn gc_plan(&self, watcher: Watcher<'_>) -> Result<GcPlan, UpkeepError> {
        let time = StoreTime::read(&self.registry()).await?;
        let mut plan = GcPlan::new(time.now_ms());
        let min_age_ms = self.settings().gc_min_age_ms();
        let survey = Survey { time, min_age_ms, erased: self.erased_tenants().await?, copies: self.copies().await? };
        let mut counter = Counter::new(watcher, Step::Survey, None);
        let staged = self.registry().sweep_staged(true).await?;
        plan.staged = Tally { count: staged.files, bytes: staged.bytes };
        plan.add(self.survey_platform(&survey).await?);
        let mut referenced = Referenced::default();
        for tenant in self.all_tenants(&survey.copies).await? {
            self.survey_tenant(&survey, &tenant, (&mut plan, &mut referenced), &mut counter).await?;
            if plan.more {
                // What the other tenants have is not known: code comes with a later plan.
                return Ok(plan);
            }
        }
        plan.add(self.survey_code(&survey, &self.registry(), &referenced).await?);
        for Copies { at, .. } in &survey.copies {
            plan.add(self.survey_code(&survey, at, &referenced).await?);
        }
        Ok(plan)
    }

    /// Entries and markers: of erased tenants they go, of others they are the ledger's.
    async fn survey_platform(&self, survey: &Survey) -> Result<Found, UpkeepError> {
        let mut found = Found::default();
        let mut folders = vec![(self.registry(), Prefix::Pending), (self.registry(), Prefix::Compiles), (self.registry(), Prefix::Erased)];
        for &env in Environment::ALL {
            folders.push((self.env(env), Prefix::Entries(env)));
            folders.push((self.registry(), Prefix::ControlEvents(env)));
        }
        for (at, prefix) in folders {
            let mut rows = std::pin::pin!(at.list(&prefix));
            while let Some(row) = rows.next().await {
                let row = row?;
                found.see(&row);
                let erased = row.key.tenant().is_some_and(|tenant| survey.erased.contains(tenant));
                if erased && prefix != Prefix::Erased && survey.is_old(&row) {
                    found.items.push(GcItem::new(at.place, row, Reason::TenantErased));
                }
            }
        }
        Ok(found)
    }

    async fn survey_tenant(
        &self,
        survey: &Survey,
        tenant: &TenantId,
        (plan, referenced): (&mut GcPlan, &mut Referenced),
        counter: &mut Counter<'_>,
    ) -> Result<(), UpkeepError> {
        let extensions = self.all_extensions(tenant, &survey.copies).await?;
        let parts = stream::iter(extensions).map(|extension| self.survey_extension(survey, tenant, extension));
        let mut parts = std::pin::pin!(parts.buffer_unordered(self.settings().concurrency));
        while let Some(found) = parts.try_next().await? {
            referenced.add(&found);
            plan.add(found);
            counter.add(1);
        }
        Ok(())
    }

    async fn survey_extension(&self, survey: &Survey, tenant: &TenantId, extension: ExtensionId) -> Result<Found, UpkeepError> {
        let of = Owned::new(tenant.clone(), extension);
        let prefix = Prefix::Extension(of.clone());
        let mut found = Found::default();
        let erased = survey.erased.contains(tenant);
        // Lists first: what appears later is then younger than the history read.
        let mut rows: Vec<(Place, &[Environment], Row)> = Vec::new();
        rows.extend(self.registry().rows(&prefix).await?.into_iter().map(|row| (Place::Registry, &[][..], row)));
        for Copies { at, envs } in &survey.copies {
            rows.extend(at.rows(&prefix).await?.into_iter().map(|row| (at.place, envs.as_slice(), row)));
        }
        let state = if erased { None } else { self.state_or_problem(&of, &mut found).await? };
        found.components = state.iter().flat_map(components).collect();
        for (place, envs, row) in rows {
            found.see(&row);
            let verdict = match &state {
                Some(state) => verdict(state, envs, &row.key),
                None if erased => Verdict::Collect(Reason::TenantErased),
                None => Verdict::Keep,
            };
            match verdict {
                Verdict::Collect(reason) if survey.is_old(&row) => found.items.push(GcItem::new(place, row, reason)),
                Verdict::Unexplained => found.problems.push(format!("`{}` belongs to no version of its history; were events lost?", row.key)),
                Verdict::Collect(_) | Verdict::Keep => {}
            }
        }
        Ok(found)
    }

    async fn state_or_problem(&self, of: &Owned, found: &mut Found) -> Result<Option<Extension>, UpkeepError> {
        match self.history(of).await? {
            Ok(state) if state.is_new() => {
                found.unread = true;
                found.problems.push(format!("`{of}` has objects but no history; nothing of it is collected"));
                Ok(None)
            }
            Ok(state) => Ok(Some(state)),
            Err(broken) => {
                found.unread = true;
                found.problems.push(format!("`{of}`: {broken}; nothing of it is collected"));
                Ok(None)
            }
        }
    }
}

/// The components of the versions that a history keeps.
fn components(state: &Extension) -> impl Iterator<Item = Sha256> {
    state.versions.values().filter_map(|record| record.built()).map(|built| built.component_sha256)
}

/// What the history says of an object: in the registry's own store where `envs`
/// is empty, else in the store of copies that they share.
pub(crate) fn verdict(state: &Extension, envs: &[Environment], key: &Key) -> Verdict {
    if envs.is_empty() { in_registry(state, key) } else { in_copies(state, envs, key) }
}
