//! A control file: what an environment's control shall hold, in TOML.
//!
//! Each entry says what it is about by `tenant`, `extension`, `version`, `kind`
//! or `tier`, as the command line does. Unknown keys are refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use extensions_registry_core::{
    bounds::WHY_BYTES_MAX,
    control::{POLICIES_MAX, POLICY_METHODS_MAX, QUOTAS_MAX, SWITCHES_MAX, TIGHTENINGS_MAX, WEIGHTS_MAX, Wanted, WantedPolicy, WantedSwitch},
};
use extensions_types::{
    CallLabel, ControlScope, ExtensionId, FailureCause, HostCallName, Kind, PolicyMode, QuotaLimits, RiskTier, SwitchTarget, TenantId, Version,
    Weight,
};
use serde::Deserialize;
use toml::value::Datetime;

/// Why a file is no control file. Its text names the entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrongFile {
    #[error("it is not UTF-8 text")]
    Text,
    #[error("{0}")]
    Form(String),
    #[error("{entry}: {problem}")]
    Entry { entry: String, problem: String },
    #[error("it holds {count} {what}, at most {max} are kept")]
    TooMany { what: &'static str, count: usize, max: usize },
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    switches: Vec<SwitchEntry>,
    quotas: Vec<QuotaEntry>,
    weights: Vec<WeightEntry>,
    policies: Vec<PolicyEntry>,
    tightenings: Vec<TighteningEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SwitchEntry {
    tenant: Option<TenantId>,
    extension: Option<ExtensionId>,
    version: Option<Version>,
    kind: Option<Kind>,
    tier: Option<RiskTier>,
    why: String,
    until: Option<Datetime>,
    #[serde(default)]
    abort: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaEntry {
    tenant: Option<TenantId>,
    extension: Option<ExtensionId>,
    limits: QuotaLimits,
    #[serde(default)]
    why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WeightEntry {
    tenant: TenantId,
    weight: Weight,
    #[serde(default)]
    why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyEntry {
    name: CallLabel,
    tenant: Option<TenantId>,
    extension: Option<ExtensionId>,
    mode: PolicyMode,
    methods: Vec<HostCallName>,
    #[serde(default)]
    why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TighteningEntry {
    tenant: Option<TenantId>,
    extension: Option<ExtensionId>,
    causes: BTreeSet<FailureCause>,
    #[serde(default)]
    why: String,
}

/// What a file holds.
pub(crate) fn parse(bytes: &[u8]) -> Result<Wanted, WrongFile> {
    let text = std::str::from_utf8(bytes).map_err(|_| WrongFile::Text)?;
    let File { switches, quotas, weights, policies, tightenings } = toml::from_str(text).map_err(|error| WrongFile::Form(error.to_string()))?;
    within("switches", switches.len(), SWITCHES_MAX)?;
    within("quotas", quotas.len(), QUOTAS_MAX)?;
    within("weights", weights.len(), WEIGHTS_MAX)?;
    within("policies", policies.len(), POLICIES_MAX)?;
    within("tightenings", tightenings.len(), TIGHTENINGS_MAX)?;
    Ok(Wanted {
        switches: gathered("switches", switches, switch)?,
        quotas: gathered("quotas", quotas, quota)?,
        weights: gathered("weights", weights, |entry| Ok((entry.tenant, (entry.weight, reason(entry.why)?))))?,
        policies: gathered("policies", policies, policy)?,
        tightenings: gathered("tightenings", tightenings, tightening)?,
    })
}

fn within(what: &'static str, count: usize, max: usize) -> Result<(), WrongFile> {
    if count <= max { Ok(()) } else { Err(WrongFile::TooMany { what, count, max }) }
}

/// The entries of one kind by what they are about, each at most once.
fn gathered<E, K: Ord, V>(what: &str, entries: Vec<E>, read: impl Fn(E) -> Result<(K, V), String>) -> Result<BTreeMap<K, V>, WrongFile> {
    let mut all = BTreeMap::new();
    for (at, entry) in entries.into_iter().enumerate() {
        let wrong = |problem: String| WrongFile::Entry { entry: format!("entry {} of [[{what}]]", at + 1), problem };
        let (key, value) = read(entry).map_err(wrong)?;
        if all.insert(key, value).is_some() {
            return Err(wrong("an earlier entry is about the same; keep one".to_owned()));
        }
    }
    Ok(all)
}

fn switch(entry: SwitchEntry) -> Result<(SwitchTarget, WantedSwitch), String> {
    let SwitchEntry { tenant, extension, version, kind, tier, why, until, abort } = entry;
    let target = match (tenant, extension, version, kind, tier) {
        (Some(tenant), None, None, None, None) => SwitchTarget::Tenant { tenant },
        (Some(tenant), Some(extension), None, None, None) => SwitchTarget::Extension { tenant, extension },
        (Some(tenant), Some(extension), Some(version), None, None) => SwitchTarget::Version { tenant, extension, version },
        (None, None, None, Some(kind), None) => SwitchTarget::Kind { kind },
        (None, None, None, None, Some(tier)) => SwitchTarget::Tier { tier },
        _ => return Err("name a tenant, or its extension, or a version of that, or a kind, or a tier".to_owned()),
    };
    if why.trim().is_empty() {
        return Err("`why` is empty; whoever finds it off needs a reason".to_owned());
    }
    Ok((target, WantedSwitch { why: reason(why)?, until_ms: until.map(at_ms).transpose()?, abort }))
}

fn quota(entry: QuotaEntry) -> Result<(ControlScope, (QuotaLimits, String)), String> {
    entry.limits.check().map_err(|error| error.to_string())?;
    Ok((scope(entry.tenant, entry.extension)?, (entry.limits, reason(entry.why)?)))
}

fn policy(entry: PolicyEntry) -> Result<(CallLabel, WantedPolicy), String> {
    let PolicyEntry { name, tenant, extension, mode, methods, why } = entry;
    if methods.len() > POLICY_METHODS_MAX {
        return Err(format!("it lists {} methods, at most {POLICY_METHODS_MAX} are kept; split it", methods.len()));
    }
    let target = scope(tenant, extension)?;
    Ok((name, WantedPolicy { why: reason(why)?, target, mode, methods: methods.into_iter().collect() }))
}

fn tightening(entry: TighteningEntry) -> Result<(ControlScope, (BTreeSet<FailureCause>, String)), String> {
    if entry.causes.is_empty() {
        return Err("`causes` is empty; name what is denied, or leave the entry out".to_owned());
    }
    Ok((scope(entry.tenant, entry.extension)?, (entry.causes, reason(entry.why)?)))
}

fn scope(tenant: Option<TenantId>, extension: Option<ExtensionId>) -> Result<ControlScope, String> {
    match (tenant, extension) {
        (None, None) => Ok(ControlScope::Environment),
        (Some(tenant), None) => Ok(ControlScope::Tenant { tenant }),
        (Some(tenant), Some(extension)) => Ok(ControlScope::Extension { tenant, extension }),
        (None, Some(_)) => Err("an extension is one of a tenant; name that too".to_owned()),
    }
}

/// The rule of every command's reason: decided here, so that a file is imported whole or not at all.
fn reason(why: String) -> Result<String, String> {
    if why.len() > WHY_BYTES_MAX || why.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(format!("`why` is plain text of at most {WHY_BYTES_MAX} bytes"));
    }
    Ok(if why.trim().is_empty() { "set in the control file".to_owned() } else { why })
}

/// A time with its offset, in milliseconds since the Unix epoch.
fn at_ms(until: Datetime) -> Result<u64, String> {
    let wrong = || format!("`until` is {until}; write a time with its offset, such as 2026-12-31T23:00:00Z");
    let (Some(date), Some(time), Some(offset)) = (until.date, until.time, until.offset) else { return Err(wrong()) };
    let days = days_since_epoch(date.year.into(), date.month.into(), date.day.into());
    let minutes_east = match offset {
        toml::value::Offset::Z => 0,
        toml::value::Offset::Custom { minutes } => i64::from(minutes),
    };
    let of_day = i64::from(time.hour) * 3_600 + i64::from(time.minute) * 60 + i64::from(time.second.unwrap_or_default());
    let seconds = days * 86_400 + of_day - minutes_east * 60;
    u64::try_from(seconds * 1_000).map_err(|_| wrong())
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    // Counted from the first of March of the year 0, so that a leap day ends its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_year = (153 * month + 2) / 5 + day - 1;
    const EPOCH: i64 = 719_468;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - EPOCH
}

/// Milliseconds since the Unix epoch.
pub(crate) fn ms_since_epoch(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
[[switches]]
tenant = "acme"
extension = "billing-rule"
version = 3
why = "wrong totals"
until = 2026-12-31T23:00:00+01:00
abort = true

[[switches]]
tier = "high"
why = "audit"

[[quotas]]
limits = { concurrency = 50, rate_per_s = 200, burst = 20 }

[[quotas]]
tenant = "acme"
limits = { cpu_ms_per_s = 500 }
why = "pilot"

[[weights]]
tenant = "acme"
weight = 200

[[policies]]
name = "base"
mode = "enforce"
methods = ["orders.get", "orders.list"]

[[tightenings]]
causes = ["quota", "host_call"]
"#;

    #[test]
    fn a_file_says_what_control_shall_hold() {
        let wanted = parse(WHOLE.as_bytes()).unwrap();
        let counts = (wanted.switches.len(), wanted.quotas.len(), wanted.weights.len(), wanted.policies.len(), wanted.tightenings.len());
        assert_eq!(counts, (2, 2, 1, 1, 1));
        assert_eq!(wanted.tightenings[&ControlScope::Environment].0, [FailureCause::HostCall, FailureCause::Quota].into());
        let first = wanted.switches.values().find(|switch| switch.abort).unwrap();
        assert_eq!((first.why.as_str(), first.until_ms), ("wrong totals", Some(1_798_754_400_000)));
        assert_eq!(wanted.quotas[&ControlScope::Environment].1, "set in the control file");
        assert_eq!(parse(b"").unwrap(), Wanted::default(), "an empty file holds nothing");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_entry() {
        let text = |file: &str| parse(file.as_bytes()).unwrap_err().to_string();
        assert_eq!(parse(&[0xff]).unwrap_err(), WrongFile::Text);
        assert!(text("[[swiches]]").contains("swiches"));
        assert!(text("[[switches]]\ntier = \"low\"\nwhy = \"x\"\nuntli = 1").contains("untli"));
        assert_eq!(
            text("[[switches]]\nwhy = \"x\""),
            "entry 1 of [[switches]]: name a tenant, or its extension, or a version of that, or a kind, or a tier"
        );
        assert!(text("[[switches]]\ntier = \"low\"\nwhy = \" \"").contains("`why` is empty"));
        assert!(text("[[switches]]\ntier = \"low\"\nwhy = \"x\"\nuntil = 2026-12-31").contains("write a time with its offset"));
        let twice = "[[weights]]\ntenant = \"a\"\nweight = 1\n";
        assert_eq!(text(&twice.repeat(2)), "entry 2 of [[weights]]: an earlier entry is about the same; keep one");
        assert!(text("[[weights]]\ntenant = \"a\"\nweight = 0").contains("a weight is from 1 to 1000"));
        assert_eq!(text("[[quotas]]\nlimits = {}"), "entry 1 of [[quotas]]: a quota limits something; to limit nothing, clear it");
        assert!(text("[[quotas]]\nextension = \"x\"\nlimits = { burst = 1, rate_per_s = 1 }").contains("name that too"));
        assert!(text("[[tightenings]]\ncauses = [\"rejected\"]").contains("rejected"));
        assert!(text("[[tightenings]]\ncauses = []").contains("`causes` is empty"));
        assert!(text("[[policies]]\nname = \"p\"\nmode = \"hope\"\nmethods = []").contains("hope"));
        assert_eq!(text(&"[[weights]]\ntenant = \"a\"\nweight = 1\n".repeat(1_001)), "it holds 1001 weights, at most 1000 are kept");
    }

    #[test]
    fn days_are_counted_as_calendars_do() {
        for (date, days) in [((1970, 1, 1), 0), ((1970, 3, 1), 59), ((2000, 2, 29), 11_016), ((2026, 12, 31), 20_818), ((1969, 12, 31), -1)] {
            assert_eq!(days_since_epoch(date.0, date.1, date.2), days, "{date:?}");
        }
    }
}
