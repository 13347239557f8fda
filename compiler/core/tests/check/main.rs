//! Whole checks: modules and components that may be served, and each reason why others may not.
#![allow(clippy::unwrap_used, reason = "functions that tests share")]

mod corpus;
mod damage;
mod kit;
mod secrets;
mod worlds;
