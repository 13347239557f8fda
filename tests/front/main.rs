//! Bad requests and good ones on every transport: what each is answered, and
//! that the next good call on the same connection is.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod batch;
mod contract;
mod delegates;
mod drain;
mod figures;
mod input;
mod quotas;
mod reading;
mod shot;
mod side;
mod stage;
mod tokens;
mod versions;
