//! What an operator's or a file's command changes, or why it may not.

use std::collections::BTreeSet;

use extensions_types::{CallLabel, ControlScope, ControlSource, FailureCause, HostCallName, QuotaLimits};

use super::{
    Control, ControlAction, ControlChange, ControlCommand, POLICIES_MAX, POLICY_METHODS_MAX, QUOTAS_MAX, SWITCHES_MAX, TIGHTENINGS_MAX, WEIGHTS_MAX,
};
use crate::{
    Authority, Caller, Decision, Refusal, Repeat,
    decide::{check_seen, check_texts, reused},
};

/// Decides on `command` of `caller`, after all of `control`'s history.
///
/// # Errors
/// Refuses by name; nothing is to be recorded then.
pub fn decide(control: &Control, command: &ControlCommand, caller: &Caller) -> Result<Decision<ControlChange>, Refusal> {
    check_right(&command.action, caller)?;
    check_texts(command)?;
    match control.recent.find(&caller.actor, &command.id, command.content()) {
        Some(Repeat::Same { seq, version }) => return Ok(Decision::Repeated { seq, version }),
        Some(Repeat::Other) => return Err(reused(&command.id)),
        None => {}
    }
    check_seen(command.expected_seq, control.state.applied_seq)?;
    let change = change(control, &command.action, &command.why)?;
    Ok(change.map_or(Decision::AlreadySo, Decision::Record))
}

/// Operators set in their own name; what a file says, only the registry's
/// import sets and lifts. The registry clears away what is over, whoever set it.
fn check_right(action: &ControlAction, caller: &Caller) -> Result<(), Refusal> {
    match (&caller.authority, action.source(), action) {
        (Authority::Tenant { .. }, _, _) => {
            Err(Refusal::denied("control needs a platform token with scope `platform:operate`; to switch off your own extension, disable it"))
        }
        (Authority::Registry, _, ControlAction::Expire { .. }) => Ok(()),
        (Authority::Operator, _, ControlAction::Expire { .. }) => {
            Err(Refusal::denied("the registry clears switches away whose time is over; lift this one to end it now"))
        }
        (Authority::Operator, ControlSource::Operator, _) | (Authority::Registry, ControlSource::File, _) => Ok(()),
        (Authority::Operator, ControlSource::File, _) => Err(Refusal::denied("this was set in a file that the registry imports; change it there")),
        (Authority::Registry, ControlSource::Operator, _) => Err(Refusal::denied("only operators set and lift what is theirs")),
    }
}

/// None: it is so already.
fn change(control: &Control, action: &ControlAction, why: &str) -> Result<Option<ControlChange>, Refusal> {
    Ok(match action.clone() {
        ControlAction::ForceOff { target, source, until_ms, abort } => {
            if why.trim().is_empty() {
                return Err(Refusal::bad("forcing something off needs a reason for whoever finds it off; say why"));
            }
            let held = control.switch(&target, source);
            if held.is_none() {
                room(control.state.switches.len(), SWITCHES_MAX, "switches", "lift some, or force a tenant or a kind off as a whole")?;
            }
            let is_so = held.is_some_and(|held| (held.until_ms, held.abort) == (until_ms, abort));
            (!is_so).then_some(ControlChange::ForcedOff { target, source, until_ms, abort })
        }
        ControlAction::Lift { target, source } => control.switch(&target, source).is_some().then_some(ControlChange::Lifted { target, source }),
        ControlAction::Expire { target, source, until_ms } => {
            let is_over = control.switch(&target, source).is_some_and(|held| held.until_ms == Some(until_ms));
            is_over.then_some(ControlChange::Expired { target, source })
        }
        ControlAction::SetQuota { target, source, limits } => {
            check_limits(&limits)?;
            let held = control.quota(&target, source);
            if held.is_none() {
                room(control.state.quotas.len(), QUOTAS_MAX, "quotas", "clear some, or set the environment's for all")?;
            }
            (held.is_none_or(|held| held.limits != limits)).then_some(ControlChange::QuotaSet { target, source, limits })
        }
        ControlAction::ClearQuota { target, source } => {
            control.quota(&target, source).is_some().then_some(ControlChange::QuotaCleared { target, source })
        }
        ControlAction::SetWeight { tenant, source, weight } => {
            let held = control.weight(&tenant, source);
            if held.is_none() {
                room(control.state.weights.len(), WEIGHTS_MAX, "weights", "clear some: a tenant without one has the default")?;
            }
            (held.is_none_or(|held| held.weight != weight)).then_some(ControlChange::WeightSet { tenant, source, weight })
        }
        ControlAction::ClearWeight { tenant, source } => {
            control.weight(&tenant, source).is_some().then_some(ControlChange::WeightCleared { tenant, source })
        }
        ControlAction::SetPolicy { name, source, target, mode, methods } => {
            check_methods(&name, &methods)?;
            let held = control.policy(&name, source);
            if held.is_none() {
                room(control.state.policies.len(), POLICIES_MAX, "policies", "clear some, or list more methods in one")?;
            }
            let is_so = held.is_some_and(|held| held.target == target && held.mode == mode && held.methods == methods);
            (!is_so).then_some(ControlChange::PolicySet { name, source, target, mode, methods })
        }
        ControlAction::ClearPolicy { name, source } => {
            control.policy(&name, source).is_some().then_some(ControlChange::PolicyCleared { name, source })
        }
        ControlAction::Tighten { target, source, causes } => tighten(control, target, source, causes)?,
        ControlAction::Loosen { target, source } => {
            control.tightening(&target, source).is_some().then_some(ControlChange::Loosened { target, source })
        }
    })
}

fn tighten(control: &Control, target: ControlScope, source: ControlSource, causes: BTreeSet<FailureCause>) -> Result<Option<ControlChange>, Refusal> {
    if causes.is_empty() {
        return Err(Refusal::bad("a tightening denies at least one cause; to deny none, clear it"));
    }
    let held = control.tightening(&target, source);
    if held.is_none() {
        let remedy = "clear some, or deny for a tenant or the environment as a whole";
        room(control.state.tightenings.len(), TIGHTENINGS_MAX, "tightenings", remedy)?;
    }
    Ok(held.is_none_or(|held| held.causes != causes).then_some(ControlChange::Tightened { target, source, causes }))
}

fn room(held: usize, max: usize, what: &str, remedy: &str) -> Result<(), Refusal> {
    if held < max { Ok(()) } else { Err(Refusal::rule(format!("{max} {what} are set, as many as are kept; {remedy}"))) }
}

fn check_limits(limits: &QuotaLimits) -> Result<(), Refusal> {
    limits.check().map_err(|error| Refusal::bad(error.to_string()))
}

fn check_methods(name: &CallLabel, methods: &BTreeSet<HostCallName>) -> Result<(), Refusal> {
    if methods.len() > POLICY_METHODS_MAX {
        return Err(Refusal::bad(format!("policy `{name}` lists {} methods, at most {POLICY_METHODS_MAX} are kept; split it", methods.len())));
    }
    Ok(())
}
