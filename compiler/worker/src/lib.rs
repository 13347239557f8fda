//! Takes compile jobs, builds them in isolation, returns checked components.
//!
//! A worker knows no store and no history: it gets one job's source and a token
//! for that job, and everything that it returns is checked again. Hints and
//! jobs come through [`extensions_compile_jobs`], in process or from a
//! registry elsewhere ([`Remote`]). A job sees the toolchain, prebuilt
//! dependencies read-only, and private scratch that ends with it.

mod discreet;
mod isolation;
mod job;
mod journal;
mod metrics;
mod remote;
mod results;
mod runner;
mod settings;
mod teller;
mod warm;
mod worker;

pub use isolation::{Isolation, NotIsolated};
pub use metrics::Metrics;
pub use remote::{NotARegistry, Remote};
pub use settings::{AdminSettings, LimitSettings, RegistrySettings, WorkerSection, WorkerSettings};
pub use warm::{Warmed, warm};
pub use worker::{Drained, Parts, Worker};
