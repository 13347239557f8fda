//! Valid WebAssembly, with the features that hosts run and no others.

use wasmparser::{BinaryReaderError, FuncValidatorAllocations, Parser, ValidPayload, Validator, WasmFeatures};

use crate::{
    finding::{Code, Finding, Step},
    place::{self, FunctionAt},
};

/// WebAssembly 2.0 and components. The same as the engine's configuration:
/// no threads, garbage collection, exceptions, 64-bit or second memories.
const FEATURES: WasmFeatures =
    WasmFeatures::WASM2.union(WasmFeatures::EXTENDED_CONST).union(WasmFeatures::COMPONENT_MODEL).difference(WasmFeatures::GC_TYPES);
/// Broken functions that are named; a broken toolchain breaks all of them.
const FUNCTIONS_NAMED_MAX: usize = 8;

/// The first fault of the structure, and faults of functions before it.
pub(crate) fn validate(bytes: &[u8]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(error) = walk(bytes, &mut findings) {
        findings.push(invalid(&error));
    }
    findings
}

/// Like the validator's own walk, but a broken function does not end it.
fn walk(bytes: &[u8], findings: &mut Vec<Finding>) -> Result<(), BinaryReaderError> {
    let mut validator = Validator::new_with_features(FEATURES);
    let mut scratch = FuncValidatorAllocations::default();
    for payload in Parser::new(0).parse_all(bytes) {
        let ValidPayload::Func(function, body) = validator.payload(&payload?)? else { continue };
        let index = function.index;
        let mut function = function.into_validator(scratch);
        if let Err(error) = function.validate(&body) {
            if findings.len() == FUNCTIONS_NAMED_MAX {
                return Ok(());
            }
            findings.push(invalid(&error).at(place::function(bytes, FunctionAt { index, offset: body.range().start })));
        }
        scratch = function.into_allocations();
    }
    Ok(())
}

fn invalid(error: &BinaryReaderError) -> Finding {
    let message = format!("{} at byte {}", error.message(), error.offset());
    let remedy = "build with a current toolchain for WebAssembly 2.0: no threads, exceptions, garbage collection or 64-bit memory";
    Finding::new(Step::Validate, Code::Invalid, message, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_broken_function_is_named() {
        let text = "(module (func $good) (func $bad (drop)) (func (result i32)) (memory 1))";
        let findings = validate(&wat::parse_str(text).unwrap());
        let places: Vec<_> = findings.iter().map(|finding| finding.place.as_str()).collect();
        assert_eq!(places, ["function 1 (bad)", "function 2"], "{findings:?}");
    }

    #[test]
    fn a_broken_structure_ends_the_walk() {
        let bytes = wat::parse_str("(module (memory 1 1 shared) (func (drop)))").unwrap();
        let findings = validate(&bytes);
        assert!(findings.len() == 1 && findings[0].message.contains("threads"), "{findings:?}");
    }
}
