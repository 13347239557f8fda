//! What operators forbid while calls wait and run.

use std::sync::{Arc, OnceLock};

use extensions_types::{Environment, ErrorCode, ExtensionDefinition};

use crate::{call::Failure, invocation::Invocation};

/// What operators forbid. Asked on the threads that run guests: it must neither
/// block nor allocate.
pub trait Orders: Send + Sync + std::fmt::Debug {
    /// Whether a call that waited may not begin.
    fn forbids(&self, env: Environment, definition: &ExtensionDefinition) -> bool;

    /// Whether what runs must end now. Asked at every tick of a guest.
    fn aborts(&self, env: Environment, definition: &ExtensionDefinition) -> bool;
}

/// The orders of whoever gives them; none yet: everything goes on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given(Arc<OnceLock<Arc<dyn Orders>>>);

impl Given {
    /// Obeys `orders` from now on. There is one giver in a process: the first stays.
    pub(crate) fn obey(&self, orders: Arc<dyn Orders>) {
        let _ = self.0.set(orders);
    }

    pub(crate) fn forbid(&self, invocation: &Invocation) -> bool {
        self.forbid_version(invocation.call.context.env, &invocation.extension.definition)
    }

    pub(crate) fn forbid_version(&self, env: Environment, definition: &ExtensionDefinition) -> bool {
        self.0.get().is_some_and(|orders| orders.forbids(env, definition))
    }

    pub(crate) fn abort(&self, invocation: &Invocation) -> bool {
        self.0.get().is_some_and(|orders| orders.aborts(invocation.call.context.env, &invocation.extension.definition))
    }
}

/// How a call ends that may not begin.
pub(crate) fn not_begun() -> Failure {
    Failure::new(ErrorCode::Disabled, "the platform's operators have switched it off while the call waited")
}
