//! Machine code of one component, mapped into the engine.

use std::sync::{Arc, Weak};

use wasmtime::component::Component;

/// What is known of a component's way to an instance, beside its code.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Start {
    /// Whether an instance runs guest code before it is called.
    pub(crate) runs: bool,
    /// Bytes that making an instance copies into its memories.
    pub(crate) data_bytes: usize,
}

/// Mapped code; cheap to clone. Versions of one component share it.
#[derive(Clone)]
pub struct Mapped(Arc<Inner>);

struct Inner {
    component: Component,
    start: Start,
}

/// Finds mapped code again for as long as somebody else keeps it.
#[derive(Debug, Clone)]
pub struct WeakMapped(Weak<Inner>);

impl Mapped {
    pub(crate) fn new(component: Component, start: Start) -> Self {
        Self(Arc::new(Inner { component, start }))
    }

    pub(crate) fn component(&self) -> &Component {
        &self.0.component
    }

    pub(crate) fn start(&self) -> Start {
        self.0.start
    }

    /// Bytes of machine code.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let code = self.0.component.image_range();
        (code.end as usize).saturating_sub(code.start as usize)
    }

    /// The same without keeping the code.
    #[must_use]
    pub fn downgrade(&self) -> WeakMapped {
        WeakMapped(Arc::downgrade(&self.0))
    }
}

impl WeakMapped {
    /// The code, if it is still mapped for somebody.
    #[must_use]
    pub fn upgrade(&self) -> Option<Mapped> {
        self.0.upgrade().map(Mapped)
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("start", &self.start).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Mapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mapped({} bytes)", self.bytes())
    }
}
