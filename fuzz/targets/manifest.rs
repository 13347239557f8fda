//! extension.toml: what is read keeps its bounds.
#![no_main]

use extensions_fuzz::contained;
use extensions_types::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    contained(|| {
        if let Ok(manifest) = Manifest::parse(text) {
            assert!(manifest.limits.check().is_ok());
        }
    });
});
