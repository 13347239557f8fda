//! Write an extension: one function with typed input and output.
//!
//! ```
//! use ameide_extension::{HookError, Verdict, domain_hook};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Order {
//!     discount: f64,
//! }
//!
//! #[domain_hook]
//! fn evaluate(_point: &str, order: Order) -> Result<Verdict, HookError> {
//!     let verdict = Verdict::new();
//!     if order.discount > 20.0 {
//!         return Ok(verdict.error("DISCOUNT_ABOVE_CEILING", "At most 20 % is allowed.", "/discount"));
//!     }
//!     Ok(verdict.set("discountApproved", true))
//! }
//! # fn main() {}
//! ```
//!
//! The attribute reads the JSON, calls the function and writes its answer.
//! Input that does not fit the type never reaches the function. An instance
//! answers one call and is thrown away: there is no state between calls, no
//! file, no network, no clock and no environment.
//!
//! Outside of the sandbox (`cargo test` of an extension) [`context`] answers a
//! fixed test context, logs go to stderr and every host call is denied.

mod context;
mod error;
pub mod host;
pub mod log;
mod memory;
#[cfg(doctest)]
mod refused;
mod runtime;
mod verdict;

#[doc(hidden)]
#[path = "glue.rs"]
pub mod __private;
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::undocumented_unsafe_blocks, clippy::unwrap_used, reason = "generated")]
#[doc(hidden)]
#[rustfmt::skip]
pub mod bindings;

pub use ameide_extension_macros::{agent_tool, domain_hook, process_hook};
pub use context::{ActorType, Context, RiskTier, context};
pub use error::HookError;
pub use host::CallError;
pub use verdict::{Message, Severity, Verdict};
