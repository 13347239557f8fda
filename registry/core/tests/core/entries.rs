//! The entry as a document: complete in itself, and only of what history holds.

use extensions_registry_core::{Action, EntryError, Pin, entry};
use extensions_types::{EntryDocument, Environment, ExtensionId, RiskTier};

use crate::scene::{Scene, digest, label, person, version};

fn released(count: u64) -> Scene {
    let mut scene = Scene::new();
    for _ in 0..count {
        let version = scene.build(&person("ann", "author"), RiskTier::Low);
        scene.release(version, Environment::Dev);
    }
    scene
}

#[test]
fn an_entry_lists_current_pinned_and_last_good() {
    let mut scene = released(4);
    let pin = Action::Pin { env: Environment::Dev, pin: Pin::Caller(label("orders")), version: Some(version(1)) };
    scene.must(&person("rita", "releaser"), pin);
    scene.state.generation = 6;
    let document = entry(&scene.state, Environment::Dev, &scene.stored()).unwrap().unwrap();
    assert_eq!(document.versions.keys().map(|version| version.get()).collect::<Vec<_>>(), [1, 3, 4]);
    assert_eq!((document.current, document.last_good), (version(4), Some(version(3))));
    assert_eq!(document.order(), (6, scene.state.applied_seq));
    let listed = &document.versions[&version(3)];
    assert_eq!((listed.blob.key.as_str(), listed.blob.sha256, listed.blob.bytes), ("acme/order-check/3.wasm", digest(version(3)), 70_000));
    let json = serde_json::to_string(&document).unwrap();
    assert_eq!(serde_json::from_str::<EntryDocument>(&json).unwrap(), document);
    assert_eq!(entry(&scene.state, Environment::Prod, &scene.stored()), Ok(None));
}

#[test]
fn what_is_stored_must_be_what_history_holds() {
    let scene = released(2);
    let derive = |stored| entry(&scene.state, Environment::Dev, &stored).unwrap_err();
    let mut without = scene.stored();
    without.remove(&version(1));
    let missing = derive(without);
    assert_eq!(missing, EntryError::Missing(version(1)));
    assert_eq!(missing.to_string(), "version 1 is served, but its definition was not given");
    let wrong = |change: fn(&mut extensions_types::ExtensionDefinition)| {
        let mut stored = scene.stored();
        change(&mut stored.get_mut(&version(2)).unwrap().definition);
        derive(stored)
    };
    for other in [
        wrong(|definition| definition.version = version(1)),
        wrong(|definition| definition.risk_tier = RiskTier::High),
        wrong(|definition| definition.kind = extensions_types::Kind::AgentTool),
        wrong(|definition| definition.digest = "00".repeat(32)),
        wrong(|definition| definition.tenant_id = crate::scene::tenant("other")),
        wrong(|definition| definition.id = ExtensionId::parse("other").unwrap()),
    ] {
        assert_eq!(other, EntryError::Other(version(2)));
        assert_eq!(other.to_string(), "what is stored of version 2 is not what history holds");
    }
}
