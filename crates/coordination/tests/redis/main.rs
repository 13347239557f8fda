//! Coordination through a real Redis, and without one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod connection;
mod hints;
mod kit;
mod leases;
mod membership;
mod secured;
