//! Rust client of the extensions runtime, over gRPC ([`Client`]) and plain
//! HTTP ([`HttpClient`]), and of the registry ([`registry::RegistryClient`]).
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use extensions_client::{Client, Context, Endpoint, Invoke};
//!
//! let client = Client::builder().token("…").connect(&"http://127.0.0.1:7400".parse::<Endpoint>()?)?;
//! let call = Invoke::new("order-discount")
//!     .point("BeforeCreateOrder")
//!     .context(Context::new().correlation("order-4711"))
//!     .input(r#"{"total": 120}"#);
//! let answer = client.invoke(call).await?;
//! println!("version {} said {:?}", answer.served_version, answer.output);
//! # Ok(()) }
//! ```
//!
//! A client connects when it is first used, keeps its connection, sends the
//! deadline of each call along, and repeats a call only where the table of
//! error codes says that a retry helps and the call has not run. It never
//! follows redirects, never guesses identity (that is the token's) and holds
//! no more of an answer than [`ANSWER_BYTES_MAX`].

mod answer;
mod batch;
mod builder;
mod context;
mod endpoint;
mod error;
mod grpc;
mod headers;
mod http;
mod invoke;
pub mod registry;
mod retry;

#[cfg(test)]
mod tests;

pub use answer::{Fallback, Invocation, Listed, Stats, Tool};
pub use batch::{BATCH_INPUTS_MAX, Batch, Results};
pub use builder::{Builder, ConfigError};
pub use context::Context;
/// How `https://` endpoints are reached.
pub use extensions_tls::{ClientTls, ClientTlsSettings, HandshakeError, TlsError};

pub use endpoint::{Endpoint, EndpointError};
pub use error::{InvokeError, Outcome, Refused};
pub use grpc::Client;
pub use http::{Document, HttpClient};
pub use invoke::Invoke;
pub use retry::RETRIES_DEFAULT;

/// The largest answer that is read: the platform's largest output (8 MiB) and
/// room for what surrounds it.
pub const ANSWER_BYTES_MAX: usize = (8 << 20) + (64 << 10);
