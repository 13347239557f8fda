//! Calling a served extension, and what it logged.

use clap::{ArgGroup, Args, ValueEnum};
use extensions_types::ExtensionId;

use super::{Reference, words::reference};

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true))]
pub(crate) struct Invoke {
    /// EXTENSION or EXTENSION@VERSION
    #[arg(value_parser = reference)]
    pub(crate) extension: Reference,
    /// JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-", group = "what")]
    pub(crate) input: Option<String>,
    /// Many inputs in one request: a JSON value on each line
    #[arg(long, value_name = "@FILE|-", group = "what")]
    pub(crate) batch: Option<String>,
    /// The hook point, or the task
    #[arg(long, default_value = "", value_name = "NAME")]
    pub(crate) point: String,
    /// The calling primitive, for pins
    #[arg(long, default_value = "")]
    pub(crate) caller: String,
    /// How to call
    #[arg(long, value_enum, default_value_t = Transport::Grpc)]
    pub(crate) transport: Transport,
    /// How long to wait, in milliseconds
    #[arg(long, default_value_t = 30_000, value_name = "MS")]
    pub(crate) timeout_ms: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    Grpc,
    Http,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The extension
    pub(crate) extension: ExtensionId,
    /// Go on as lines come
    #[arg(long, short)]
    pub(crate) follow: bool,
}
