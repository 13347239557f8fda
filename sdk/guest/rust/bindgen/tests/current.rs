//! The checked-in bindings are those that `wit/` gives now.

use std::path::Path;

#[test]
fn checked_in_bindings_are_up_to_date() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bindings = here.join("../src/bindings");
    let files = extensions_guest_bindgen::generate(&here.join("../../../../wit")).unwrap();
    assert_eq!(files.len(), 5);
    for (name, text) in files {
        let stored = std::fs::read_to_string(bindings.join(&name)).unwrap_or_default();
        assert!(stored == text, "{name} is stale: run `cargo xtask gen` and commit what it changes");
    }
}
