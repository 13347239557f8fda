//! The JSON check, against a whole parse.
#![no_main]

use extensions_fuzz::contained;
use extensions_json::{Shape, check};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    contained(|| {
        let checked = check(bytes);
        // The whole parse has the same bound of depth, by its own count.
        match serde_json::from_slice::<Value>(bytes) {
            Ok(value) => assert_eq!(checked, Ok(if value.is_object() { Shape::Object } else { Shape::Other })),
            Err(error) => assert!(checked.is_err() || error.to_string().contains("recursion limit"), "{error}"),
        }
    });
});
