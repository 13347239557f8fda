//! The operators' commands.

use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use extensions_types::{ExtensionId, RiskTier, TenantId};

use super::{
    control::{ContractCommand, PolicyCommand, QuotaCommand, SwitchCommand, WeightCommand},
    words::{duration, tier},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Admin {
    /// Which hosts of the environment live, and what they say of themselves
    Hosts,
    /// Switch something off or on, in the environment or on one host
    #[command(subcommand)]
    Switch(SwitchCommand),
    /// How much tenants and extensions may use
    #[command(subcommand)]
    Quota(QuotaCommand),
    /// Tenants' shares of CPU time where they compete for it
    #[command(subcommand)]
    Weight(WeightCommand),
    /// Which host calls extensions may make: stored and shown, every host call is denied for now
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Which failures no failure contract of the environment answers for
    #[command(subcommand)]
    Contract(ContractCommand),
    /// How much of what the environment serves is compiled and signed ahead of its hosts, for each engine
    Precompile(Precompile),
    /// Lower the tier that an extension is treated as
    Tier(Tier),
    /// Erase a tenant for good: its id is never used again
    Erase(Erase),
    /// Run a task of upkeep on the store
    Upkeep(Upkeep),
}

#[derive(Debug, Args)]
pub(crate) struct Precompile {
    /// Answer when everything has code that can have some
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to wait
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10m", requires = "wait")]
    pub(crate) timeout: Duration,
    /// Wait for this engine: the first digits of its compatibility hash [default: the only one]
    #[arg(long, value_name = "HASH", requires = "wait")]
    pub(crate) engine: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Tier {
    /// The extension
    pub(crate) extension: ExtensionId,
    /// Its tenant
    #[arg(long)]
    pub(crate) tenant: TenantId,
    /// The tier from now on
    #[arg(long, value_parser = tier)]
    pub(crate) to: RiskTier,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: String,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("sure").required(true))]
pub(crate) struct Erase {
    /// The tenant
    pub(crate) tenant: TenantId,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: String,
    /// Only count what would go
    #[arg(long, group = "sure")]
    pub(crate) dry_run: bool,
    /// Do it: there is no way back
    #[arg(long, group = "sure")]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Upkeep {
    /// Which task
    #[arg(value_enum)]
    pub(crate) task: UpkeepArgument,
    /// One tenant [default: all]
    #[arg(long)]
    pub(crate) tenant: Option<TenantId>,
    /// Only count what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) why: String,
}

/// A task as the command line spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum UpkeepArgument {
    /// Remove versions, sources and logs that are past their time
    Retention,
    /// Remove objects that nothing references
    Garbage,
    /// Derive heads and entries from all events anew
    Rebuild,
}
