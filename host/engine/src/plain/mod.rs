//! World `plain`: modules that speak JSON alone, served as any kind.
//!
//! What the other worlds say by type is said here by names in JSON: the input
//! is one object, the answer is read for the kind's verdict, result or error,
//! context and host calls are objects too. Beyond this folder nothing differs.

mod answer;
mod host;
mod input;

pub(crate) use answer::outcome;
pub(crate) use input::input;
