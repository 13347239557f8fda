//! Bytes in, checked component out: prescan, validate, componentize, conform, policy.
//!
//! The bytes are hostile: sizes and counts are bounded before anything
//! heavier reads them, and no input makes this panic. It collects every
//! reason against a component, not the first only. No I/O, no engine: nothing
//! is compiled or run here.

mod check;
mod componentize;
mod conform;
mod data;
mod digest;
mod embed;
mod finding;
mod form;
mod guard;
mod imports;
mod leb;
mod limits;
mod place;
mod plain;
mod policy;
mod prescan;
mod report;
pub mod secrets;
mod sections;
mod surface;
#[cfg(feature = "testing")]
pub mod testing;
mod validate;
mod wit;
mod worlds;

pub use check::{Expected, check};
pub use embed::embed_world;
pub use finding::{Code, Finding, Step};
pub use form::{Form, inspect};
pub use limits::{COMPACT_BYTES_MAX, COMPONENT_BYTES_MAX, INPUT_BYTES_MAX};
pub use report::{Facts, Report, SectionBytes};
pub use wit::wit;
