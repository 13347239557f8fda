//! The embedded platform.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use extensions_types::{ActorType, TenantId};

use super::words::actor;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Dev {
    #[command(subcommand)]
    pub(crate) command: Option<DevCommand>,
    /// Extensions to build and serve in dev
    pub(crate) folders: Vec<PathBuf>,
    /// gRPC and HTTP
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<std::net::SocketAddr>,
    /// Metrics and admin on an address of their own [default: on the main one]
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin_listen: Option<std::net::SocketAddr>,
    /// Where keys, code and the socket are kept [default: in ext's own folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Build and serve again when a folder changes
    #[arg(long)]
    pub(crate) watch: bool,
    /// The tenant that the folders belong to
    #[arg(long, default_value = "dev")]
    pub(crate) tenant: TenantId,
    /// Settings for the host (docs/configuration.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How slots are reset: keep, or scan where swap is impossible
    #[arg(long, value_name = "MODE", value_parser = ["keep", "scan"])]
    pub(crate) memory_reset: Option<String>,
    /// How the host logs
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"])]
    pub(crate) log_format: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DevCommand {
    /// Sign a token with this machine's development key
    Token(Token),
}

#[derive(Debug, Args)]
pub(crate) struct Token {
    /// Who the token is about
    #[arg(long, default_value = "developer")]
    pub(crate) sub: String,
    /// What they may do; repeat it [default: all of author, reviewer, releaser, viewer]
    #[arg(long = "role", value_name = "ROLE")]
    pub(crate) roles: Vec<String>,
    /// What stands behind them: USER, AGENT or SYSTEM
    #[arg(long, default_value = "USER", value_parser = actor)]
    pub(crate) actor: ActorType,
    /// Their tenant; leave it out with --scope invoke:delegate or platform:operate
    #[arg(long)]
    pub(crate) tenant: Option<TenantId>,
    /// What the token is for; repeat it
    #[arg(long = "scope", value_name = "SCOPE", default_values_t = ["invoke".to_owned()])]
    pub(crate) scopes: Vec<String>,
    /// Minutes until it expires
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=525_600))]
    pub(crate) minutes: u32,
    /// The data directory of the `ext dev` that is meant
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}
