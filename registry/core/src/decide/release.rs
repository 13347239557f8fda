//! What a releaser does with what is served: roll back, pin, switch, retire.

use std::collections::BTreeSet;

use extensions_types::{Environment, ErrorCode, Version};

use super::{Case, Ruling};
use crate::{
    Change, Pin, Refusal, Serving,
    bounds::{PINNED_VERSIONS_MAX, PINS_MAX},
};

impl Case<'_> {
    pub(super) fn roll_back(&self, env: Environment, to: Version) -> Ruling {
        self.check_agent_env(env)?;
        let serving = self.serving(env)?;
        let record = self.usable(to)?;
        self.check_agent_tier(record.tier())?;
        if serving.current == to {
            return Ok(None);
        }
        self.check_has_served(serving, env, to)?;
        self.check_not_forced_off(to, env)?;
        Ok(Some(Change::RolledBack { env, from: serving.current, to }))
    }

    pub(super) fn pin(&self, env: Environment, pin: &Pin, version: Option<Version>) -> Ruling {
        self.check_agent_env(env)?;
        let serving = self.serving(env)?;
        let before = serving.pinned(pin);
        if before == version && version.is_none() {
            return Ok(None);
        }
        if let Some(version) = version {
            let record = self.usable(version)?;
            self.check_agent_tier(record.tier())?;
            if before == Some(version) {
                return Ok(None);
            }
            self.check_has_served(serving, env, version)?;
            self.check_not_forced_off(version, env)?;
            check_pins(serving, pin, version)?;
        }
        Ok(Some(Change::Pinned { env, pin: pin.clone(), version }))
    }

    pub(super) fn set_enabled(&self, env: Environment, enabled: bool) -> Ruling {
        self.check_agent_env(env)?;
        let serving = self.serving(env)?;
        Ok((serving.enabled != enabled).then_some(Change::EnabledSet { env, enabled }))
    }

    pub(super) fn retire(&self, version: Version) -> Ruling {
        let record = self.version(version)?;
        self.check_agent_tier(record.tier())?;
        // Retiring takes a way back from every environment that it reached.
        record.promoted.iter().try_for_each(|&env| self.check_agent_env(env))?;
        if record.retired_at_ms.is_some() {
            return Ok(None);
        }
        for (env, serving) in &self.state.environments {
            if serving.current == version {
                return Err(Refusal::rule(format!("{env} serves version {version}; promote or roll back to another one there first")));
            }
            if serving.pinned_versions().contains(&version) {
                return Err(Refusal::rule(format!("a pin in {env} gives version {version}; remove the pin first")));
            }
        }
        Ok(Some(Change::Retired { version }))
    }

    fn check_has_served(&self, serving: &Serving, env: Environment, version: Version) -> Result<(), Refusal> {
        if serving.has_served(version) {
            return Ok(());
        }
        let could = self.state.rollback_targets(env).into_iter().chain([serving.current]).take(5);
        let could = could.map(|version| version.to_string()).collect::<Vec<_>>().join(", ");
        let text = format!("{env} has never served version {version}; promote it, or choose one that it served: {could}");
        Err(Refusal::new(ErrorCode::NotPromoted, text))
    }
}

fn check_pins(serving: &Serving, pin: &Pin, version: Version) -> Result<(), Refusal> {
    let count = serving.caller_pins.len() + serving.hook_pins.len();
    if serving.pinned(pin).is_none() && count >= PINS_MAX {
        return Err(Refusal::rule(format!("the entry has {PINS_MAX} pins, as many as are kept; remove one first")));
    }
    let mut versions: BTreeSet<_> = serving.pinned_versions();
    versions.insert(version);
    if versions.len() > PINNED_VERSIONS_MAX {
        return Err(Refusal::rule(format!("pins give {PINNED_VERSIONS_MAX} different versions, as many as an entry lists; move one of them first")));
    }
    Ok(())
}
