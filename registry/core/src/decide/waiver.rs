//! Waivers: a marker only asks, a reviewer grants.

use extensions_types::{CallLabel, Version};

use super::{Case, Ruling};
use crate::{Build, Change, Refusal, bounds::WAIVERS_MAX};

impl Case<'_> {
    pub(super) fn request_waiver(&self, version: Version, finding: &CallLabel) -> Ruling {
        let record = self.usable(version)?;
        self.check_agent_tier(record.tier())?;
        if let Build::Failed { message, .. } = &record.build {
            return Err(Refusal::rule(format!("version {version} failed: {message}; correct it and push a new version")));
        }
        if record.waivers.iter().any(|waiver| waiver.finding == *finding) {
            return Ok(None);
        }
        // What is served has been judged as it is.
        if let Some(env) = record.promoted.last() {
            return Err(Refusal::rule(format!("version {version} was promoted to {env} without this waiver; push a new version that asks for it")));
        }
        if record.waivers.len() >= WAIVERS_MAX {
            return Err(Refusal::rule(format!("version {version} asks for {WAIVERS_MAX} waivers, as many as are kept; correct what was found")));
        }
        Ok(Some(Change::WaiverRequested { version, finding: finding.clone() }))
    }

    pub(super) fn grant_waiver(&self, version: Version, finding: &CallLabel) -> Ruling {
        self.check_person("grant a waiver")?;
        let record = self.usable(version)?;
        let Some(waiver) = record.waivers.iter().find(|waiver| waiver.finding == *finding) else {
            return Err(Refusal::rule(format!("nobody asked for a waiver of `{finding}` for version {version}; its author must ask first")));
        };
        // Waivers hold everywhere, so the strictest environment decides who may grant.
        self.check_no_push_since_approval(version, extensions_types::Environment::Prod)?;
        Ok(waiver.granted_by.is_none().then(|| Change::WaiverGranted { version, finding: finding.clone() }))
    }
}
