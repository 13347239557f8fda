//! An environment's control: read, changed, and tried without a change.

use extensions_proto::{causes, control_scope, methods, policy_mode, switch_target, v1, weight};
use extensions_registry_core::{
    Caller, Command,
    control::{ControlAction, ControlCommand, Wanted},
};
use extensions_registry_ledger::LedgerError;
use extensions_types::{CallLabel, ControlSource, Environment, Refusal};
use tokio::time::timeout;

use super::{NOTIFY_WAIT, Named, Service, parse, refusal};
use crate::{
    Call,
    call::bad,
    view::{ControlChanged, ControlPreview, ControlView},
};

/// Through this API everybody sets as an operator.
const SOURCE: ControlSource = ControlSource::Operator;

impl Service {
    /// The control of an environment.
    ///
    /// # Errors
    /// Refuses by name; so does every method here.
    pub async fn get_control(&self, call: &Call, request: v1::GetControlRequest) -> Result<ControlView, Refusal> {
        self.audited(call, Named { operation: "GetControl", tenant: "", on: &request.env }, async {
            call.operator()?;
            let env = parse::environment("env", &request.env)?;
            let state = self.ledger().control(env).await.map_err(|error| refusal(&error))?;
            Ok(state.state.into())
        })
        .await
    }

    /// Changes one thing of it, or says what that would change.
    #[allow(clippy::missing_errors_doc, reason = "as get_control")]
    pub async fn change_control(&self, call: &Call, request: v1::ChangeControlRequest) -> Result<ControlChanged, Refusal> {
        let env = request.env.clone();
        self.audited(call, Named { operation: "ChangeControl", tenant: "", on: &env }, async {
            let caller = call.operator()?;
            let env = parse::environment("env", &request.env)?;
            if request.until_ms.is_some_and(|until| until <= self.now_ms()) {
                return Err(bad("until_ms", &"that time is over by the registry's clock; name one to come"));
            }
            let (dry_run, expected_seq, why, id) =
                (request.dry_run, request.expected_seq, request.why.clone(), parse::key(&request.idempotency_key)?);
            let command = Command { id, expected_seq, why, from: Some(call.from.to_string()), action: action(request)? };
            if dry_run { self.preview_control(env, &command, &caller).await } else { self.record_control(env, &command, &caller).await }
        })
        .await
    }

    async fn record_control(&self, env: Environment, command: &ControlCommand, caller: &Caller) -> Result<ControlChanged, Refusal> {
        let outcome = self.ledger().change_control(env, command, caller).await.map_err(|error| refusal(&error))?;
        self.tell_control(env, outcome.seq).await;
        Ok(ControlChanged { seq: outcome.seq, changed: outcome.changed, preview: None })
    }

    /// Tells those who serve `env` that its control has changed.
    pub(crate) async fn tell_control(&self, env: Environment, seq: u64) {
        if timeout(NOTIFY_WAIT, self.inner.parts.notify.control_changed(env, seq)).await.is_err() {
            tracing::warn!(%env, seq, "a change of control was stored, but was not taken up in time");
        }
    }

    /// Makes an environment's control hold what a file says, as events of the
    /// system actor `control-file`. Gives how many there were.
    ///
    /// # Errors
    /// The first step that did not succeed; those before it stay, and the next try goes on.
    pub async fn import_control(&self, env: Environment, wanted: &Wanted, now_ms: u64) -> Result<usize, LedgerError> {
        let control = self.ledger().control(env).await?;
        let caller = Caller::registry(CallLabel::parse("control-file").expect("a constant of the grammar"));
        let steps = wanted.steps(&control, now_ms);
        let (mut last, count) = (None, steps.len());
        for (at, (action, why)) in steps.into_iter().enumerate() {
            let id = CallLabel::parse(&format!("file-{}-{at}", control.state.applied_seq)).expect("a word and digits are a label");
            let command = Command { id, expected_seq: None, why, from: None, action };
            let outcome = self.ledger().change_control(env, &command, &caller).await;
            if outcome.is_err()
                && let Some(seq) = last
            {
                self.tell_control(env, seq).await;
            }
            last = Some(outcome?.seq);
        }
        if let Some(seq) = last {
            self.tell_control(env, seq).await;
        }
        Ok(count)
    }

    async fn preview_control(&self, env: Environment, command: &ControlCommand, caller: &Caller) -> Result<ControlChanged, Refusal> {
        let preview = self.ledger().preview_control(env, command, caller).await.map_err(|error| refusal(&error))?;
        let affected = match &preview.change {
            Some(change) => self.ledger().affected(env, change).await.map_err(|error| refusal(&error))?,
            None => extensions_registry_ledger::Affected::default(),
        };
        let (seq, changed) = (preview.control.state.applied_seq, preview.change.is_some());
        Ok(ControlChanged { seq, changed, preview: Some(ControlPreview::of(&preview, affected)) })
    }
}

/// The one thing that a request changes.
fn action(request: v1::ChangeControlRequest) -> Result<ControlAction, Refusal> {
    use v1::change_control_request::Set;
    let v1::ChangeControlRequest { target, off, until_ms, abort, set, .. } = request;
    if !off && (until_ms.is_some() || abort) {
        return Err(bad("off", &"`until_ms` and `abort` are for what is switched off"));
    }
    match (target, set) {
        (Some(_), Some(_)) => Err(bad("target", &"one request changes one thing: a switch, a quota, a weight, a policy or a tightening")),
        (target, None) => {
            let target = switch_target(target).map_err(|error| bad(error.field, &error.problem))?;
            Ok(if off { ControlAction::ForceOff { target, source: SOURCE, until_ms, abort } } else { ControlAction::Lift { target, source: SOURCE } })
        }
        (None, Some(_)) if off => Err(bad("off", &"a switch needs its target")),
        (None, Some(Set::Quota(change))) => quota(change),
        (None, Some(Set::Weight(change))) => {
            let tenant = parse::tenant(&change.tenant_id)?;
            Ok(match change.weight {
                Some(number) => {
                    ControlAction::SetWeight { tenant, source: SOURCE, weight: weight(number).map_err(|error| bad(error.field, &error.problem))? }
                }
                None => ControlAction::ClearWeight { tenant, source: SOURCE },
            })
        }
        (None, Some(Set::Policy(change))) => policy(&change),
        (None, Some(Set::Tightening(change))) => tightening(change),
    }
}

fn quota(change: v1::QuotaChange) -> Result<ControlAction, Refusal> {
    let target = control_scope(change.target).map_err(|error| bad(error.field, &error.problem))?;
    Ok(match change.limits {
        Some(limits) => ControlAction::SetQuota { target, source: SOURCE, limits: limits.into() },
        None => ControlAction::ClearQuota { target, source: SOURCE },
    })
}

fn tightening(change: v1::TighteningChange) -> Result<ControlAction, Refusal> {
    let read = || Ok::<_, extensions_proto::BadControl>((control_scope(change.target)?, causes(&change.causes)?));
    let (target, causes) = read().map_err(|error| bad(error.field, &error.problem))?;
    Ok(match causes.is_empty() {
        true => ControlAction::Loosen { target, source: SOURCE },
        false => ControlAction::Tighten { target, source: SOURCE, causes },
    })
}

fn policy(change: &v1::PolicyChange) -> Result<ControlAction, Refusal> {
    let name = parse::label("name", &change.name)?;
    if change.mode.is_empty() {
        return Ok(ControlAction::ClearPolicy { name, source: SOURCE });
    }
    let read = || {
        let target = control_scope(change.target.clone())?;
        let (mode, methods) = (policy_mode(&change.mode)?, methods(&change.methods)?);
        Ok::<_, extensions_proto::BadControl>((target, mode, methods))
    };
    let (target, mode, methods) = read().map_err(|error| bad(error.field, &error.problem))?;
    Ok(ControlAction::SetPolicy { name, source: SOURCE, target, mode, methods })
}

#[cfg(test)]
mod tests {
    use extensions_types::ErrorCode;

    use super::*;

    #[test]
    fn a_request_changes_exactly_one_thing() {
        use v1::change_control_request::Set;
        let tier = || Some(v1::SwitchTarget { target: Some(v1::switch_target::Target::RiskTier(1)) });
        let weight = || Some(Set::Weight(v1::WeightChange { tenant_id: "acme".into(), weight: Some(5) }));
        let request = |target, set, off, abort| v1::ChangeControlRequest { target, set, off, abort, ..v1::ChangeControlRequest::default() };
        assert!(matches!(action(request(tier(), None, true, true)), Ok(ControlAction::ForceOff { abort: true, .. })));
        assert!(matches!(action(request(tier(), None, false, false)), Ok(ControlAction::Lift { .. })));
        assert!(matches!(action(request(None, weight(), false, false)), Ok(ControlAction::SetWeight { .. })));
        for wrong in [
            request(None, None, true, false),
            request(tier(), weight(), true, false),
            request(tier(), None, false, true),
            request(None, weight(), true, false),
        ] {
            assert_eq!(action(wrong).unwrap_err().code, ErrorCode::BadRequest);
        }
    }
}
