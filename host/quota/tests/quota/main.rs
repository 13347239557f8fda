//! Quotas from outside: against a simple model, under races, with a clock that jumps.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod changes;
mod gates;
mod kit;
mod model;
mod properties;
mod races;
mod records;
mod shares;
mod texts;
