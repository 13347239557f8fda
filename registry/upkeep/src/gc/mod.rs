//! Garbage collection: a survey makes a plan, applying it looks at each object again.

mod apply;
mod code;
mod heal;
mod plan;
mod survey;
mod verdict;

pub use plan::{GcItem, GcPlan, GcReport, ITEMS_MAX};
pub use verdict::Reason;
pub(crate) use verdict::{Verdict, in_registry};
