//! A fleet as it is run: `extensions-registry`, an `extensions-runtime` for
//! dev and one for prod, an `extensions-compiler`, buckets of a real S3 server, and `ext` in between.
//!
//! Nothing but the store connects registry and hosts; prod has a bucket of its own.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod cast;
mod compile;
mod programs;
mod walk;
