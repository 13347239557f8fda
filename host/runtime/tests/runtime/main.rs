//! `extensions-runtime` as it is run: a process, settings, a store with
//! documents written by hand, calls over HTTP.

#![allow(clippy::unwrap_used, reason = "tests")]

mod environments;
mod fleet;
mod gone;
mod program;
mod serving;
mod settings;
mod shelf;
