//! For tests only: a real host on free ports ([`Platform`]), guests written as
//! WebAssembly text so that hostile ones need no toolchain ([`Guest`]), plain
//! HTTP without a client library ([`Request`]) and the process's own log ([`log`]).
//!
//! A failure in here is a failed test, so it panics with what went wrong. No
//! product crate depends on it.

#![allow(clippy::unwrap_used, reason = "a failure in a helper of tests is a failed test")]

pub mod components;
mod guest;
pub mod log;
mod plain;
mod platform;
mod ruled;
mod start;
mod tokens;
mod wire;

use std::time::Duration;

pub use guest::Guest;
pub use plain::{PlainGuest, wrapped};
pub use platform::Platform;
pub use start::Start;
pub use tokens::unsigned;
pub use wire::{Reply, Request};

/// No test waits longer for an event; only a failure is this slow.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for something that must happen, but not forever.
pub async fn event<T>(waiting: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, waiting).await.expect("the event did not come")
}

/// Waits until `happened` says so, letting other tasks run meanwhile.
pub async fn until(mut happened: impl FnMut() -> bool) {
    event(async {
        while !happened() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
