//! `ext` as a user meets it: the real binary, real guests, exit codes, text.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod author;
mod dev;
mod document;
mod help;
mod load;
mod platform;
mod registry;
mod sandbox;
mod usage;
