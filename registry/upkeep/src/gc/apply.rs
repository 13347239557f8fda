//! Deletes what a plan names, object by object, after looking again.
//!
//! Against commands under way: a command that lets an environment's entry list a
//! component first leaves a marker for the event that it is going to write, then
//! checks that the component is in that environment's store, then writes the
//! event. So after each deletion the marker and the next event are looked for;
//! with either of them there, the component is put back from the registry's own
//! store. The plan lies in the store while it is applied: should we be killed
//! between deleting and looking, the next run puts back what it names.

use std::collections::BTreeMap;

use extensions_artifact::{Created, Key, Owned};
use extensions_registry_core::Extension;
use extensions_types::{Environment, Version};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    plan::{Done, GcItem, GcPlan, GcReport},
    survey::verdict,
    verdict::{Reason, Verdict},
};
use crate::{
    Place, Upkeep, UpkeepError,
    clock::StoreTime,
    place::At,
    progress::{Counter, Step, Watcher},
    tally::ObjectKind,
    upkeep::Copies,
};

/// A marker of this age was left by a process that is gone: a command gives up
/// after less than a minute.
const MARKER_LIVES_MS: u64 = 60 * 60 * 1_000;

/// What every part of an apply goes by.
pub(super) struct Apply<'a> {
    pub(super) upkeep: &'a Upkeep,
    pub(super) time: StoreTime,
    pub(super) copies: Vec<Copies>,
}

impl Upkeep {
    /// Applies a plan: deletes each of its objects that is still the same and
    /// that still nothing needs.
    ///
    /// # Errors
    /// When a store fails, or the plan names what is no key. Applying it, or a
    /// new plan, again goes on.
    pub async fn gc_apply(&self, plan: &GcPlan, watcher: Watcher<'_>) -> Result<GcReport, UpkeepError> {
        let groups = groups(plan)?;
        let apply = Apply { upkeep: self, time: StoreTime::read(&self.registry()).await?, copies: self.copies().await? };
        let mut done = apply.heal_unfinished(watcher).await?;
        let run = self.begin_run(plan, &apply.time).await?;
        let mut counter = Counter::new(watcher, Step::Delete, Some(plan.items.len()));
        let apply = &apply;
        let parts = stream::iter(groups).map(|(of, items)| async move {
            let count = items.len() as u64;
            let done = match of {
                Some(of) => apply.extension(&of, items).await?,
                None => apply.of_nobody(items).await?,
            };
            Ok::<_, UpkeepError>((done, count))
        });
        let mut parts = std::pin::pin!(parts.buffer_unordered(self.settings().concurrency));
        while let Some((part, count)) = parts.try_next().await? {
            done.merge(part);
            counter.add(count);
        }
        let staged = self.registry().sweep_staged(false).await?;
        self.registry().delete(&run).await?;
        Ok(GcReport::new(plan, done, staged))
    }

    /// Puts the plan into the store, under a number of its own.
    async fn begin_run(&self, plan: &GcPlan, time: &StoreTime) -> Result<Key, UpkeepError> {
        let mut run = time.now_ms();
        loop {
            let key = Key::GcRun { run };
            let bytes = At::document(&key, plan)?;
            match self.registry().create(&key, bytes).await? {
                Created::New(_) => return Ok(key),
                Created::Exists => run += 1,
            }
        }
    }
}

impl Apply<'_> {
    /// Objects without a history: of erased tenants, to which nothing can refer any more, and machine code.
    async fn of_nobody(&self, items: Vec<GcItem>) -> Result<Done, UpkeepError> {
        let mut done = Done::default();
        let parts = stream::iter(items).map(|item| async move {
            let key = item.key().ok_or_else(|| UpkeepError::Plan(item.path.clone()))?;
            let mut done = Done::default();
            match item.reason {
                Reason::CodeUnreferenced | Reason::EngineUnused => self.code(&key, &item, &mut done).await?,
                _ => self.erased(&key, &item, &mut done).await?,
            }
            Ok::<_, UpkeepError>(done)
        });
        let mut parts = std::pin::pin!(parts.buffer_unordered(self.upkeep.settings().concurrency));
        while let Some(part) = parts.try_next().await? {
            done.merge(part);
        }
        Ok(done)
    }

    async fn erased(&self, key: &Key, item: &GcItem, done: &mut Done) -> Result<(), UpkeepError> {
        let erased = match key.tenant() {
            Some(tenant) if item.reason == Reason::TenantErased => self.upkeep.is_erased(tenant).await?,
            _ => false,
        };
        if erased {
            self.upkeep.at(item.place).delete(key).await?;
            done.removed.add(ObjectKind::from(key), item.bytes);
        } else {
            done.skipped += 1;
        }
        Ok(())
    }

    /// Objects of one extension, by its history as it is now.
    async fn extension(&self, of: &Owned, items: Vec<GcItem>) -> Result<Done, UpkeepError> {
        let mut done = Done::default();
        let state = match self.upkeep.history(of).await? {
            Ok(state) => state,
            Err(broken) => {
                done.skipped += items.len() as u64;
                done.problem(format!("`{of}`: {broken}; nothing of it is collected"));
                return Ok(done);
            }
        };
        let mut places: BTreeMap<Place, Vec<GcItem>> = BTreeMap::new();
        for item in items {
            places.entry(item.place).or_default().push(item);
        }
        for (place, items) in places {
            match self.copies.iter().find(|copies| copies.at.place == place) {
                Some(copies) => self.copies(of, &state, copies, items, &mut done).await?,
                None if place == Place::Registry => {
                    for item in items {
                        self.one(&self.upkeep.registry(), &state, &[], &item, &mut done).await?;
                    }
                }
                // The stores were configured otherwise when the plan was made.
                None => done.skipped += items.len() as u64,
            }
        }
        Ok(done)
    }

    /// Deletes an object if it is the one planned and still not needed.
    async fn one(&self, at: &At, state: &Extension, envs: &[Environment], item: &GcItem, done: &mut Done) -> Result<bool, UpkeepError> {
        let key = item.key().ok_or_else(|| UpkeepError::Plan(item.path.clone()))?;
        if let Some(row) = at.head(&key).await?
            && row.etag == item.etag
            && row.modified_ms == item.modified_ms
            && matches!(verdict(state, envs, &key), Verdict::Collect(_))
        {
            at.delete(&key).await?;
            done.removed.add(ObjectKind::from(&key), row.bytes);
            return Ok(true);
        }
        done.skipped += 1;
        Ok(false)
    }

    /// Deletes copies, and looks afterwards whether somebody came to need them.
    async fn copies(&self, of: &Owned, state: &Extension, copies: &Copies, items: Vec<GcItem>, done: &mut Done) -> Result<(), UpkeepError> {
        let next = state.applied_seq + 1;
        if self.is_under_way(of, &copies.envs, next).await? {
            done.skipped += items.len() as u64;
            return Ok(());
        }
        let mut deleted: Vec<Version> = Vec::new();
        for item in &items {
            if self.one(&copies.at, state, &copies.envs, item, done).await?
                && let Some(Key::Component { version, .. }) = item.key()
            {
                deleted.push(version);
            }
        }
        if deleted.is_empty() {
            return Ok(());
        }
        // The marker goes only after its event is there: looking for the marker
        // first and for the event afterwards misses neither.
        let under_way = self.is_under_way(of, &copies.envs, next).await?;
        if under_way || self.upkeep.registry().head(&of.event(next)).await?.is_some() {
            for version in deleted {
                self.heal(state, of, &copies.at, version, done).await?;
            }
        }
        Ok(())
    }

    /// Whether a command is under way that wants to write event `next`.
    pub(super) async fn is_under_way(&self, of: &Owned, envs: &[Environment], next: u64) -> Result<bool, UpkeepError> {
        for &env in envs {
            let marker = self.upkeep.registry().head(&of.pending(env, next)).await?;
            if marker.is_some_and(|row| self.time.age_ms(row.modified_ms) < MARKER_LIVES_MS) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The items of a plan by extension; those of erased tenants together.
pub(super) fn groups(plan: &GcPlan) -> Result<BTreeMap<Option<Owned>, Vec<GcItem>>, UpkeepError> {
    let mut groups: BTreeMap<Option<Owned>, Vec<GcItem>> = BTreeMap::new();
    for item in &plan.items {
        let key = item.key().ok_or_else(|| UpkeepError::Plan(item.path.clone()))?;
        let of = match key {
            Key::Component { of, .. } | Key::Definition { of, .. } | Key::Source { of, .. } if item.reason != Reason::TenantErased => Some(of),
            _ => None,
        };
        groups.entry(of).or_default().push(item.clone());
    }
    Ok(groups)
}
