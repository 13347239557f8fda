//! The operators' commands.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use extensions_types::{ExtensionId, RiskTier, TenantId, Version};

use super::{KindArgument, words::tier};

#[derive(Debug, Subcommand)]
pub(crate) enum Admin {
    /// What is switched off in the environment
    Status,
    /// Switch something off in the environment, at once and for everybody
    Off(Switch),
    /// Take a switch away
    On(Switch),
    /// Lower the tier that an extension is treated as
    Tier(Tier),
    /// Erase a tenant for good: its id is never used again
    Erase(Erase),
    /// Run a task of upkeep on the store
    Upkeep(Upkeep),
}

/// What a switch acts on: exactly one of tenant, extension, version, kind, tier.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target").required(true))]
pub(crate) struct Switch {
    /// Everything of this tenant, or what --extension names of it
    #[arg(long, group = "target")]
    pub(crate) tenant: Option<TenantId>,
    /// One extension of the tenant
    #[arg(long, requires = "tenant")]
    pub(crate) extension: Option<ExtensionId>,
    /// One version of the extension
    #[arg(long, requires = "extension")]
    pub(crate) version: Option<Version>,
    /// Every extension of this kind
    #[arg(long, value_enum, group = "target")]
    pub(crate) kind: Option<KindArgument>,
    /// Every extension of this risk tier
    #[arg(long, value_parser = tier, group = "target")]
    pub(crate) tier: Option<RiskTier>,
    /// Why: whoever finds it off reads it
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: String,
    /// Only if this is still the last event of the environment's control
    #[arg(long, value_name = "SEQ")]
    pub(crate) expected_seq: Option<u64>,
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
