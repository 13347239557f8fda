//! Who a call's CPU time is charged to.

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::Duration,
};

use crate::Share;

/// Whoever pays for one call. Held until the call's instance is gone, also when
/// its caller left before: what it holds may be given back when it is dropped.
///
/// Asked on the threads that run guests: it must neither block nor allocate.
pub trait Payer: Send + Sync + fmt::Debug {
    /// The share that the call's turns are taken from.
    fn share(&self) -> &Arc<Share>;

    /// The call has used this much thread CPU time since it was last charged.
    fn charge(&self, cpu: Duration);
}

/// Pays for calls that no tenant pays for: an author's own runs, and benches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Payer for Nobody {
    fn share(&self) -> &Arc<Share> {
        static SHARE: LazyLock<Arc<Share>> = LazyLock::new(Arc::default);
        &SHARE
    }

    fn charge(&self, cpu: Duration) {
        self.share().charge(cpu);
    }
}
