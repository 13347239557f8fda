//! Shares CPU time between tenants: who paid how much, and whose turn it is.

mod payer;
mod share;

pub use payer::{Nobody, Payer};
pub use share::Share;
