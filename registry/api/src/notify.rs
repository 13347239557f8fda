//! Who hears of a change at once, beside the polling that everyone does.

use std::{fmt, future::Future, pin::Pin};

use extensions_types::{Environment, ExtensionId, TenantId};

/// Told after a change is stored, before its command is answered. A hint:
/// whoever misses it finds the change by polling.
pub trait Notify: Send + Sync + fmt::Debug {
    /// An environment's entry has reached `seq`. The command's answer waits
    /// for this, within a bound.
    fn entry_changed(&self, env: Environment, tenant: TenantId, extension: ExtensionId, seq: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// An environment's control has reached `seq`.
    fn control_changed(&self, env: Environment, seq: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Nobody to tell: hosts poll.
#[derive(Debug, Clone, Copy, Default)]
pub struct NobodyToTell;

impl Notify for NobodyToTell {
    fn entry_changed(&self, _: Environment, _: TenantId, _: ExtensionId, _: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }

    fn control_changed(&self, _: Environment, _: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}
