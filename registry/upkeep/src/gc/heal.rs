//! Puts copies back that came to be needed while they were deleted.

use extensions_artifact::{Created, Key, Owned, Prefix, digest};
use extensions_registry_core::Extension;
use extensions_types::Version;

use super::{
    apply::{Apply, groups},
    plan::{Done, GcItem, GcPlan},
    survey::verdict,
    verdict::Verdict,
};
use crate::{
    UpkeepError,
    place::At,
    progress::{Counter, Step, Watcher},
    tally::ObjectKind,
};

/// A plan of this age is of a run that is gone.
const RUN_LIVES_MS: u64 = 60 * 60 * 1_000;

impl Apply<'_> {
    /// Puts back what runs that never ended may have deleted while it came to be
    /// needed: they did not live to look.
    pub(super) async fn heal_unfinished(&self, watcher: Watcher<'_>) -> Result<Done, UpkeepError> {
        let mut counter = Counter::new(watcher, Step::Heal, None);
        let mut done = Done::default();
        let registry = self.upkeep.registry();
        for row in registry.rows(&Prefix::GcRuns).await? {
            let Some(plan) = registry.read::<GcPlan>(&row.key).await? else { continue };
            for (of, items) in groups(&plan)? {
                let Some(of) = of else { continue };
                self.heal_items(&of, &items, &mut done).await?;
                counter.add(1);
            }
            if self.time.age_ms(row.modified_ms) >= RUN_LIVES_MS {
                registry.delete(&row.key).await?;
            }
        }
        Ok(done)
    }

    async fn heal_items(&self, of: &Owned, items: &[GcItem], done: &mut Done) -> Result<(), UpkeepError> {
        let mut under_way = Vec::with_capacity(self.copies.len());
        // Markers before the history: an event that its marker no longer announces is in it.
        let known = self.upkeep.history(of).await?.map_or(0, |state| state.applied_seq);
        for copies in &self.copies {
            under_way.push(self.is_under_way(of, &copies.envs, known + 1).await?);
        }
        let Ok(state) = self.upkeep.history(of).await? else { return Ok(()) };
        for item in items {
            let Some(key @ Key::Component { version, .. }) = item.key() else { continue };
            let stores = self.copies.iter().zip(&under_way);
            for (copies, under_way) in stores.filter(|(copies, _)| copies.at.place == item.place) {
                if *under_way || verdict(&state, &copies.envs, &key) == Verdict::Keep {
                    self.heal(&state, of, &copies.at, version, done).await?;
                }
            }
        }
        Ok(())
    }

    /// Puts a component back into a store of copies, if its version still exists.
    pub(super) async fn heal(&self, state: &Extension, of: &Owned, at: &At, version: Version, done: &mut Done) -> Result<(), UpkeepError> {
        let Some(built) = state.versions.get(&version).and_then(|record| record.built()) else { return Ok(()) };
        let key = of.component(version);
        if at.head(&key).await?.is_some() {
            return Ok(());
        }
        let object = self.upkeep.registry().get(&key).await?.filter(|object| digest(&object.bytes) == built.component_sha256);
        let Some(object) = object else {
            done.problem(format!("`{key}` is lost or damaged in the registry's store; restore it from a backup"));
            return Ok(());
        };
        let bytes = object.bytes.len() as u64;
        if matches!(at.create(&key, object.bytes).await?, Created::New(_)) {
            done.healed.add(ObjectKind::Component, bytes);
        }
        Ok(())
    }
}
