//! Guests that do their worst on a real host: each gets its named code within
//! bounded work and memory, and nobody else notices.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod answers;
mod context;
mod host_calls;
mod isolation;
mod lanes;
mod logs;
mod memory;
mod plain;
mod smith;
mod smith_steady;
mod support;
mod switches;
mod time;
mod traps;
