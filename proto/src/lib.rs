//! Generated messages and services of proto/, with what every user of them
//! would otherwise write again: words to and from enums, refusals to and from
//! a status. Decides nothing and does no I/O.

mod control;
mod refusal;
mod words;

/// Package `ameide.extensions.v1`: messages, client and server.
#[allow(
    clippy::allow_attributes_without_reason,
    clippy::all,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "generated from proto/, whose comments are its documentation"
)]
pub mod v1 {
    tonic::include_proto!("ameide.extensions.v1");
}

pub use control::{BadControl, causes, control_scope, methods, policy_mode, switch_target, weight};
pub use refusal::{AnyDetail, RpcStatus, detail_of, refusal_details};
pub use words::{UnknownNumber, actor_type, kind, risk_tier};

/// The encoded `FileDescriptorSet` of proto/, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
