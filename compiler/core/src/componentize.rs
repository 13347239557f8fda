//! From a core module that describes its world to a component.

use wit_component::ComponentEncoder;

use crate::{
    finding::{Code, Finding, Step},
    guard::guarded,
};

/// The component, unless the module does not fit its world.
///
/// # Errors
/// The one reason that the encoder stops at.
pub(crate) fn componentize(module: &[u8]) -> Result<Vec<u8>, Finding> {
    // The decoder of descriptions asserts what a damaged one breaks.
    match guarded(|| ComponentEncoder::default().validate(true).module(module)?.encode()) {
        Some(Ok(component)) => Ok(component),
        Some(Err(error)) => {
            let remedy = "build it with a guest SDK of this version of `ext`; a function's type must be that of its world";
            Err(Finding::new(Step::Componentize, Code::Componentize, format!("{error:#}"), remedy))
        }
        None => {
            let message = "the description of its world inside the module is damaged";
            Err(Finding::new(Step::Componentize, Code::Componentize, message, "build it again with a guest SDK"))
        }
    }
}
