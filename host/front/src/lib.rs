//! The host's listeners: gRPC and HTTP on one port, metrics and admin beside.
//!
//! Bytes become a [`Request`](extensions_admission::Request) and its answer
//! becomes bytes; who may do what is [`Service`]'s business. A request walks
//! listener → runtime → connection → router → `grpc/` or `http/` → [`Service`].
//! With certificates, TLS lies between listener and connection; without, nothing does.

mod admin;
mod auth;
mod body;
mod budget;
mod connection;
mod drain;
mod grpc;
mod handler;
mod handout;
mod http;
mod intake;
mod listener;
mod listeners;
mod metrics;
mod mount;
mod operate;
mod preface;
mod refused;
mod request_body;
mod router;
mod runtime;
mod seats;
mod service;
mod settings;
mod shared;
mod trace;
mod unread;

pub use drain::{Drained, Handle};
pub use handout::Stream;
pub use mount::{Mount, MountBody, PeerName};
pub use runtime::{Addresses, Front, StartError};
pub use service::Service;
pub use settings::{FrontSettings, SettingsError, Timeouts};
