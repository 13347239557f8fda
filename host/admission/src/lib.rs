//! One call from verified identity to accounted outcome.
//!
//! The order is DESIGN §5.1: authenticate → resolve → (switches, circuit,
//! quota: later) → run → account. Transports convert to and from [`Request`]
//! and [`Answer`] and decide nothing.

mod request;

pub use request::{Answer, AskedContext, Refusal, Request};
