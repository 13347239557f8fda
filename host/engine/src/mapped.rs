//! Machine code of one component, mapped into the engine.

use wasmparser::{Parser, Payload};
use wasmtime::component::Component;

/// Mapped code; cheap to clone. Versions of one component share it.
#[derive(Clone)]
pub struct Mapped {
    component: Component,
    runs_at_start: bool,
}

impl Mapped {
    pub(crate) fn new(code: Component, component: &[u8]) -> Self {
        Self { component: code, runs_at_start: has_start(component) }
    }

    pub(crate) fn component(&self) -> &Component {
        &self.component
    }

    pub(crate) fn runs_at_start(&self) -> bool {
        self.runs_at_start
    }

    /// Bytes of machine code.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let code = self.component.image_range();
        (code.end as usize).saturating_sub(code.start as usize)
    }
}

impl std::fmt::Debug for Mapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mapped({} bytes)", self.bytes())
    }
}

/// Whether making an instance runs guest code. Such a component is
/// instantiated on a fiber, so that its start can be sliced; the others need none.
fn has_start(component: &[u8]) -> bool {
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
        assert!(!has_start(&quiet));
        assert!(has_start(&start));
        assert!(has_start(&start[..start.len() - 3]), "half a component");
    }
}
