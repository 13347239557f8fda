//! A whole registry, called as clients and attackers call it, over gRPC and HTTP.
#![allow(clippy::unwrap_used, reason = "functions that tests share")]

mod attacks;
mod control;
mod drive;
mod driver;
mod fleet;
mod forged;
mod guest;
mod http_input;
mod jobs;
mod program;
mod rules;
mod signer;
mod stage;
mod streams;
mod tls;
mod uploads;
mod walk;
