//! A catalog over a store that fails, lies, waits and changes. The clock is
//! tokio's own: it moves when nothing else does.

#![allow(clippy::unwrap_used, reason = "tests")]

mod changes;
mod control;
mod gone;
mod hints;
mod hostile;
mod lazy;
mod many;
mod never_back;
mod support;
