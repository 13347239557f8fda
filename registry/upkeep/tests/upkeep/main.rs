//! Upkeep from outside: on real ledgers over stores that fail, race and are killed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod drill;
mod erase;
mod gc;
mod gc_code;
mod kills;
mod restore;
mod retain;
mod world;
