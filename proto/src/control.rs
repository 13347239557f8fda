//! Control's parts of the wire to and from the platform's types.

use extensions_types as types;
use types::{ExtensionId, HostCallName, TenantId};

use crate::{kind, risk_tier, v1};

/// A field of control that is outside its grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct BadControl {
    /// Which field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

type Read<T> = Result<T, BadControl>;

fn bad(field: &'static str) -> impl Fn(&dyn std::fmt::Display) -> BadControl {
    move |problem| BadControl { field, problem: problem.to_string() }
}

fn tenant(text: &str) -> Read<TenantId> {
    TenantId::parse(text).map_err(|error| bad("tenant_id")(&error))
}

fn extension(text: &str) -> Read<ExtensionId> {
    ExtensionId::parse(text).map_err(|error| bad("extension_id")(&error))
}

/// What a switch acts on.
///
/// # Errors
/// When it names nothing, or something outside its grammar.
pub fn switch_target(target: Option<v1::SwitchTarget>) -> Read<types::SwitchTarget> {
    use types::SwitchTarget as To;
    use v1::switch_target::Target;
    let missing = || bad("target")(&"name a tenant, an extension, a version, a kind or a tier");
    Ok(match target.and_then(|target| target.target).ok_or_else(missing)? {
        Target::TenantId(text) => To::Tenant { tenant: tenant(&text)? },
        Target::Extension(of) => To::Extension { tenant: tenant(&of.tenant_id)?, extension: extension(&of.extension_id)? },
        Target::Version(of) => {
            let version = types::Version::new(of.version).ok_or_else(|| bad("version")(&"versions count from 1"))?;
            To::Version { tenant: tenant(&of.tenant_id)?, extension: extension(&of.extension_id)?, version }
        }
        Target::Kind(number) => To::Kind { kind: kind(number).map_err(|error| bad("kind")(&error))?.ok_or_else(missing)? },
        Target::RiskTier(number) => To::Tier { tier: risk_tier(number).map_err(|error| bad("risk_tier")(&error))?.ok_or_else(missing)? },
    })
}

/// What a quota, a policy or a tightening is about.
///
/// # Errors
/// When it names something outside its grammar, or an extension of no tenant.
pub fn control_scope(scope: Option<v1::ControlScope>) -> Read<types::ControlScope> {
    let v1::ControlScope { tenant_id, extension_id } = scope.unwrap_or_default();
    Ok(match (tenant_id.as_str(), extension_id.as_str()) {
        ("", "") => types::ControlScope::Environment,
        ("", _) => return Err(bad("tenant_id")(&"an extension is one of a tenant; name that too")),
        (of, "") => types::ControlScope::Tenant { tenant: tenant(of)? },
        (of, id) => types::ControlScope::Extension { tenant: tenant(of)?, extension: extension(id)? },
    })
}

/// A weight.
///
/// # Errors
/// When it is outside of its bounds.
pub fn weight(number: u32) -> Read<types::Weight> {
    types::Weight::new(number).map_err(|error| bad("weight")(&error))
}

/// The mode of a policy.
///
/// # Errors
/// When it is another word.
pub fn policy_mode(word: &str) -> Read<types::PolicyMode> {
    match word {
        "observe" => Ok(types::PolicyMode::Observe),
        "enforce" => Ok(types::PolicyMode::Enforce),
        _ => Err(bad("mode")(&"it must be observe or enforce")),
    }
}

/// The methods of a policy.
///
/// # Errors
/// When one is no `service.method`.
pub fn methods(texts: &[String]) -> Read<std::collections::BTreeSet<HostCallName>> {
    texts.iter().map(|text| HostCallName::parse(text).map_err(|error| bad("methods")(&error))).collect()
}

/// Failure causes.
///
/// # Errors
/// When one is none of docs/errors.md.
pub fn causes(words: &[String]) -> Read<std::collections::BTreeSet<types::FailureCause>> {
    let all = || types::FailureCause::ALL.map(types::FailureCause::as_str).join(", ");
    let cause = |word: &String| types::FailureCause::named(word).ok_or_else(|| bad("causes")(&format_args!("each must be one of {}", all())));
    words.iter().map(cause).collect()
}

fn source(word: &str) -> Read<types::ControlSource> {
    match word {
        "operator" => Ok(types::ControlSource::Operator),
        "file" => Ok(types::ControlSource::File),
        _ => Err(bad("source")(&"it must be operator or file")),
    }
}

impl From<types::SwitchTarget> for v1::SwitchTarget {
    fn from(of: types::SwitchTarget) -> Self {
        use types::SwitchTarget as From;
        use v1::switch_target::Target;
        let target = match of {
            From::Tenant { tenant } => Target::TenantId(tenant.to_string()),
            From::Extension { tenant, extension } => {
                Target::Extension(v1::ExtensionTarget { tenant_id: tenant.to_string(), extension_id: extension.to_string() })
            }
            From::Version { tenant, extension, version } => {
                let (tenant_id, extension_id) = (tenant.to_string(), extension.to_string());
                Target::Version(v1::VersionTarget { tenant_id, extension_id, version: version.get() })
            }
            From::Kind { kind } => Target::Kind(v1::ExtensionKind::from(kind).into()),
            From::Tier { tier } => Target::RiskTier(v1::RiskTier::from(tier).into()),
        };
        Self { target: Some(target) }
    }
}

impl From<types::ControlScope> for v1::ControlScope {
    fn from(of: types::ControlScope) -> Self {
        match of {
            types::ControlScope::Environment => Self::default(),
            types::ControlScope::Tenant { tenant } => Self { tenant_id: tenant.to_string(), extension_id: String::new() },
            types::ControlScope::Extension { tenant, extension } => Self { tenant_id: tenant.to_string(), extension_id: extension.to_string() },
        }
    }
}

impl From<types::Provenance> for v1::ControlProvenance {
    fn from(set: types::Provenance) -> Self {
        Self { source: set.source.as_str().to_owned(), who: set.who, why: set.why, seq: set.seq, at_ms: set.at_ms }
    }
}

fn provenance(set: Option<v1::ControlProvenance>) -> Read<types::Provenance> {
    let v1::ControlProvenance { source: word, who, why, seq, at_ms } = set.unwrap_or_default();
    Ok(types::Provenance { source: source(&word)?, who, why, seq, at_ms })
}

impl From<types::QuotaLimits> for v1::QuotaLimits {
    fn from(limits: types::QuotaLimits) -> Self {
        let types::QuotaLimits { concurrency, rate_per_s, burst, cpu_ms_per_s, memory_mb, log_kb_per_s } = limits;
        Self { concurrency, rate_per_s, burst, cpu_ms_per_s, memory_mb, log_kb_per_s }
    }
}

impl From<v1::QuotaLimits> for types::QuotaLimits {
    fn from(limits: v1::QuotaLimits) -> Self {
        let v1::QuotaLimits { concurrency, rate_per_s, burst, cpu_ms_per_s, memory_mb, log_kb_per_s } = limits;
        Self { concurrency, rate_per_s, burst, cpu_ms_per_s, memory_mb, log_kb_per_s }
    }
}

impl From<types::Switch> for v1::Switch {
    fn from(switch: types::Switch) -> Self {
        let types::Switch { target, set, until_ms, abort } = switch;
        let types::Provenance { source, who, why, seq, at_ms } = set;
        Self { target: Some(target.into()), why, source: source.as_str().to_owned(), seq, at_ms, who, until_ms, abort }
    }
}

impl TryFrom<v1::Switch> for types::Switch {
    type Error = BadControl;
    fn try_from(switch: v1::Switch) -> Read<Self> {
        let v1::Switch { target, why, source: word, seq, at_ms, who, until_ms, abort } = switch;
        let set = types::Provenance { source: source(&word)?, who, why, seq, at_ms };
        Ok(Self { target: switch_target(target)?, set, until_ms, abort })
    }
}

impl From<types::Quota> for v1::Quota {
    fn from(quota: types::Quota) -> Self {
        Self { target: Some(quota.target.into()), limits: Some(quota.limits.into()), set: Some(quota.set.into()) }
    }
}

impl TryFrom<v1::Quota> for types::Quota {
    type Error = BadControl;
    fn try_from(quota: v1::Quota) -> Read<Self> {
        Ok(Self { target: control_scope(quota.target)?, limits: quota.limits.unwrap_or_default().into(), set: provenance(quota.set)? })
    }
}

impl From<types::TenantWeight> for v1::TenantWeight {
    fn from(weight: types::TenantWeight) -> Self {
        Self { tenant_id: weight.tenant.to_string(), weight: weight.weight.get().into(), set: Some(weight.set.into()) }
    }
}

impl TryFrom<v1::TenantWeight> for types::TenantWeight {
    type Error = BadControl;
    fn try_from(of: v1::TenantWeight) -> Read<Self> {
        Ok(Self { tenant: tenant(&of.tenant_id)?, weight: weight(of.weight)?, set: provenance(of.set)? })
    }
}

impl From<types::Policy> for v1::Policy {
    fn from(policy: types::Policy) -> Self {
        Self {
            name: policy.name.to_string(),
            target: Some(policy.target.into()),
            mode: policy.mode.as_str().to_owned(),
            methods: policy.methods.iter().map(ToString::to_string).collect(),
            set: Some(policy.set.into()),
        }
    }
}

impl TryFrom<v1::Policy> for types::Policy {
    type Error = BadControl;
    fn try_from(policy: v1::Policy) -> Read<Self> {
        Ok(Self {
            name: types::CallLabel::parse(&policy.name).map_err(|error| bad("name")(&error))?,
            target: control_scope(policy.target)?,
            mode: policy_mode(&policy.mode)?,
            methods: methods(&policy.methods)?,
            set: provenance(policy.set)?,
        })
    }
}

impl From<types::Tightening> for v1::Tightening {
    fn from(of: types::Tightening) -> Self {
        let causes = of.causes.iter().map(|cause| cause.as_str().to_owned()).collect();
        Self { target: Some(of.target.into()), causes, set: Some(of.set.into()) }
    }
}

impl TryFrom<v1::Tightening> for types::Tightening {
    type Error = BadControl;
    fn try_from(of: v1::Tightening) -> Read<Self> {
        Ok(Self { target: control_scope(of.target)?, causes: causes(&of.causes)?, set: provenance(of.set)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_back_as_it_went() {
        let set = types::Provenance { who: "ann".into(), ..types::Provenance::new(types::ControlSource::File, "drill", 7, 9) };
        let acme = tenant("acme").unwrap();
        let scope = types::ControlScope::Extension { tenant: acme.clone(), extension: extension("x").unwrap() };
        let target = types::SwitchTarget::Version { tenant: acme.clone(), extension: extension("x").unwrap(), version: types::Version::FIRST };
        let switch = types::Switch { until_ms: Some(8), abort: true, ..types::Switch::new(target, set.clone()) };
        assert_eq!(types::Switch::try_from(v1::Switch::from(switch.clone())).unwrap(), switch);
        let limits = types::QuotaLimits { burst: Some(3), rate_per_s: Some(2), ..types::QuotaLimits::default() };
        let quota = types::Quota { target: scope.clone(), limits, set: set.clone() };
        assert_eq!(types::Quota::try_from(v1::Quota::from(quota.clone())).unwrap(), quota);
        let share = types::TenantWeight { tenant: acme, weight: weight(5).unwrap(), set: set.clone() };
        assert_eq!(types::TenantWeight::try_from(v1::TenantWeight::from(share.clone())).unwrap(), share);
        let (name, methods) = (types::CallLabel::parse("base").unwrap(), methods(&["orders.get".to_owned()]).unwrap());
        let tightening = types::Tightening { target: scope.clone(), causes: types::FailureCause::ALL.into(), set: set.clone() };
        assert_eq!(types::Tightening::try_from(v1::Tightening::from(tightening.clone())).unwrap(), tightening);
        let policy = types::Policy { name, target: scope, mode: types::PolicyMode::Observe, methods, set };
        assert_eq!(types::Policy::try_from(v1::Policy::from(policy.clone())).unwrap(), policy);
    }

    #[test]
    fn what_is_outside_its_grammar_is_named() {
        let alone = v1::ControlScope { tenant_id: String::new(), extension_id: "x".into() };
        assert_eq!(control_scope(Some(alone)).unwrap_err().to_string(), "tenant_id: an extension is one of a tenant; name that too");
        assert_eq!(policy_mode("hope").unwrap_err().to_string(), "mode: it must be observe or enforce");
        assert!(causes(&["rejected".to_owned()]).unwrap_err().to_string().starts_with("causes: each must be one of failed, trap,"));
        assert!(weight(0).is_err() && methods(&["orders".to_owned()]).is_err() && switch_target(None).is_err());
    }
}
