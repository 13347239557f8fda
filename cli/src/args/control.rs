//! The operators' commands for control: switches, quotas, weights, policies, tightenings.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use extensions_types::{CallLabel, ExtensionId, FailureCause, HostCallName, PolicyMode, RiskTier, TenantId, Version, Weight};

use super::{KindArgument, words::tier};

#[derive(Debug, Subcommand)]
pub(crate) enum SwitchCommand {
    /// Switch something off in the environment, within a second and for everybody
    Off(SwitchOff),
    /// Take a switch away; what others or a file hold off stays off
    On(SwitchOn),
    /// What is off, by whom, why and until when
    List {
        /// The switches of this host alone: the URL of its admin listener
        #[arg(long, value_name = "URL")]
        host: Option<String>,
    },
}

/// What a switch acts on: exactly one of tenant, extension, version, kind, tier.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target").required(true))]
pub(crate) struct Target {
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
}

#[derive(Debug, Args)]
pub(crate) struct SwitchOff {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Why: whoever finds it off reads it
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: String,
    /// When it ends by itself: 30m, 2h, or 2026-12-31T23:00:00Z
    #[arg(long, value_name = "DURATION|TIME", value_parser = until)]
    pub(crate) until: Option<Until>,
    /// End what runs at once, with DISABLED, instead of at its limits
    #[arg(long)]
    pub(crate) abort: bool,
    #[command(flatten)]
    pub(crate) guard: ControlGuard,
    /// On this host alone: the URL of its admin listener
    #[arg(long, value_name = "URL", conflicts_with_all = ["dry_run", "expected_seq"])]
    pub(crate) host: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SwitchOn {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Why, for the history
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) why: String,
    #[command(flatten)]
    pub(crate) guard: ControlGuard,
    /// A switch of this host alone: the URL of its admin listener
    #[arg(long, value_name = "URL", conflicts_with_all = ["dry_run", "expected_seq"])]
    pub(crate) host: Option<String>,
}

/// What every change of control takes.
#[derive(Debug, Args)]
pub(crate) struct ControlGuard {
    /// Only say what would change, and for whom
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Only if this is still the last event of the environment's control
    #[arg(long, value_name = "SEQ")]
    pub(crate) expected_seq: Option<u64>,
}

/// A change's reason and guard.
#[derive(Debug, Args)]
pub(crate) struct Reasoned {
    /// Why, for the history
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) why: String,
    #[command(flatten)]
    pub(crate) guard: ControlGuard,
}

/// Whose: the environment's default, a tenant's, or an extension's.
#[derive(Debug, Args)]
pub(crate) struct Scope {
    /// This tenant [default: the environment's default for all]
    #[arg(long)]
    pub(crate) tenant: Option<TenantId>,
    /// One extension of the tenant
    #[arg(long, requires = "tenant")]
    pub(crate) extension: Option<ExtensionId>,
}

/// `ext admin quota`.
#[derive(Debug, Subcommand)]
pub(crate) enum QuotaCommand {
    /// All quotas, or what holds for a tenant or an extension
    Get(QuotaGet),
    /// Set the limits of a scope; what is not named is not limited
    Set(QuotaSet),
    /// Take the quota of a scope away
    Clear(ScopeChange),
}

#[derive(Debug, Args)]
pub(crate) struct QuotaGet {
    #[command(flatten)]
    pub(crate) scope: Scope,
    /// What is used of it now on this host: the URL of its admin listener
    #[arg(long, value_name = "URL", requires = "extension")]
    pub(crate) host: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct QuotaSet {
    #[command(flatten)]
    pub(crate) scope: Scope,
    /// Calls at a time, on each host
    #[arg(long, value_name = "CALLS")]
    pub(crate) concurrency: Option<u32>,
    /// Calls a second, lastingly, on all hosts together
    #[arg(long, value_name = "CALLS")]
    pub(crate) rate: Option<u32>,
    /// Calls at once after a pause, on all hosts together [default: the rate]
    #[arg(long, value_name = "CALLS", requires = "rate")]
    pub(crate) burst: Option<u32>,
    /// Milliseconds of CPU time a second, on all hosts together
    #[arg(long, value_name = "MS")]
    pub(crate) cpu_ms: Option<u32>,
    /// Sum of the memory limits of calls under way, on each host
    #[arg(long, value_name = "MIB")]
    pub(crate) memory_mb: Option<u32>,
    /// Log text of guests a second, on each host
    #[arg(long, value_name = "KIB")]
    pub(crate) log_kb: Option<u32>,
    #[command(flatten)]
    pub(crate) reasoned: Reasoned,
}

#[derive(Debug, Args)]
pub(crate) struct ScopeChange {
    #[command(flatten)]
    pub(crate) scope: Scope,
    #[command(flatten)]
    pub(crate) reasoned: Reasoned,
}

/// `ext admin weight`.
#[derive(Debug, Subcommand)]
pub(crate) enum WeightCommand {
    /// All weights, or a tenant's
    Get {
        /// This tenant [default: all]
        tenant: Option<TenantId>,
    },
    /// Give a tenant a share; 100 is the default
    Set {
        /// The tenant
        tenant: TenantId,
        /// From 1 to 1000
        #[arg(value_parser = weight)]
        weight: Weight,
        #[command(flatten)]
        reasoned: Reasoned,
    },
    /// Give it the default again
    Clear {
        /// The tenant
        tenant: TenantId,
        #[command(flatten)]
        reasoned: Reasoned,
    },
}

/// `ext admin policy`.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// All policies, or one
    Get {
        /// Its name [default: all]
        name: Option<CallLabel>,
    },
    /// Set a policy: every policy that covers an extension must list a method
    Set(PolicySet),
    /// Take a policy away
    Clear {
        /// Its name
        name: CallLabel,
        #[command(flatten)]
        reasoned: Reasoned,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PolicySet {
    /// Its name
    pub(crate) name: CallLabel,
    #[command(flatten)]
    pub(crate) scope: Scope,
    /// What becomes of a call that it does not list
    #[arg(long, value_enum)]
    pub(crate) mode: ModeArgument,
    /// A method that may be called, as SERVICE.METHOD; again for more
    #[arg(long = "method", value_name = "METHOD", value_parser = method)]
    pub(crate) methods: Vec<HostCallName>,
    #[command(flatten)]
    pub(crate) reasoned: Reasoned,
}

/// `ext admin contract`.
#[derive(Debug, Subcommand)]
pub(crate) enum ContractCommand {
    /// All tightenings, or those that hold for a tenant or an extension
    Get(Scope),
    /// Deny failures in a scope, whatever the failure contracts of its extensions say
    Tighten(ContractTighten),
    /// Leave them to the contracts again
    Loosen(ScopeChange),
}

#[derive(Debug, Args)]
pub(crate) struct ContractTighten {
    #[command(flatten)]
    pub(crate) scope: Scope,
    /// A failure cause of docs/errors.md; again for more. Replaces those set before
    #[arg(long = "cause", value_name = "CAUSE", value_parser = cause, required = true)]
    pub(crate) causes: Vec<FailureCause>,
    #[command(flatten)]
    pub(crate) reasoned: Reasoned,
}

/// A mode as the command line spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeArgument {
    /// It goes on and is noted
    Observe,
    /// It is denied
    Enforce,
}

impl From<ModeArgument> for PolicyMode {
    fn from(mode: ModeArgument) -> Self {
        match mode {
            ModeArgument::Observe => Self::Observe,
            ModeArgument::Enforce => Self::Enforce,
        }
    }
}

/// An end further away is a slip of the pen.
const UNTIL_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);

/// An end, as it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// So long from now.
    For(Duration),
    /// At this time.
    At(SystemTime),
}

impl Until {
    /// Milliseconds since the Unix epoch.
    pub(crate) fn at_ms(self, now: SystemTime) -> u64 {
        let at = match self {
            Self::For(time) => now.checked_add(time).unwrap_or(now),
            Self::At(at) => at,
        };
        u64::try_from(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
    }
}

fn until(text: &str) -> Result<Until, String> {
    if let Ok(time) = humantime::parse_duration(text) {
        let is_near = time <= UNTIL_MAX;
        return if is_near { Ok(Until::For(time)) } else { Err("at most 10 years; leave --until out for a switch without an end".to_owned()) };
    }
    let at = humantime::parse_rfc3339(text);
    at.map(Until::At).map_err(|_| "neither a duration such as 30m or 2h nor a time such as 2026-12-31T23:00:00Z".to_owned())
}

fn weight(text: &str) -> Result<Weight, String> {
    let number: u32 = text.parse().map_err(|_| "a whole number from 1 to 1000".to_owned())?;
    Weight::new(number).map_err(|error| error.to_string())
}

fn cause(text: &str) -> Result<FailureCause, String> {
    let all = || FailureCause::ALL.map(FailureCause::as_str).join(", ");
    FailureCause::named(text).ok_or_else(|| format!("one of {}", all()))
}

fn method(text: &str) -> Result<HostCallName, String> {
    HostCallName::parse(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_duration_or_a_time() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        assert_eq!(until("30m").unwrap().at_ms(now), 2_800_000);
        assert_eq!(until("1970-01-01T00:00:05Z").unwrap().at_ms(now), 5_000);
        for wrong in ["", "soon", "30", "-5m", "2026-12-31", "99999999999h"] {
            assert!(until(wrong).is_err(), "{wrong}");
        }
    }
}
