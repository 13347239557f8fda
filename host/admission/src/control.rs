//! What operators see and set of control on one host.

use std::{sync::Arc, time::Instant};

use extensions_catalog::{Effective, Rules};
use extensions_identity::Principal;
use extensions_quota::Usage;
use extensions_types::{ControlSource, ControlState, Environment, ErrorCode, ExtensionId, Provenance, Refusal, Switch, SwitchTarget, TenantId};
use serde::Serialize;

use crate::{Admission, LocalSwitches, local_switches::now_ms};

/// What is in force in one environment, as this host knows it.
#[derive(Debug, Serialize)]
pub struct InForce {
    /// Where.
    env: Environment,
    /// Control as the host last read it; none before it ever did, or where there is none.
    control: Option<ControlState>,
}

/// What holds for one extension, and what is used of it.
#[derive(Debug, Serialize)]
pub struct InUse<'r> {
    /// What control says.
    #[serde(flatten)]
    pub effective: Effective<'r>,
    /// On this host now; none: the tenant has not called lately.
    #[serde(rename = "use")]
    pub in_use: Option<Usage>,
}

/// A switch of one host, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedSwitch {
    /// What is off.
    pub target: SwitchTarget,
    /// Why.
    pub why: String,
    /// Until when.
    pub until_ms: Option<u64>,
    /// Whether what runs ends at once.
    pub abort: bool,
}

impl Admission {
    /// The switches of this host alone.
    #[must_use]
    pub fn local(&self) -> &Arc<LocalSwitches> {
        &self.switches.local
    }

    /// The switch that `principal` asks for on this host.
    #[must_use]
    pub fn local_switch(principal: &Principal, asked: AskedSwitch) -> Switch {
        let AskedSwitch { target, why, until_ms, abort } = asked;
        let set = Provenance { source: ControlSource::Operator, who: principal.audit().to_string(), why, seq: 0, at_ms: now_ms() };
        Switch { target, set, until_ms, abort }
    }

    /// All of control that is in force here, by environment.
    #[must_use]
    pub fn control(&self) -> Vec<InForce> {
        let state = |rules: Option<Arc<Rules>>| rules.map(|rules| rules.state().clone());
        self.switches.catalogs.iter().map(|(env, catalog)| InForce { env, control: state(catalog.rules()) }).collect()
    }

    /// What control says of one extension, and what is used of it here, shown by `show`.
    ///
    /// # Errors
    /// BAD_REQUEST for a word outside its grammar, UNAVAILABLE before control was read.
    pub fn effective<T>(&self, env: &str, tenant: &str, extension: &str, show: impl FnOnce(InUse<'_>) -> T) -> Result<T, Refusal> {
        let bad = |text: String| Refusal::new(ErrorCode::BadRequest, text);
        let env = if env.is_empty() {
            self.switches.catalogs.own()
        } else {
            env.parse().map_err(|error: extensions_types::UnknownWord| bad(error.to_string()))?
        };
        let tenant = TenantId::parse(tenant).map_err(|error| bad(error.to_string()))?;
        let extension = ExtensionId::parse(extension).map_err(|error| bad(error.to_string()))?;
        let rules = self.switches.catalogs.get(env).and_then(|catalog| catalog.rules());
        let rules = rules.ok_or_else(|| Refusal::new(ErrorCode::Unavailable, format!("this host knows no control of {env}")))?;
        let effective = rules.effective(&tenant, &extension);
        let in_use = self.quotas.usage(env, &tenant, &extension, &effective.quota, Instant::now());
        Ok(show(InUse { effective, in_use }))
    }
}
