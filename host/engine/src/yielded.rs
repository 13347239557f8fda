//! The end of a slice: a future that is pending once and wakes nobody.
//!
//! Whoever polls the guest decides when it goes on, so there is nothing to wake.

use std::{future::poll_fn, task::Poll};

pub(crate) async fn yield_once() {
    let mut pending = true;
    poll_fn(|_| if std::mem::take(&mut pending) { Poll::Pending } else { Poll::Ready(()) }).await;
}
