//! The whole check. What is served is served again, as the same bytes.
#![no_main]

use extensions_compiler_core::{Code, Expected, check, wit};
use extensions_fuzz::contained;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    contained(|| {
        let report = check(bytes, Expected { memory_mb: Some(64), ..Expected::default() });
        assert_eq!(report.is_servable(), report.findings.is_empty());
        assert!(!report.findings.iter().any(|finding| finding.code == Code::Internal), "{:?}", report.findings);
        if let Some(component) = report.component {
            let again = check(&component, Expected::default());
            assert_eq!(again.component.as_ref(), Some(&component), "{:?}", again.findings);
            assert!(wit(&component).is_some());
        }
    });
});
