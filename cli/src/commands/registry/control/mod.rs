//! `ext admin switch`, `quota`, `weight`, `policy`, `contract`: an environment's control.

mod quota;
mod switch;
mod tell;

use std::collections::BTreeSet;

use extensions_client::registry::{ControlChange, ControlSet, PolicyRules, RegistryClient};
use extensions_types::{ControlScope, Environment};

pub(super) use self::{quota::quota, switch::switch};
use super::words;
use crate::{
    args::{ContractCommand, ControlGuard, PolicyCommand, Reasoned, Scope, WeightCommand},
    failure::Failure,
    say::Say,
};

/// `ext admin weight`.
pub(super) async fn weight(registry: &RegistryClient, command: &WeightCommand, env: Environment, say: &Say) -> Result<(), Failure> {
    let (tenant, weight, reasoned) = match command {
        WeightCommand::Get { tenant } => {
            let mut control = registry.control(env).await?;
            control.weights.retain(|one| tenant.as_ref().is_none_or(|tenant| one.tenant == *tenant));
            say.data(&control.weights, tell::weights(&control.weights, tenant.as_ref(), env));
            return Ok(());
        }
        WeightCommand::Set { tenant, weight, reasoned } => (tenant, Some(*weight), reasoned),
        WeightCommand::Clear { tenant, reasoned } => (tenant, None, reasoned),
    };
    let text = match weight {
        Some(weight) => format!("tenant {tenant} has weight {weight} in {env}"),
        None => format!("tenant {tenant} has no weight of its own from operators in {env}"),
    };
    change(registry, env, ControlSet::Weight { tenant: tenant.clone(), weight }, reasoned, &text, say).await
}

/// `ext admin policy`.
pub(super) async fn policy(registry: &RegistryClient, command: &PolicyCommand, env: Environment, say: &Say) -> Result<(), Failure> {
    let (name, rules, reasoned) = match command {
        PolicyCommand::Get { name } => {
            let mut control = registry.control(env).await?;
            control.policies.retain(|policy| name.as_ref().is_none_or(|name| policy.name == *name));
            say.data(&control.policies, tell::policies(&control.policies, name.as_ref(), env));
            return Ok(());
        }
        PolicyCommand::Set(set) => {
            let methods: BTreeSet<_> = set.methods.iter().cloned().collect();
            (&set.name, Some(PolicyRules { target: scope(&set.scope), mode: set.mode.into(), methods }), &set.reasoned)
        }
        PolicyCommand::Clear { name, reasoned } => (name, None, reasoned),
    };
    let text = match &rules {
        Some(rules) => format!("policy {name} rules {} in {env} ({})", tell::ruled(&rules.target), rules.mode.as_str()),
        None => format!("operators have no policy {name} in {env}"),
    };
    change(registry, env, ControlSet::Policy { name: name.clone(), rules }, reasoned, &text, say).await
}

/// `ext admin contract`.
pub(super) async fn contract(registry: &RegistryClient, command: &ContractCommand, env: Environment, say: &Say) -> Result<(), Failure> {
    let (target, causes, reasoned) = match command {
        ContractCommand::Get(of) => {
            let mut control = registry.control(env).await?;
            control.tightenings.retain(|one| tell::concerns(&one.target, of));
            say.data(&control.tightenings, tell::tightenings(&control.tightenings, env));
            return Ok(());
        }
        ContractCommand::Tighten(set) => (scope(&set.scope), set.causes.iter().copied().collect(), &set.reasoned),
        ContractCommand::Loosen(change) => (scope(&change.scope), BTreeSet::new(), &change.reasoned),
    };
    let whose = tell::ruled(&target);
    let text = match causes.is_empty() {
        true => format!("operators deny nothing of {whose} in {env} that a failure contract answers for"),
        false => format!("no failure contract of {whose} answers for {} in {env}", tell::causes(&causes)),
    };
    change(registry, env, ControlSet::Tightening { target, causes }, reasoned, &text, say).await
}

async fn change(registry: &RegistryClient, env: Environment, set: ControlSet, reasoned: &Reasoned, text: &str, say: &Say) -> Result<(), Failure> {
    guarded(registry, env, set, &reasoned.why, &reasoned.guard, text, say).await
}

/// Makes a change, or tries it, and says what it did.
async fn guarded(
    registry: &RegistryClient,
    env: Environment,
    set: ControlSet,
    why: &str,
    guard: &ControlGuard,
    text: &str,
    say: &Say,
) -> Result<(), Failure> {
    let change = ControlChange { set, why: why.to_owned(), expected_seq: guard.expected_seq, dry_run: guard.dry_run };
    let done = registry.change_control(env, change).await?;
    say.data(&done, tell::done(&done, text));
    Ok(())
}

/// What the flags name.
fn scope(scope: &Scope) -> ControlScope {
    match (scope.tenant.clone(), scope.extension.clone()) {
        (Some(tenant), Some(extension)) => ControlScope::Extension { tenant, extension },
        (Some(tenant), None) => ControlScope::Tenant { tenant },
        (None, _) => ControlScope::Environment,
    }
}
