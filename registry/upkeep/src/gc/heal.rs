//! Puts copies back that came to be needed while they were deleted.

use extensions_artifact::{Created, Key, Owned, Prefix, digest};
use extensions_registry_core::Extension;
use extensions_types::Version;

use super::{
    apply::groups,
    plan::{Done, GcPlan},
};
use crate::{
    Place, Upkeep, UpkeepError,
    clock::StoreTime,
    place::At,
    progress::{Counter, Step, Watcher},
    tally::ObjectKind,
};

/// A plan of this age is of a run that is gone.
const RUN_LIVES_MS: u64 = 60 * 60 * 1_000;

impl Upkeep {
    /// Puts back what runs that never ended may have deleted while it came to be
    /// needed. What is put back without need, the next plan names again.
    pub(super) async fn heal_unfinished(&self, time: &StoreTime, watcher: Watcher<'_>) -> Result<Done, UpkeepError> {
        let mut counter = Counter::new(watcher, Step::Heal, None);
        let mut done = Done::default();
        for row in self.registry().rows(&Prefix::GcRuns).await? {
            let Some(plan) = self.registry().read::<GcPlan>(&row.key).await? else { continue };
            for (of, items) in groups(&plan)? {
                let Some(of) = of else { continue };
                let Ok(state) = self.history(&of).await? else { continue };
                for item in items {
                    if let (Place::Environment(env), Some(Key::Component { version, .. })) = (item.place, item.key()) {
                        self.heal(&state, &of, &self.env(env), version, &mut done).await?;
                    }
                }
                counter.add(1);
            }
            if time.age_ms(row.modified_ms) >= RUN_LIVES_MS {
                self.registry().delete(&row.key).await?;
            }
        }
        Ok(done)
    }

    /// Puts a component back into a store of copies, if its version still exists.
    pub(super) async fn heal(&self, state: &Extension, of: &Owned, at: &At, version: Version, done: &mut Done) -> Result<(), UpkeepError> {
        let Some(built) = state.versions.get(&version).and_then(|record| record.built()) else { return Ok(()) };
        let key = of.component(version);
        if at.head(&key).await?.is_some() {
            return Ok(());
        }
        let object = self.registry().get(&key).await?.filter(|object| digest(&object.bytes) == built.component_sha256);
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
