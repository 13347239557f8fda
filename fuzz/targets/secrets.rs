//! The scan for secrets, of texts, of data and of files that are neither.
#![no_main]

use extensions_compiler_core::secrets::{scan_data, scan_files};
use extensions_fuzz::contained;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    contained(|| {
        let scanned = scan_files([("src/lib.rs", bytes), ("Cargo.lock", bytes)]);
        assert!(scanned.waivers.iter().all(|waiver| !waiver.reason.is_empty()));
        let _ = scan_data(bytes);
    });
});
