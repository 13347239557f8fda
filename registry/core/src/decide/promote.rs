//! Promotion: the one way for a version to begin to be served.

use extensions_types::{Environment, Version};

use super::{Case, Ruling};
use crate::{Change, Refusal, VersionRecord};

impl Case<'_> {
    pub(super) fn promote(&self, version: Version, env: Environment) -> Ruling {
        self.check_agent_env(env)?;
        let record = self.version(version)?;
        self.check_agent_tier(record.tier())?;
        if self.state.serving(env).is_some_and(|serving| serving.current == version) {
            return Ok(None);
        }
        let (record, built) = self.built(version)?;
        check_waivers(version, record, env)?;
        check_order(version, record, env)?;
        self.check_tier_not_lowered(record.tier())?;
        self.check_approved(version, record, env)?;
        self.check_not_forced_off(version, env)?;
        Ok(Some(Change::Promoted { version, env, digest: built.component_sha256 }))
    }
}

/// Dev is where its author tries a version out; whoever reviews it beyond dev decides on its waivers too.
fn check_waivers(version: Version, record: &VersionRecord, env: Environment) -> Result<(), Refusal> {
    match record.open_waiver().filter(|_| env > Environment::Dev) {
        None => Ok(()),
        Some(waiver) => {
            let finding = &waiver.finding;
            Err(Refusal::rule(format!(
                "version {version} asks for a waiver of `{finding}` that no reviewer has granted; ask one, or push without it"
            )))
        }
    }
}

fn check_order(version: Version, record: &VersionRecord, env: Environment) -> Result<(), Refusal> {
    let before = match env {
        Environment::Dev => return Ok(()),
        Environment::Staging => Environment::Dev,
        Environment::Prod => Environment::Staging,
    };
    if record.promoted.contains(&before) {
        return Ok(());
    }
    Err(Refusal::rule(format!("version {version} was never promoted to {before}, which comes before {env}; promote it to {before} first")))
}
