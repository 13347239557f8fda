//! Documents of the store: what is read is written and read again as the same.
#![no_main]

use std::fmt::Debug;

use extensions_fuzz::contained;
use extensions_registry_core::{Event, control::ControlChange};
use extensions_types::{ControlState, EntryDocument, ExtensionDefinition, VersionDocument};
use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};

fuzz_target!(|bytes: &[u8]| {
    contained(|| {
        same::<ExtensionDefinition>(bytes);
        same::<VersionDocument>(bytes);
        same::<EntryDocument>(bytes);
        same::<ControlState>(bytes);
        same::<Event>(bytes);
        same::<Event<ControlChange>>(bytes);
    });
});

fn same<T: Serialize + DeserializeOwned + Debug>(bytes: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(bytes) else { return };
    let written = serde_json::to_vec(&read).expect("what was read is written");
    let again = serde_json::from_slice::<T>(&written).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&written)));
    assert_eq!(written, serde_json::to_vec(&again).expect("what was read is written"), "{read:?}");
}
