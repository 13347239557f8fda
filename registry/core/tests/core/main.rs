//! The lifecycle from outside: each rule by its refusal, each stored change by
//! its text, and random histories against a model.
#![allow(clippy::unwrap_used, reason = "a test ends where an expectation breaks")]

mod changes;
mod control;
mod entries;
mod histories;
mod limits_and_files;
mod model;
mod rules;
mod scene;
mod steps;
