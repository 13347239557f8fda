//! A fleet as it is run: `extensions-registry`, `extensions-runtime` twice in an
//! environment, an `extensions-compiler`, buckets of a real S3 server, a real
//! Redis, and `ext` in between.
//!
//! Each program reaches S3 and Redis by ways of its own, which a test cuts, slows
//! or lets hang. Callers go on meanwhile: what they were answered is what a fault did.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod bad_input;
mod caller;
mod cast;
mod compile;
mod faults;
mod look;
mod people;
mod programs;
mod quotas;
mod redis;
mod store;
mod walk;
mod work;
