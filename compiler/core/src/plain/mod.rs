//! Modules of the plain ABI `json_in_json_out_v1` (docs/abi.md): recognised by
//! type, wrapped by a generated adapter into a component of world `plain`.
//!
//! The module itself is not changed, but for exports that nobody uses. The
//! adapter believes nothing that the module says: what leads out of memory
//! traps, by what WebAssembly and the canonical ABI check anyway.

mod adapter;
mod contract;
mod exports;

use wit_component::ComponentEncoder;

use crate::{
    finding::{Code, Finding, Step},
    guard::guarded,
};

/// What the adapter is called by the modules that it serves.
const IMPORTS: &str = "env";

/// The component of world `plain`.
///
/// # Errors
/// Every deviation from the ABI, each with its remedy.
pub(crate) fn wrap(module: &[u8]) -> Result<Vec<u8>, Vec<Finding>> {
    let used = contract::check(module)?;
    let adapter = adapter::adapter(used);
    let narrowed = exports::narrowed(module);
    let encoded = guarded(|| ComponentEncoder::default().validate(true).module(&narrowed)?.adapter(IMPORTS, &adapter)?.encode());
    match encoded {
        Some(Ok(component)) => Ok(component),
        Some(Err(error)) => {
            let remedy = "compare the module with docs/abi.md: four exports, at most three imports";
            Err(vec![Finding::new(Step::Componentize, Code::Componentize, format!("{error:#}"), remedy)])
        }
        None => {
            let message = "wrapping the module failed by a fault of the wrapper";
            Err(vec![Finding::new(Step::Componentize, Code::Internal, message, "report it with the file")])
        }
    }
}

#[cfg(test)]
mod tests;
