//! What breaks, each with the real programs: callers go on meanwhile, nothing
//! accepted is lost, and no host goes back.

mod artifact;
mod host;
mod redis;
mod registry;
mod rollback;
mod s3;
pub(crate) mod worker;
