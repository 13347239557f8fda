//! Whether making an instance of a component runs guest code.

use wasmparser::{Parser, Payload};

/// Whether making an instance of `component` runs guest code. A component with
/// a start function is instantiated on a fiber, so that its start can be
/// sliced; the others need none.
#[must_use]
pub fn runs_at_start(component: &[u8]) -> bool {
    let is_start = |payload: wasmparser::Result<Payload<'_>>| {
        // What does not parse has not been compiled either; the fiber is the safe side.
        matches!(payload, Err(_) | Ok(Payload::StartSection { .. } | Payload::ComponentStartSection { .. }))
    };
    Parser::new(0).parse_all(component).any(is_start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_functions_are_found_wherever_they_stand() {
        let quiet = wat::parse_str("(component (core module (func (export \"f\"))))").unwrap();
        let start = wat::parse_str("(component (core module (func $f) (start $f)))").unwrap();
        assert!(!runs_at_start(&quiet));
        assert!(runs_at_start(&start));
        assert!(runs_at_start(&start[..start.len() - 3]), "half a component");
    }
}
