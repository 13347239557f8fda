//! Who sees a call end.

use std::sync::Arc;

use extensions_types::ExtensionDefinition;

use crate::{Call, Outcome};

/// Sees a call end, once, with its true totals: also when its caller was
/// answered earlier or is gone. Let go of when the call's instance is gone.
pub trait Observer: Send + Sync + std::fmt::Debug {
    /// Called on the thread where the call ended; must not block. What it takes
    /// out of `outcome` (a guest's lines) whoever called does not get.
    fn ended(&self, call: &Call, extension: &Arc<ExtensionDefinition>, outcome: &mut Outcome);
}

/// Accounts for nothing: a developer's own runs, and benches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn ended(&self, _: &Call, _: &Arc<ExtensionDefinition>, _: &mut Outcome) {}
}
