//! Sizes and counts of any bytes.
#![no_main]

use extensions_compiler_core::{inspect, testing::prescan};
use extensions_fuzz::contained;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    contained(|| {
        let _ = (prescan(bytes), inspect(bytes));
    });
});
