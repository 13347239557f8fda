//! Guests built by the real toolchains, which `cargo xtask test` installs first.
#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

mod assemblyscript;
mod support;
mod tinygo;
