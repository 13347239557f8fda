//! What a caller may run, and with what: decided by the version's definition alone.

use extensions_identity::Principal;
use extensions_types::{ErrorCode, ExecutionContext, ExtensionDefinition, Refusal};

/// Whether the caller may run this version.
pub(crate) fn allowed(principal: &Principal, context: &ExecutionContext, definition: &ExtensionDefinition) -> Result<(), Refusal> {
    if !principal.may_invoke(definition.kind) {
        return Err(Refusal::new(ErrorCode::PermissionDenied, format!("the service's grant does not cover a {}", definition.kind)));
    }
    if definition.risk_tier > context.risk_ceiling {
        let text =
            format!("the extension's risk tier is {}, the caller accepts {} at most (ctx.risk_tier)", definition.risk_tier, context.risk_ceiling);
        return Err(Refusal::new(ErrorCode::PermissionDenied, text));
    }
    Ok(())
}

/// Whether the version takes an input of this size.
pub(crate) fn fits(input_bytes: usize, definition: &ExtensionDefinition) -> Result<(), Refusal> {
    let bytes_max = definition.limits.input_bytes;
    if input_bytes > bytes_max as usize {
        return Err(Refusal::new(ErrorCode::InputTooLarge, format!("the input is larger than the extension's {bytes_max} bytes")));
    }
    Ok(())
}
