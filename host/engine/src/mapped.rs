//! Machine code of one component, mapped into the engine.

use wasmtime::component::Component;

/// Mapped code; cheap to clone. Versions of one component share it.
#[derive(Clone)]
pub struct Mapped {
    component: Component,
    runs_at_start: bool,
}

impl Mapped {
    pub(crate) fn new(component: Component, runs_at_start: bool) -> Self {
        Self { component, runs_at_start }
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
