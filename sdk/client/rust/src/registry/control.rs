//! Changes of an environment's control.

use std::collections::BTreeSet;

use extensions_proto::v1::{self, change_control_request::Set};
use extensions_types::{CallLabel, ControlScope, Environment, FailureCause, HostCallName, PolicyMode, QuotaLimits, SwitchTarget, TenantId, Weight};

use super::{Control, ControlDone, RegistryClient, change::fresh_key, read, word};
use crate::InvokeError;

/// One thing of control, as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlSet {
    /// Something is off.
    Off {
        /// What.
        target: SwitchTarget,
        /// Until when, in milliseconds since the Unix epoch; none: until it is taken away.
        until_ms: Option<u64>,
        /// Whether invocations under way end at once.
        abort: bool,
    },
    /// The operators' switch is taken away.
    On {
        /// What was off.
        target: SwitchTarget,
    },
    /// A scope has these limits and no others; none: no quota.
    Quota {
        /// Whose.
        target: ControlScope,
        /// How much.
        limits: Option<QuotaLimits>,
    },
    /// A tenant has this share; none: the default.
    Weight {
        /// Whose.
        tenant: TenantId,
        /// How much.
        weight: Option<Weight>,
    },
    /// A policy holds; none: no longer.
    Policy {
        /// Its name.
        name: CallLabel,
        /// What it says.
        rules: Option<PolicyRules>,
    },
    /// No failure contract of a scope answers for these causes; none: the contracts hold again.
    Tightening {
        /// Whose contracts.
        target: ControlScope,
        /// The causes.
        causes: BTreeSet<FailureCause>,
    },
}

/// What a policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRules {
    /// Whose host calls it rules.
    pub target: ControlScope,
    /// Whether it denies or only notes.
    pub mode: PolicyMode,
    /// The only methods that may be called.
    pub methods: BTreeSet<HostCallName>,
}

/// A change of an environment's control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlChange {
    /// What.
    pub set: ControlSet,
    /// Why; asked for where something is switched off.
    pub why: String,
    /// Only if this is still the last event.
    pub expected_seq: Option<u64>,
    /// Only says what it would change, and for whom.
    pub dry_run: bool,
}

impl RegistryClient {
    /// The control of one environment.
    ///
    /// # Errors
    /// When the platform refuses or is not reached.
    pub async fn control(&self, env: Environment) -> Result<Control, InvokeError> {
        let request = v1::GetControlRequest { env: word(env) };
        read::control(self.call(request, |mut grpc, request| async move { grpc.get_control(request).await }).await?)
    }

    /// Changes one thing of it, or says what that would change.
    ///
    /// # Errors
    /// When the platform refuses or is not reached.
    pub async fn change_control(&self, env: Environment, change: ControlChange) -> Result<ControlDone, InvokeError> {
        let answer = self.call(request(env, change), |mut grpc, request| async move { grpc.change_control(request).await }).await?;
        read::control_done(answer)
    }

    /// Switches something off, or takes the switch away. Gives the event's
    /// number, and whether anything changed.
    ///
    /// # Errors
    /// When the platform refuses or is not reached.
    pub async fn switch(
        &self,
        env: Environment,
        target: &SwitchTarget,
        off: bool,
        why: &str,
        expected_seq: Option<u64>,
    ) -> Result<(u64, bool), InvokeError> {
        let target = target.clone();
        let set = if off { ControlSet::Off { target, until_ms: None, abort: false } } else { ControlSet::On { target } };
        let done = self.change_control(env, ControlChange { set, why: why.to_owned(), expected_seq, dry_run: false }).await?;
        Ok((done.seq, done.changed))
    }
}

fn request(env: Environment, change: ControlChange) -> v1::ChangeControlRequest {
    let ControlChange { set, why, expected_seq, dry_run } = change;
    let base = v1::ChangeControlRequest { idempotency_key: fresh_key(), expected_seq, why, env: word(env), dry_run, ..Default::default() };
    let with = |set| v1::ChangeControlRequest { set: Some(set), ..base.clone() };
    match set {
        ControlSet::Off { target, until_ms, abort } => v1::ChangeControlRequest { target: Some(target.into()), off: true, until_ms, abort, ..base },
        ControlSet::On { target } => v1::ChangeControlRequest { target: Some(target.into()), ..base },
        ControlSet::Quota { target, limits } => with(Set::Quota(v1::QuotaChange { target: Some(target.into()), limits: limits.map(Into::into) })),
        ControlSet::Weight { tenant, weight } => {
            with(Set::Weight(v1::WeightChange { tenant_id: tenant.to_string(), weight: weight.map(|weight| weight.get().into()) }))
        }
        ControlSet::Policy { name, rules } => with(Set::Policy(policy(&name, rules))),
        ControlSet::Tightening { target, causes } => {
            let causes = causes.iter().map(|cause| cause.as_str().to_owned()).collect();
            with(Set::Tightening(v1::TighteningChange { target: Some(target.into()), causes }))
        }
    }
}

fn policy(name: &CallLabel, rules: Option<PolicyRules>) -> v1::PolicyChange {
    let name = name.to_string();
    match rules {
        None => v1::PolicyChange { name, ..Default::default() },
        Some(PolicyRules { target, mode, methods }) => v1::PolicyChange {
            name,
            target: Some(target.into()),
            mode: mode.as_str().to_owned(),
            methods: methods.iter().map(ToString::to_string).collect(),
        },
    }
}
