//! The command line, declared. Names and flags are fixed: scripts depend on them.

mod admin;
mod author;
mod calls;
mod control;
mod dev;
mod load;
mod registry;
mod words;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use extensions_client::ClientTlsSettings;
use extensions_types::Environment;

use self::words::environment;

pub(crate) use self::{
    admin::{Admin, Precompile, UpkeepArgument},
    author::{Check, Folder, New, Run, Test, Toolchain},
    calls::{Invoke, Logs, Transport},
    control::{
        ContractCommand, ControlGuard, PolicyCommand, QuotaCommand, QuotaGet, QuotaSet, Reasoned, Scope, SwitchCommand, SwitchOff, Target, Until,
        WeightCommand,
    },
    dev::{Dev, DevCommand, Token},
    load::{Load, Ramp, Tolerated},
    registry::{
        Approve, ChangeArguments, Enable, Guard, History, List, Pin, Promote, Push, Reject, Retire, Rollback, Show, Submit, Wait, Waivers, Watch,
    },
    words::{KindArgument, LanguageArgument, Reference},
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
    /// Where the platform listens: http://HOST:PORT, https://HOST:PORT or unix:PATH [default: the running `ext dev`]
    #[arg(long, global = true, env = "EXT_SERVER", value_name = "URL", help_heading = "Global")]
    pub(crate) server: Option<String>,
    /// Who calls [default: the token of the running `ext dev`]
    #[arg(long, global = true, env = "EXT_TOKEN", hide_env_values = true, value_name = "TOKEN", help_heading = "Global")]
    pub(crate) token: Option<String>,
    /// Authorities for https:// servers, as a PEM file [default: the machine's]
    #[arg(long, global = true, env = "EXT_CA", value_name = "FILE", help_heading = "Global")]
    pub(crate) ca: Option<PathBuf>,
    /// An own certificate for servers that ask for one, as a PEM file
    #[arg(long, global = true, env = "EXT_CLIENT_CERT", value_name = "FILE", requires = "client_key", help_heading = "Global")]
    pub(crate) client_cert: Option<PathBuf>,
    /// Its private key, as a PEM file
    #[arg(long, global = true, env = "EXT_CLIENT_KEY", value_name = "FILE", requires = "client_cert", help_heading = "Global")]
    pub(crate) client_key: Option<PathBuf>,
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

impl Global {
    /// How https:// servers are reached.
    pub(crate) fn tls(&self) -> ClientTlsSettings {
        ClientTlsSettings { ca_file: self.ca.clone(), cert_file: self.client_cert.clone(), key_file: self.client_key.clone() }
    }
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
    /// Call an extension at the rates asked for and say how that went
    Load(Box<Load>),
    /// Make a new draft version of an extension: it answers when it is built or has failed
    Push(Push),
    /// Ask for review of a version for an environment
    Submit(Submit),
    /// Approve a submitted version for an environment
    Approve(Approve),
    /// Refuse a submitted version for an environment
    Reject(Reject),
    /// Show what a version asks to be excused from, or grant it
    Waivers(Waivers),
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
    /// Operate the platform: switches, quotas, weights, policies, hosts, tiers, erasure, upkeep
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_declaration_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_page_of_settings_has_every_variable() {
        let page = include_str!("../../docs/configuration.md");
        let of_commands = Arguments::command();
        let variables: Vec<_> = of_commands.get_arguments().filter_map(|argument| argument.get_env()?.to_str()).collect();
        assert!(variables.contains(&"EXT_SERVER"));
        for variable in variables {
            assert!(page.contains(&format!("`{variable}`")), "{variable} is not in docs/configuration.md");
        }
    }
}
