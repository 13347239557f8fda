//! The front on free ports with a scripted service behind it.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod batch;
mod drain;
mod grpc;
mod http2;
mod limits;
mod mount;
mod operators;
mod rest;
mod support;
mod tls;
