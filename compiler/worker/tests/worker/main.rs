//! The worker from outside: a scripted registry, the found Rust toolchain, the real sandbox and engine.
#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod board;
mod bundles;
mod escape;
mod ordinary;
mod scene;
