//! `ext admin quota`.

use extensions_client::registry::{Control, ControlSet, RegistryClient};
use extensions_types::{ControlState, EffectiveQuota, Environment, ExtensionId, QuotaLimits, TenantId};
use serde_json::json;

use super::{change, scope, tell};
use crate::{
    args::{QuotaCommand, QuotaSet, Scope},
    failure::Failure,
    say::Say,
};

pub(crate) async fn quota(registry: &RegistryClient, command: &QuotaCommand, env: Environment, say: &Say) -> Result<(), Failure> {
    match command {
        QuotaCommand::Get(asked) => {
            show(&registry.control(env).await?, asked, env, say);
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

/// What holds, as hosts work it out. A tenant alone is asked with an extension that has none.
fn effective(control: &Control, tenant: &TenantId, extension: Option<&ExtensionId>, env: Environment) -> EffectiveQuota {
    let state = ControlState { quotas: control.quotas.clone(), ..ControlState::new(env) };
    match extension {
        Some(extension) => state.quota(tenant, extension),
        None => state.quota(tenant, &ExtensionId::parse("none").expect("a constant of the grammar")),
    }
}
