//! Modules of the plain ABI: whatever is wrapped is a component of world `plain`.
#![no_main]

use extensions_compiler_core::{Expected, Form, check, inspect};
use extensions_fuzz::contained;
use extensions_types::{Abi, Kind};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if inspect(bytes) != Form::PlainModule {
        return;
    }
    contained(|| {
        for &kind in Kind::ALL {
            let report = check(bytes, Expected { kind: Some(kind), host_calls: true, ..Expected::default() });
            assert_eq!(report.is_servable(), report.findings.is_empty());
            if let (Some(component), Some(facts)) = (report.component, report.facts) {
                assert_eq!(facts.abi, Abi::Plain);
                let again = check(&component, Expected { kind: Some(kind), host_calls: true, ..Expected::default() });
                assert_eq!(again.component.as_ref(), Some(&component), "{:?}", again.findings);
            }
        }
    });
});
