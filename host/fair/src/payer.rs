//! Who a call's CPU time is charged to.

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use crate::Share;

/// Whoever pays for one call. Held until the call's instance is gone, also when
/// its caller left before: what it holds may be given back when it is dropped.
///
/// Asked on the threads that run guests: it must neither block nor allocate.
pub trait Payer: Send + Sync + fmt::Debug {
    /// The share that the call's turns are taken from. Whoever runs the call
    /// charges it; [`Self::charge`] does not.
    fn share(&self) -> &Arc<Share>;

    /// The call has used this much thread CPU time since it was last charged:
    /// for what the payer itself accounts, as quotas.
    fn charge(&self, cpu: Duration);

    /// Who pays for what is made ready ahead for further calls of the same tenant
    /// and extension: out of the same share and quota of CPU time, but without the
    /// place and memory of a call. None: nothing is made ready.
    fn ahead(&self) -> Option<Arc<dyn Payer>> {
        None
    }

    /// Whether `bytes` of the guest's log may be kept; asked for each line when
    /// the call has ended. What is allowed is counted.
    fn may_log(&self, bytes: u64, now: Instant) -> bool {
        let _ = (bytes, now);
        true
    }
}

/// Pays for calls that no tenant pays for: an author's own runs, and benches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Payer for Nobody {
    fn share(&self) -> &Arc<Share> {
        static SHARE: LazyLock<Arc<Share>> = LazyLock::new(|| Arc::new(Share::of_nobody()));
        &SHARE
    }

    fn charge(&self, _: Duration) {}

    fn ahead(&self) -> Option<Arc<dyn Payer>> {
        Some(Arc::new(Self))
    }
}
