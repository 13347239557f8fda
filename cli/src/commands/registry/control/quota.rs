//! `ext admin quota`.

use extensions_client::registry::{Control, ControlSet, RegistryClient};
use extensions_types::{ControlState, EffectiveQuota, Environment, ExtensionId, QuotaLimits, TenantId};
use serde_json::{Value, json};

use super::{change, scope, tell};
use crate::{
    args::{Global, QuotaCommand, QuotaGet, QuotaSet, Scope},
    commands::{registry::TIMEOUT, server::Server},
    failure::Failure,
    say::Say,
};

pub(crate) async fn quota(command: &QuotaCommand, global: &Global, say: &Say) -> Result<(), Failure> {
    if let QuotaCommand::Get(QuotaGet { scope: Scope { tenant: Some(tenant), extension: Some(extension) }, host: Some(host) }) = command {
        let in_use = Server::operated_host(global, host)?.http(TIMEOUT)?.in_use(global.env, tenant, extension).await?;
        say.data(&in_use, told(&in_use, tenant, extension));
        return Ok(());
    }
    in_environment(&Server::for_operators(global)?.registry(TIMEOUT)?, command, global.env, say).await
}

async fn in_environment(registry: &RegistryClient, command: &QuotaCommand, env: Environment, say: &Say) -> Result<(), Failure> {
    match command {
        QuotaCommand::Get(asked) => {
            show(&registry.control(env).await?, &asked.scope, env, say);
            Ok(())
        }
        QuotaCommand::Set(set) => {
            let (target, limits) = (scope(&set.scope), limits(set));
            let text = format!("{} in {env}: {}", tell::scope(&target), tell::limits(&limits));
            change(registry, env, ControlSet::Quota { target, limits: Some(limits) }, &set.reasoned, &text, say).await
        }
        QuotaCommand::Clear(clear) => {
            let target = scope(&clear.scope);
            let text = format!("operators have no quota for {} in {env}", tell::scope(&target));
            change(registry, env, ControlSet::Quota { target, limits: None }, &clear.reasoned, &text, say).await
        }
    }
}

fn limits(set: &QuotaSet) -> QuotaLimits {
    QuotaLimits {
        concurrency: set.concurrency,
        rate_per_s: set.rate,
        burst: set.burst,
        cpu_ms_per_s: set.cpu_ms,
        memory_mb: set.memory_mb,
        log_kb_per_s: set.log_kb,
    }
}

fn show(control: &Control, asked: &Scope, env: Environment, say: &Say) {
    let Some(tenant) = &asked.tenant else {
        say.data(&control.quotas, tell::quotas(&control.quotas, env));
        return;
    };
    let effective = effective(control, tenant, asked.extension.as_ref(), env);
    let mut text = format!("tenant {tenant} in {env}: {}", tell::limits(&effective.tenant));
    if let Some(extension) = &asked.extension {
        text += &format!("\n{extension} of {tenant} in {env}, as well: {}", tell::limits(&effective.extension));
    }
    say.data(&json!({"tenant": tenant, "extension": asked.extension, "quota": effective}), text);
}

/// A host's word in lines: what both scopes use, and what is left of what is limited.
fn told(in_use: &Value, tenant: &TenantId, extension: &ExtensionId) -> String {
    let used = &in_use["use"];
    if used.is_null() {
        return format!("tenant {tenant} has not called this host lately");
    }
    let scopes = [(format!("tenant {tenant}"), &used["tenant"]), (format!("{extension} of {tenant}"), &used["extension"])];
    let lines = scopes.iter().filter(|(_, of)| of.is_object()).map(|(name, of)| format!("{name}: {}", used_of(of)));
    lines.collect::<Vec<_>>().join("\n")
}

fn used_of(of: &Value) -> String {
    let number = |field: &str| of[field].as_i64();
    let (calls, memory) = (number("concurrency").unwrap_or_default(), number("memory_mb").unwrap_or_default());
    let mut text = format!("{calls} calls and {memory} MiB under way");
    if let Some(left) = number("calls_left") {
        text += &format!(", {left} calls left at once");
    }
    if let Some(left) = number("cpu_ms_left") {
        text += &if left < 0 { format!(", {} ms of CPU time owed", -left) } else { format!(", {left} ms of CPU time left") };
    }
    if let Some(parts) = number("share_parts") {
        let heard = if of["share_heard"].as_bool() == Some(true) { "" } else { ", as its fleet has not said" };
        text += &format!("; this host has {}.{} % of the rate and CPU time{heard}", parts / 10_000, parts / 1_000 % 10);
    }
    text
}

/// What holds, as hosts work it out. A tenant alone is asked with an extension that has none.
fn effective(control: &Control, tenant: &TenantId, extension: Option<&ExtensionId>, env: Environment) -> EffectiveQuota {
    let state = ControlState { quotas: control.quotas.clone(), ..ControlState::new(env) };
    match extension {
        Some(extension) => state.quota(tenant, extension),
        None => state.quota(tenant, &ExtensionId::parse("none").expect("a constant of the grammar")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_says_what_is_used_and_what_is_left() {
        let (tenant, extension) = (TenantId::parse("acme").unwrap(), ExtensionId::parse("rule").unwrap());
        let told = |value: Value| told(&value, &tenant, &extension);
        assert_eq!(told(json!({"quota": {}, "use": null})), "tenant acme has not called this host lately");
        let of_tenant = json!({"concurrency": 2, "memory_mb": 128, "calls_left": 7, "cpu_ms_left": -40, "share_parts": 512_345, "share_heard": true});
        let of_extension = json!({"concurrency": 1, "memory_mb": 64, "share_parts": 1_000_000, "share_heard": false});
        assert_eq!(
            told(json!({"use": {"tenant": of_tenant, "extension": of_extension}})),
            "tenant acme: 2 calls and 128 MiB under way, 7 calls left at once, 40 ms of CPU time owed; this host has 51.2 % of the rate and CPU time\n\
             rule of acme: 1 calls and 64 MiB under way; this host has 100.0 % of the rate and CPU time, as its fleet has not said"
        );
    }
}
