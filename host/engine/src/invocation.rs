//! What the parts of one running invocation share.

use std::{sync::Arc, time::Instant};

use crate::{budget::Budget, call::Call, control::Control, extension::Extension};

/// One invocation. Its run, its store and whoever holds it share this one
/// reference count, so that no count is shared by calls on other threads.
pub(crate) struct Invocation {
    pub(crate) extension: Arc<Extension>,
    pub(crate) call: Call,
    pub(crate) control: Control,
    /// When it began.
    pub(crate) begun: Instant,
}

impl Invocation {
    /// Begins now: its wall limit counts from here.
    pub(crate) fn begin(extension: &Arc<Extension>, call: Call) -> Arc<Self> {
        let limits = &extension.definition.limits;
        let begun = Instant::now();
        let budget = Budget { cpu: limits.cpu(), wall_end: begun + limits.timeout(), caller_end: call.deadline };
        Arc::new(Self { extension: Arc::clone(extension), call, control: Control::new(budget, begun), begun })
    }
}
