//! From a draft to a component: asked for, and answered.

use extensions_types::{Kind, Origin, RiskTier, Version};

use super::{Case, Ruling, access};
use crate::{
    AskedWaiver, Build, Built, Change, Finding, Refusal, VersionRecord,
    bounds::{ATTEMPTS_MAX, COMPONENT_BYTES_MAX, FINDING_BYTES_MAX, FINDINGS_MAX, TOOLCHAIN_BYTES_MAX, WAIVER_BYTES_MAX, WAIVERS_MAX, cut},
};

impl Case<'_> {
    pub(super) fn request_compile(&self, version: Version) -> Ruling {
        let record = self.usable(version)?;
        self.check_agent_tier(record.tier())?;
        if record.source_deleted {
            return Err(Refusal::rule(format!("the source of version {version} was deleted when its time was over; push a new version")));
        }
        if record.draft.origin == Origin::Uploaded {
            return Err(Refusal::rule(format!("version {version} is a component from outside, there is nothing to compile; upload it")));
        }
        match record.build {
            Build::Waiting => Ok(Some(Change::CompileRequested { version, attempt: 1 })),
            // Only the registry knows that an attempt is lost.
            Build::Requested { .. } if access::is_tenant(self.caller) => Ok(None),
            Build::Requested { attempt, .. } if attempt >= ATTEMPTS_MAX => {
                Err(Refusal::rule(format!("version {version} was compiled {attempt} times without a result; push a new version")))
            }
            Build::Requested { attempt, .. } => Ok(Some(Change::CompileRequested { version, attempt: attempt + 1 })),
            Build::Built(_) => Ok(None),
            Build::Failed { ref message, .. } => {
                Err(Refusal::rule(format!("version {version} failed: {message}; correct it and push a new version")))
            }
        }
    }

    pub(super) fn report_built(&self, version: Version, kind: Kind, tier: RiskTier, built: &Built) -> Ruling {
        let record = self.usable(version)?;
        let built = cut_texts(built);
        if record.build == Build::Built(built.clone()) {
            return Ok(None);
        }
        check_awaited(version, record, built.attempt)?;
        if (kind, tier) != (record.draft.about.kind, record.draft.about.risk_tier) {
            return Err(Refusal::rule(format!("the definition of version {version} has another kind or tier than the draft; push a new version")));
        }
        if built.component_bytes == 0 || built.component_bytes > COMPONENT_BYTES_MAX {
            return Err(Refusal::rule(format!(
                "the component of version {version} has {} bytes; it must have 1 to {COMPONENT_BYTES_MAX}",
                built.component_bytes
            )));
        }
        if record.waivers.len() + built.waivers.len() > WAIVERS_MAX {
            return Err(Refusal::rule(format!("version {version} asks for more than {WAIVERS_MAX} waivers; correct what was found")));
        }
        Ok(Some(Change::VersionBuilt { version, built }))
    }

    pub(super) fn report_failed(&self, version: Version, attempt: u32, findings: &[Finding]) -> Ruling {
        let record = self.usable(version)?;
        if matches!(record.build, Build::Failed { .. }) {
            return Ok(None);
        }
        check_awaited(version, record, attempt)?;
        let findings = findings.iter().take(FINDINGS_MAX).cloned().map(|finding| finding.cut(FINDING_BYTES_MAX)).collect();
        Ok(Some(Change::VersionFailed { version, attempt, findings }))
    }
}

/// The same, with texts of bounded length.
fn cut_texts(built: &Built) -> Built {
    let short = |text: &String| cut(text.clone(), WAIVER_BYTES_MAX);
    let waivers = built.waivers.iter().map(|asked| AskedWaiver { place: short(&asked.place), reason: short(&asked.reason), ..asked.clone() });
    Built { toolchain: cut(built.toolchain.clone(), TOOLCHAIN_BYTES_MAX), waivers: waivers.collect(), ..built.clone() }
}

/// A result counts for the attempt that is awaited: a worker that was given up
/// and comes back late has lost. A component from outside has no attempt.
fn check_awaited(version: Version, record: &VersionRecord, attempt: u32) -> Result<(), Refusal> {
    let awaited = match (&record.build, record.draft.origin) {
        (Build::Waiting, Origin::Uploaded) => Some(0),
        (&Build::Requested { attempt, .. }, _) => Some(attempt),
        (Build::Waiting | Build::Built(_) | Build::Failed { .. }, _) => None,
    };
    if awaited == Some(attempt) {
        return Ok(());
    }
    Err(Refusal::rule(format!("no result of attempt {attempt} of version {version} is awaited; drop it")))
}
