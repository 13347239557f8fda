//! gRPC by hand: the unary calls of our own service, without a
//! framework between the frame and the decoder.
//!
//! Health and reflection, which are cold, run on tonic's servers.

mod batch;
mod health;
mod invoke;
mod list;
mod metadata;
mod side;
mod status;
mod timeout;

pub(crate) use batch::invoke_batch;
pub(crate) use health::{Health, Readiness, health_server};
pub(crate) use invoke::invoke;
pub(crate) use list::list;
pub(crate) use metadata::{CORRELATION_ID, is_grpc};
pub(crate) use side::{health, reflect, reflection};
pub(crate) use status::refuse;
pub(crate) use timeout::shorter;
