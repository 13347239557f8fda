//! A tenant's schema and a value for it, the two lines of an input. Compiling
//! is bounded, and validating takes no longer than its cost says.
#![no_main]

use std::time::{Duration, Instant};

use extensions_fuzz::contained;
use extensions_json::{Schema, check};
use libfuzzer_sys::fuzz_target;

/// Far above what the largest cost takes, with coverage, on a busy machine.
const VALIDATING_MAX: Duration = Duration::from_secs(3);

fuzz_target!(|bytes: &[u8]| {
    let at = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (schema, value) = (&bytes[..at], bytes.get(at + 1..).unwrap_or_default());
    let Ok(schema) = serde_json::from_slice(schema) else { return };
    contained(|| {
        let began = Instant::now();
        if let Ok(schema) = Schema::compile(&schema)
            && check(value).is_ok()
        {
            let (first, again) = (schema.validate(value), schema.validate(value));
            assert_eq!(first, again);
        }
        assert!(began.elapsed() < VALIDATING_MAX, "{:?}", began.elapsed());
    });
});
