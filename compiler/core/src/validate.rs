//! Valid WebAssembly, with the features that hosts run and no others.

use wasmparser::{Validator, WasmFeatures};

use crate::{
    finding::{Code, Finding, Step},
    report::Builder,
};

/// WebAssembly 2.0 and components. The same as the engine's configuration:
/// no threads, garbage collection, exceptions, 64-bit or second memories.
const FEATURES: WasmFeatures =
    WasmFeatures::WASM2.union(WasmFeatures::EXTENDED_CONST).union(WasmFeatures::COMPONENT_MODEL).difference(WasmFeatures::GC_TYPES);

pub(crate) fn validate(bytes: &[u8], report: &mut Builder) {
    if let Err(error) = Validator::new_with_features(FEATURES).validate_all(bytes) {
        let message = format!("{} at byte {}", error.message(), error.offset());
        let remedy = "build with a current toolchain for WebAssembly 2.0: no threads, exceptions, garbage collection or 64-bit memory";
        report.add(Finding::new(Step::Validate, Code::Invalid, message, remedy));
    }
}
