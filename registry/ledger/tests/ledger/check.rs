//! What must hold whatever went wrong, once a fresh registry has looked at everything.

use std::collections::BTreeMap;

use extensions_artifact::{Key, Owned, Prefix, digest};
use extensions_registry_core::{Event, Extension, Stored, entry};
use extensions_registry_ledger::{Awaited, Reconciled};
use extensions_types::{CallLabel, EntryDocument, Environment, Version, VersionDocument};
use futures_util::TryStreamExt as _;

use crate::kit::World;

/// The history: without gaps, and each event follows from those before it.
pub(crate) async fn history(world: &World, of: &Owned) -> (Vec<Event>, Extension) {
    let mut events: Vec<Event> = Vec::new();
    let rows: Vec<_> = world.own.list(&Prefix::Events(of.clone()), None).try_collect().await.unwrap();
    for row in rows {
        let object = world.own.get(&row.key).await.unwrap().unwrap();
        events.push(extensions_artifact::document::decode(&object.bytes).unwrap());
        assert_eq!(row.key, of.event(events.len() as u64), "the history has no gaps");
    }
    let state = Extension::fold(of.tenant.clone(), of.extension.clone(), &events).unwrap();
    (events, state)
}

/// How many events answer this command.
pub(crate) fn answers(events: &[Event], id: &CallLabel) -> usize {
    events.iter().filter(|event| event.command_id == *id).count()
}

/// Entries are what the history says, and what they list is there.
pub(crate) async fn entries(world: &World, of: &Owned, state: &Extension) {
    let mut stored = BTreeMap::new();
    for (&version, record) in state.versions.iter().filter(|(_, record)| record.built().is_some()) {
        let definition = read_definition(world, of, version, record.built().unwrap().definition_sha256).await;
        stored.insert(version, Stored { definition, key: of.component(version).path() });
    }
    for &env in Environment::ALL {
        let wanted = entry(state, env, &stored).unwrap();
        let store = if env == Environment::Prod { &world.prod } else { &world.own };
        let found: Option<EntryDocument> =
            store.get(&of.entry(env)).await.unwrap().map(|object| extensions_artifact::document::decode(&object.bytes).unwrap());
        let level = |entry: Option<EntryDocument>| entry.map(|entry| EntryDocument { generation: 0, applied_seq: 0, ..entry });
        if let Some(found) = &found {
            assert!(found.applied_seq <= state.applied_seq, "an entry knows nothing that the history lacks");
            for listed in found.versions.values() {
                let blob = store.get(&Key::parse(&listed.blob.key).unwrap()).await.unwrap().expect("what is served is there");
                assert_eq!(digest(&blob.bytes), listed.blob.sha256);
            }
        }
        assert_eq!(level(found), level(wanted), "{env} serves what the history says");
    }
}

async fn read_definition(world: &World, of: &Owned, version: Version, sha256: extensions_types::Sha256) -> extensions_types::ExtensionDefinition {
    let object = world.own.get(&of.definition(version)).await.unwrap().expect("a built version has its document");
    assert_eq!(digest(&object.bytes), sha256);
    extensions_artifact::document::decode::<VersionDocument>(&object.bytes).unwrap().definition
}

/// Markers that announce events of the history: none is left after a repair.
pub(crate) async fn markers(world: &World, state: &Extension) {
    let rows: Vec<_> = world.own.list(&Prefix::Pending, None).try_collect().await.unwrap();
    let past: Vec<_> = rows.iter().filter(|row| matches!(row.key, Key::Pending { seq, .. } if seq <= state.applied_seq)).collect();
    assert!(past.is_empty(), "{past:?}");
}

/// A draft whose history awaits a result has its marker, at every time: without it the compile would be lost.
pub(crate) async fn compiles(world: &World, of: &Owned, state: &Extension) {
    for &version in state.versions.keys() {
        let marker = world.ledger().compile_marker(of, version).await.unwrap();
        if let Awaited::Attempt(_) = Awaited::of(state, version) {
            assert!(marker.is_some_and(|found| !found.marker.withdrawn), "version {version} waits without a marker");
        }
    }
}

/// A new registry repairs what markers name; then all of the above holds.
pub(crate) async fn after_repair(world: &World, of: &Owned) -> (Vec<Event>, Extension) {
    let done: Reconciled = world.ledger().reconcile_pending().await.unwrap();
    assert_eq!(done.failed, 0, "{done:?}");
    let (events, state) = history(world, of).await;
    entries(world, of, &state).await;
    markers(world, &state).await;
    compiles(world, of, &state).await;
    (events, state)
}
