//! JSON from outside: checked once, against size, depth and schemas.
//!
//! Requests, guests and schemas are hostile alike. Nothing here keeps more of
//! a document than its answer needs.

mod check;
mod schema;

pub use check::{DEPTH_MAX, JsonError, Shape, check};
pub use schema::{COST_MAX, Schema, SchemaError, Violation, first_unfit};
