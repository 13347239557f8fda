//! Generated from wit/ by `cargo xtask gen`: one module per world, and `imports` for what they share.

pub mod agent_tool;
pub mod domain_hook;
pub mod imports;
pub mod process_hook;
