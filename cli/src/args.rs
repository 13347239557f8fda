//! The command line, declared. Names and flags are fixed: scripts depend on them.

mod admin;
mod registry;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use extensions_types::{ActorType, Environment, ExtensionId, Kind, Language, RiskTier, TenantId, UnknownWord, VersionSelector};

pub(crate) use self::{
    admin::{Admin, Switch, UpkeepArgument},
    registry::{Approve, ChangeArguments, Enable, Guard, History, List, Pin, Promote, Push, Reject, Retire, Rollback, Show, Submit, Watch},
};

/// Write, run, release and call extensions.
///
/// An extension is a small WebAssembly component that changes what a business
/// service does at a hook. `ext new` makes one, `ext dev` runs a platform on
/// this machine, `ext push` makes a version there, `ext promote` serves it,
/// `ext invoke` calls it.
#[derive(Debug, Parser)]
#[command(
    name = "ext",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 done · 1 the extension or the platform answered with an error · 2 wrong usage or input ·\n\
                  3 cannot reach the server · 4 refused (not authorised, policy) · 5 build or check failed\n\n\
                  A first extension:\n  ext toolchain install rust\n  ext new my-rule --kind domain-hook --lang rust\n  ext test my-rule\n  ext dev my-rule --watch\n\n\
                  Its way to prod:\n  ext push my-rule\n  ext promote my-rule --to dev\n  ext submit my-rule --to staging\n  ext approve my-rule --to staging\n  ext promote my-rule --to staging"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Where the platform listens: http://HOST:PORT or unix:PATH [default: the running `ext dev`]
    #[arg(long, global = true, env = "EXT_SERVER", value_name = "URL", help_heading = "Global")]
    pub(crate) server: Option<String>,
    /// Who calls [default: the token of the running `ext dev`]
    #[arg(long, global = true, env = "EXT_TOKEN", hide_env_values = true, value_name = "TOKEN", help_heading = "Global")]
    pub(crate) token: Option<String>,
    /// The environment that is meant
    #[arg(long, global = true, value_parser = environment, default_value = "dev", help_heading = "Global")]
    pub(crate) env: Environment,
    /// Print data as JSON, one value or one object per line
    #[arg(long, global = true, help_heading = "Global")]
    pub(crate) json: bool,
    /// Only data and errors, no talk
    #[arg(long, short, global = true, help_heading = "Global")]
    pub(crate) quiet: bool,
    /// Colour
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN", help_heading = "Global")]
    pub(crate) color: Colour,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a folder with a new extension
    New(New),
    /// Build an extension: source to checked component
    Build(Folder),
    /// Say whether a module or component may be served, with every reason
    Check(Check),
    /// Run an extension's own cases, in the production engine under production limits
    Test(Test),
    /// Run an extension once, here, without a server
    Run(Run),
    /// Run the embedded platform and serve the folders given
    Dev(Box<Dev>),
    /// Call an extension on a server
    Invoke(Invoke),
    /// Make a new draft version of an extension: it answers when it is built or has failed
    Push(Push),
    /// Ask for review of a version for an environment
    Submit(Submit),
    /// Approve a submitted version for an environment
    Approve(Approve),
    /// Refuse a submitted version for an environment
    Reject(Reject),
    /// Serve a version in an environment
    Promote(Promote),
    /// Serve a version again that an environment has served before
    Rollback(Rollback),
    /// Give one caller or one hook point a version of its own
    Pin(Pin),
    /// Switch an extension off in an environment
    Disable(Enable),
    /// Switch it on again
    Enable(Enable),
    /// Take a version out of use for good
    Retire(Retire),
    /// List extensions: what the server serves, and how far their versions have come
    List(List),
    /// Show an extension, a version, or what changed between two
    Show(Show),
    /// Show who changed what, when and why
    History(History),
    /// Follow changes as they happen
    Watch(Watch),
    /// Show what an extension logged
    Logs(Logs),
    /// Operate the platform: switches, tiers, erasure, upkeep
    #[command(subcommand)]
    Admin(Box<Admin>),
    /// Install what guests are built with
    #[command(subcommand)]
    Toolchain(Toolchain),
    /// Print a completion script for a shell
    Completion {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// The extension's id, and its folder's name
    pub(crate) name: ExtensionId,
    /// What it is called for
    #[arg(long, value_enum)]
    pub(crate) kind: KindArgument,
    /// What it is written in
    #[arg(long, value_enum, default_value_t = LanguageArgument::Rust)]
    pub(crate) lang: LanguageArgument,
}

/// A kind as the command line spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindArgument {
    /// An extension task of a workflow
    ProcessHook,
    /// A check before or after a domain command
    DomainHook,
    /// A deterministic tool of an agent
    AgentTool,
}

impl From<KindArgument> for Kind {
    fn from(kind: KindArgument) -> Self {
        match kind {
            KindArgument::ProcessHook => Self::ProcessHook,
            KindArgument::DomainHook => Self::DomainHook,
            KindArgument::AgentTool => Self::AgentTool,
        }
    }
}

/// A language as the command line spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LanguageArgument {
    Rust,
    Tinygo,
    Assemblyscript,
}

impl From<LanguageArgument> for Language {
    fn from(argument: LanguageArgument) -> Self {
        match argument {
            LanguageArgument::Rust => Self::Rust,
            LanguageArgument::Tinygo => Self::TinyGo,
            LanguageArgument::Assemblyscript => Self::AssemblyScript,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Folder {
    /// The extension's folder
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// A core module or component, or an extension's folder (which is built first)
    #[arg(default_value = ".")]
    pub(crate) file: PathBuf,
    /// The kind that it must be [default: what it looks like, or the folder's]
    #[arg(long, value_enum)]
    pub(crate) kind: Option<KindArgument>,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The extension's folder
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Only the cases whose name contains this
    #[arg(long, default_value = "")]
    pub(crate) only: String,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The extension's folder, or a component
    #[arg(default_value = ".")]
    pub(crate) target: PathBuf,
    #[command(flatten)]
    pub(crate) input: Input,
    /// The hook point, or the task
    #[arg(long, default_value = "")]
    pub(crate) point: String,
    /// The kind of a component that comes alone [default: what it looks like]
    #[arg(long, value_enum)]
    pub(crate) kind: Option<KindArgument>,
}

#[derive(Debug, Args)]
pub(crate) struct Input {
    /// JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON|@FILE|-")]
    pub(crate) input: String,
}

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

#[derive(Debug, Args)]
pub(crate) struct Invoke {
    /// EXTENSION or EXTENSION@VERSION
    #[arg(value_parser = reference)]
    pub(crate) extension: Reference,
    #[command(flatten)]
    pub(crate) input: Input,
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

/// An extension, and a version of it.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) id: ExtensionId,
    pub(crate) version: VersionSelector,
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

#[derive(Debug, Subcommand)]
pub(crate) enum Toolchain {
    /// Install a language's toolchain, or say which one is there
    Install {
        /// The language
        #[arg(value_enum)]
        lang: LanguageArgument,
    },
}

fn environment(text: &str) -> Result<Environment, String> {
    text.parse().map_err(|error: UnknownWord| error.to_string())
}

fn actor(text: &str) -> Result<ActorType, String> {
    text.parse().map_err(|error: UnknownWord| error.to_string())
}

fn tier(text: &str) -> Result<RiskTier, String> {
    text.parse().map_err(|error: UnknownWord| error.to_string())
}

fn reference(text: &str) -> Result<Reference, String> {
    let (id, version) = text.split_once('@').unwrap_or((text, "latest"));
    let wrong = |error: extensions_types::IdError| error.to_string();
    Ok(Reference { id: id.parse().map_err(wrong)?, version: version.parse().map_err(wrong)? })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_declaration_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn references_name_a_version_or_the_latest() {
        assert_eq!(reference("a-b").unwrap().version, VersionSelector::Latest);
        assert!(matches!(reference("a@7").unwrap().version, VersionSelector::Exact(version) if version.get() == 7));
        assert!(reference("a@x").is_err() && reference("A").is_err() && reference("@1").is_err());
    }
}
