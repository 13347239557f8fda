//! What an operator's command changes, or why it may not.

use extensions_types::{ControlSource, SwitchTarget};

use super::{Control, ControlAction, ControlChange, ControlCommand, SWITCHES_MAX};
use crate::{
    Authority, Caller, Decision, Refusal, Repeat,
    decide::{check_seen, check_texts, reused},
};

/// Decides on `command` of `caller`, after all of `control`'s history.
///
/// # Errors
/// Refuses by name; nothing is to be recorded then.
pub fn decide(control: &Control, command: &ControlCommand, caller: &Caller) -> Result<Decision<ControlChange>, Refusal> {
    let (target, source) = match &command.action {
        ControlAction::ForceOff { target, source } | ControlAction::Lift { target, source } => (target, *source),
    };
    check_right(source, caller)?;
    check_texts(command)?;
    match control.recent.find(&caller.actor, &command.id, command.content()) {
        Some(Repeat::Same { seq, version }) => return Ok(Decision::Repeated { seq, version }),
        Some(Repeat::Other) => return Err(reused(&command.id)),
        None => {}
    }
    check_seen(command.expected_seq, control.state.applied_seq)?;
    let change = match command.action {
        ControlAction::ForceOff { .. } => force_off(control, target, source, &command.why)?,
        ControlAction::Lift { .. } => lift(control, target, source),
    };
    Ok(change.map_or(Decision::AlreadySo, Decision::Record))
}

/// Operators switch in their own name; what a file says, only the registry's
/// import sets and lifts.
fn check_right(source: ControlSource, caller: &Caller) -> Result<(), Refusal> {
    match (&caller.authority, source) {
        (Authority::Operator, ControlSource::Operator) | (Authority::Registry, ControlSource::File) => Ok(()),
        (Authority::Operator, ControlSource::File) => {
            Err(Refusal::denied("this switch was set in a file that the registry imports; change it there"))
        }
        (Authority::Registry, ControlSource::Operator) => Err(Refusal::denied("only operators set and lift their switches")),
        (Authority::Tenant { .. }, _) => {
            Err(Refusal::denied("control needs a platform token with scope `platform:operate`; to switch off your own extension, disable it"))
        }
    }
}

fn force_off(control: &Control, target: &SwitchTarget, source: ControlSource, why: &str) -> Result<Option<ControlChange>, Refusal> {
    if why.trim().is_empty() {
        return Err(Refusal::bad("forcing something off needs a reason for whoever finds it off; say why"));
    }
    if control.holds_off(target, source) {
        return Ok(None);
    }
    if control.state.switches.len() >= SWITCHES_MAX {
        return Err(Refusal::rule(format!(
            "{SWITCHES_MAX} switches are set, as many as are kept; lift some, or force a tenant or a kind off as a whole"
        )));
    }
    Ok(Some(ControlChange::ForcedOff { target: target.clone(), source }))
}

fn lift(control: &Control, target: &SwitchTarget, source: ControlSource) -> Option<ControlChange> {
    control.holds_off(target, source).then(|| ControlChange::Lifted { target: target.clone(), source })
}
