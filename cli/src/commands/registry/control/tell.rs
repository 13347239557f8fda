//! Control as people read it.

use std::collections::BTreeSet;

use extensions_client::registry::{ControlDone, ControlPreview, Policy, Quota, Switch, TenantWeight, Tightening};
use extensions_types::{CallLabel, ControlScope, Environment, FailureCause, Provenance, QuotaLimits, SwitchTarget, TenantId, Weight};

use super::words::{Table, plain, time};
use crate::args::Scope;

/// What a change did, or would do and for whom.
pub(super) fn done(done: &ControlDone, text: &str) -> String {
    match &done.preview {
        None if done.changed => format!("{text} (event {})", done.seq),
        None => format!("{text} (was so already)"),
        Some(_) if !done.changed => format!("a dry run: nothing would change; {text} already"),
        Some(preview) => format!("a dry run: nothing was changed\nwould be: {text}\n{}", whom(preview)),
    }
}

fn whom(preview: &ControlPreview) -> String {
    let ControlPreview { replaced, affected, affected_total, affected_more, .. } = preview;
    let before = if replaced.is_null() { String::new() } else { format!("in place of: {}\n", plain(&replaced.to_string())) };
    let more = if *affected_more { " or more" } else { "" };
    let rest = affected_total.saturating_sub(affected.len() as u64);
    let others = if rest > 0 { format!(" and {rest} others") } else { String::new() };
    match affected.is_empty() {
        true => format!("{before}for: nothing that is served there now"),
        false => format!("{before}for {affected_total}{more} extensions served there now: {}{others}", affected.join(", ")),
    }
}

/// Hosts go by their own clocks; a switch that ended is listed until the registry clears it away.
pub(super) fn switches(switches: &[Switch], nothing: &str, now_ms: u64) -> String {
    if switches.is_empty() {
        return nothing.to_owned();
    }
    let mut table = Table::new(&["OFF", "HELD BY", "SINCE", "UNTIL", "EVENT", "WHY"]);
    for one in switches {
        let abort = if one.abort { " (aborts)" } else { "" };
        let until = one.until_ms.map_or_else(|| "–".to_owned(), |at| ends(at, now_ms));
        let event = if one.set.seq == 0 { "–".to_owned() } else { one.set.seq.to_string() };
        table.row([format!("{}{abort}", target(&one.target)), holder(&one.set), time(one.set.at_ms), until, event, one.set.why.clone()]);
    }
    table.render()
}

fn ends(at_ms: u64, now_ms: u64) -> String {
    if at_ms <= now_ms { format!("{} (ended)", time(at_ms)) } else { time(at_ms) }
}

pub(super) fn quotas(quotas: &[Quota], env: Environment) -> String {
    if quotas.is_empty() {
        return format!("no quota is set in {env}");
    }
    let mut table = Table::new(&["QUOTA", "LIMITS", "SET BY", "EVENT", "WHY"]);
    for one in quotas {
        table.row([scope(&one.target), limits(&one.limits), holder(&one.set), one.set.seq.to_string(), one.set.why.clone()]);
    }
    table.render()
}

pub(super) fn weights(weights: &[TenantWeight], tenant: Option<&TenantId>, env: Environment) -> String {
    match (weights, tenant) {
        ([], Some(tenant)) => return format!("tenant {tenant} has the default weight in {env}: {}", Weight::DEFAULT),
        ([], None) => return format!("every tenant has the default weight in {env}: {}", Weight::DEFAULT),
        _ => {}
    }
    let mut table = Table::new(&["TENANT", "WEIGHT", "SET BY", "EVENT", "WHY"]);
    for one in weights {
        table.row([one.tenant.to_string(), one.weight.to_string(), holder(&one.set), one.set.seq.to_string(), one.set.why.clone()]);
    }
    table.render()
}

pub(super) fn policies(policies: &[Policy], name: Option<&CallLabel>, env: Environment) -> String {
    match (policies, name) {
        ([], Some(name)) => return format!("no policy {name} is set in {env}"),
        ([], None) => return format!("no policy is set in {env}: every host call is denied"),
        _ => {}
    }
    let mut table = Table::new(&["POLICY", "RULES", "MODE", "METHODS", "SET BY", "EVENT", "WHY"]);
    for one in policies {
        let methods = one.methods.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let (name, mode) = (one.name.to_string(), one.mode.as_str().to_owned());
        table.row([name, ruled(&one.target), mode, methods, holder(&one.set), one.set.seq.to_string(), one.set.why.clone()]);
    }
    table.render()
}

pub(super) fn tightenings(tightenings: &[Tightening], env: Environment) -> String {
    if tightenings.is_empty() {
        return format!("failure contracts hold as they are declared in {env}");
    }
    let mut table = Table::new(&["CONTRACTS OF", "DENIED", "SET BY", "EVENT", "WHY"]);
    for one in tightenings {
        table.row([ruled(&one.target), causes(&one.causes), holder(&one.set), one.set.seq.to_string(), one.set.why.clone()]);
    }
    table.render()
}

/// `trap, quota`.
pub(super) fn causes(causes: &BTreeSet<FailureCause>) -> String {
    causes.iter().copied().map(FailureCause::as_str).collect::<Vec<_>>().join(", ")
}

/// Whether a tightening holds for what was asked about: everything where nothing was named.
pub(super) fn concerns(target: &ControlScope, asked: &Scope) -> bool {
    match (target, &asked.tenant, &asked.extension) {
        (_, None, _) | (ControlScope::Environment, Some(_), _) => true,
        (ControlScope::Tenant { tenant }, Some(asked), _) | (ControlScope::Extension { tenant, .. }, Some(asked), None) => tenant == asked,
        (ControlScope::Extension { tenant, extension }, Some(asked), Some(id)) => (tenant, extension) == (asked, id),
    }
}

fn holder(set: &Provenance) -> String {
    if set.who.is_empty() { set.source.as_str().to_owned() } else { format!("{} ({})", set.source.as_str(), set.who) }
}

pub(super) fn target(target: &SwitchTarget) -> String {
    match target {
        SwitchTarget::Tenant { tenant } => format!("tenant {tenant}"),
        SwitchTarget::Extension { tenant, extension } => format!("{extension} of {tenant}"),
        SwitchTarget::Version { tenant, extension, version } => format!("{extension}@{version} of {tenant}"),
        SwitchTarget::Kind { kind } => format!("kind {kind}"),
        SwitchTarget::Tier { tier } => format!("tier {tier}"),
    }
}

/// Whom a policy rules: all that cover a call rule it.
pub(super) fn ruled(target: &ControlScope) -> String {
    match target {
        ControlScope::Environment => "every tenant".to_owned(),
        one => scope(one),
    }
}

/// Whom a quota limits: the nearest one counts.
pub(super) fn scope(scope: &ControlScope) -> String {
    match scope {
        ControlScope::Environment => "every tenant without its own".to_owned(),
        ControlScope::Tenant { tenant } => format!("tenant {tenant}"),
        ControlScope::Extension { tenant, extension } => format!("{extension} of {tenant}"),
    }
}

/// `4 at a time, 10 ms CPU/s`.
pub(super) fn limits(limits: &QuotaLimits) -> String {
    let QuotaLimits { concurrency, rate_per_s, burst, cpu_ms_per_s, memory_mb, log_kb_per_s } = *limits;
    let units = [
        (concurrency, "at a time"),
        (rate_per_s, "calls/s"),
        (burst, "burst"),
        (cpu_ms_per_s, "ms CPU/s"),
        (memory_mb, "MiB"),
        (log_kb_per_s, "KiB log/s"),
    ];
    let named: Vec<_> = units.into_iter().filter_map(|(value, unit)| value.map(|value| format!("{value} {unit}"))).collect();
    if named.is_empty() { "unlimited".to_owned() } else { named.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_says_for_whom() {
        let preview = ControlPreview {
            change: serde_json::json!({"type": "lifted"}),
            replaced: serde_json::Value::Null,
            affected: vec!["acme/x".into(), "acme/y".into()],
            affected_total: 5,
            affected_more: false,
        };
        let would = ControlDone { seq: 3, changed: true, preview: Some(preview) };
        assert_eq!(
            done(&would, "tenant acme is off in prod"),
            "a dry run: nothing was changed\nwould be: tenant acme is off in prod\nfor 5 extensions served there now: acme/x, acme/y and 3 others"
        );
        assert_eq!(done(&ControlDone { seq: 3, changed: false, preview: None }, "x"), "x (was so already)");
    }
}
