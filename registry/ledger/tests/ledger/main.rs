//! The ledger on stores that fail, race, lie and die under it.
#![allow(clippy::unwrap_used, reason = "a test ends where an expectation breaks")]

mod check;
mod compiles;
mod costs;
mod expiry;
mod faults;
mod killed;
mod kit;
mod repair;
mod rivals;
mod scenes;
mod walk;
mod watches;
