//! The registry's commands: versions, reviews, releases, history.

use std::{path::PathBuf, time::Duration};

use clap::{ArgGroup, Args};
use extensions_types::{Environment, ExtensionId, Version};

use super::{
    KindArgument, Reference,
    words::{duration, environment, reference, tier},
};

/// What every change takes.
#[derive(Debug, Args)]
pub(crate) struct ChangeArguments {
    /// Why, for the history
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) why: String,
    #[command(flatten)]
    pub(crate) guard: Guard,
}

/// Whether to wait until the hosts have it.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Answer when every live host of the environment serves it
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to wait
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s", requires = "wait")]
    pub(crate) timeout: Duration,
}

/// What makes a change safe to repeat and to race.
#[derive(Debug, Args)]
pub(crate) struct Guard {
    /// Only if this is still the last event of its history (`ext show` tells it)
    #[arg(long, value_name = "SEQ")]
    pub(crate) expected_seq: Option<u64>,
    /// Repeat a change safely: the same key gets the same answer [default: a new one]
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Push {
    /// The extension's folder, or a module or component
    #[arg(default_value = ".")]
    pub(crate) target: PathBuf,
    /// A file's extension.toml [default: the one beside or above it]
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// Why, for the history
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) why: String,
}

#[derive(Debug, Args)]
pub(crate) struct Submit {
    /// EXTENSION@VERSION [default: the version that the environment before serves]
    #[arg(value_parser = reference)]
    pub(crate) extension: Reference,
    /// The environment that it is meant for
    #[arg(long, value_name = "ENV", value_parser = environment)]
    pub(crate) to: Environment,
    #[command(flatten)]
    pub(crate) change: ChangeArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// EXTENSION@VERSION [default: the one version that waits for a decision]
    #[arg(value_parser = reference)]
    pub(crate) extension: Reference,
    /// The environment that it was submitted for
    #[arg(long, value_name = "ENV", value_parser = environment)]
    pub(crate) to: Environment,
    #[command(flatten)]
    pub(crate) change: ChangeArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Reject {
    /// EXTENSION@VERSION [default: the one version that waits for a decision]
    #[arg(value_parser = reference)]
    pub(crate) extension: Reference,
    /// The environment that it was submitted for
    #[arg(long, value_name = "ENV", value_parser = environment)]
    pub(crate) to: Environment,
    /// Why not: the author reads it
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: String,
    #[command(flatten)]
    pub(crate) guard: Guard,
}

#[derive(Debug, Args)]
pub(crate) struct Waivers {
    /// EXTENSION@VERSION [default: the newest version]
    #[arg(value_parser = reference)]
    pub(crate) extension: Reference,
    /// Grant one, by its label, or without a label every one that is open
    #[arg(long, value_name = "LABEL", num_args = 0..=1, default_missing_value = "", requires = "why")]
    pub(crate) grant: Option<String>,
    /// Why it may be, for the history
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Promote {
    /// EXTENSION@VERSION [default: the newest built for dev, else what the environment before serves]
    #[arg(value_parser = reference)]
    pub(crate) extension: Reference,
    /// Where it shall be served
    #[arg(long, value_name = "ENV", value_parser = environment)]
    pub(crate) to: Environment,
    #[command(flatten)]
    pub(crate) change: ChangeArguments,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The extension; --env says where
    pub(crate) extension: ExtensionId,
    /// A version that the environment has served before
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: Version,
    #[command(flatten)]
    pub(crate) change: ChangeArguments,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("place").required(true))]
pub(crate) struct Pin {
    /// EXTENSION@VERSION; with --remove the extension alone. --env says where
    #[arg(value_parser = reference)]
    pub(crate) extension: Reference,
    /// The calling primitive that gets this version
    #[arg(long, value_name = "NAME", group = "place")]
    pub(crate) caller: Option<String>,
    /// The hook point whose calls get this version
    #[arg(long, value_name = "NAME", group = "place")]
    pub(crate) hook_point: Option<String>,
    /// Take the pin away
    #[arg(long)]
    pub(crate) remove: bool,
    #[command(flatten)]
    pub(crate) change: ChangeArguments,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(Debug, Args)]
pub(crate) struct Enable {
    /// The extension; --env says where
    pub(crate) extension: ExtensionId,
    #[command(flatten)]
    pub(crate) change: ChangeArguments,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(Debug, Args)]
pub(crate) struct Retire {
    /// EXTENSION@VERSION
    #[arg(value_parser = reference)]
    pub(crate) extension: Reference,
    #[command(flatten)]
    pub(crate) change: ChangeArguments,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this kind
    #[arg(long, value_enum)]
    pub(crate) kind: Option<KindArgument>,
    /// Only this risk tier
    #[arg(long, value_parser = tier)]
    pub(crate) tier: Option<extensions_types::RiskTier>,
    /// Only what has this tag
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) tag: String,
    /// Only ids that begin so
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) prefix: String,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// EXTENSION for its versions and entries, EXTENSION@VERSION for one version
    #[arg(value_parser = reference)]
    pub(crate) extension: Reference,
    /// What changed from version A to version B
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    pub(crate) diff: Option<Vec<Version>>,
    /// Print the version's world as WIT
    #[arg(long, conflicts_with = "diff")]
    pub(crate) wit: bool,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    /// The extension
    pub(crate) extension: ExtensionId,
    /// Events at most
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
    /// The oldest first
    #[arg(long)]
    pub(crate) oldest_first: bool,
    /// Go on behind this event, in the order asked for
    #[arg(long, value_name = "SEQ", default_value_t = 0, hide_default_value = true)]
    pub(crate) after: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The extension [default: all of the tenant]
    pub(crate) extension: Option<ExtensionId>,
    /// Begin behind this event; 0 for the first [default: with what happens now]
    #[arg(long, value_name = "SEQ", requires = "extension", conflicts_with = "cursor")]
    pub(crate) after: Option<u64>,
    /// Begin where an earlier watch ended (--json tells the cursor)
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
    /// End after this many events
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u32>,
}
