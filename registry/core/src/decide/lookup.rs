//! Finds what a command names, or says that it is not there.

use extensions_types::{Environment, ErrorCode, SwitchTarget, Version};

use super::Case;
use crate::{Build, Built, Refusal, Serving, VersionRecord};

impl Case<'_> {
    /// A version that exists.
    pub(super) fn version(&self, version: Version) -> Result<&VersionRecord, Refusal> {
        if let Some(record) = self.state.versions.get(&version) {
            return Ok(record);
        }
        let missing = |text| Refusal::new(ErrorCode::NotFound, text);
        let extension = &self.state.extension;
        Err(match self.state.last_version {
            0 => missing(format!("there is no extension `{extension}`; push its first version")),
            last if version.get() > last => missing(format!("extension `{extension}` has no version {version}; its newest is {last}")),
            _ => missing(format!("version {version} was deleted when its time was over; push a new version")),
        })
    }

    /// A version that exists and was not retired.
    pub(super) fn usable(&self, version: Version) -> Result<&VersionRecord, Refusal> {
        let record = self.version(version)?;
        if record.retired_at_ms.is_some() {
            return Err(Refusal::rule(format!("version {version} is retired for good; use another version")));
        }
        Ok(record)
    }

    /// A version whose component is stored and whose tests pass.
    pub(super) fn built(&self, version: Version) -> Result<(&VersionRecord, &Built), Refusal> {
        let record = self.usable(version)?;
        match &record.build {
            Build::Built(built) if built.tests.failed == 0 => Ok((record, built)),
            Build::Built(built) => {
                let failed = built.tests.failed;
                Err(Refusal::rule(format!("{failed} tests of version {version} fail; correct them and push a new version")))
            }
            Build::Waiting => Err(Refusal::rule(format!("version {version} is not built; compile it first"))),
            Build::Requested { .. } => Err(Refusal::rule(format!("version {version} is still being built; wait for its result"))),
            Build::Failed { message, .. } => Err(Refusal::rule(format!("version {version} failed: {message}; correct it and push a new version"))),
        }
    }

    /// What an environment serves.
    pub(super) fn serving(&self, env: Environment) -> Result<&Serving, Refusal> {
        self.state.serving(env).ok_or_else(|| {
            let text = format!("{env} serves no version of `{}`; promote one to it first", self.state.extension);
            Refusal::new(ErrorCode::NotPromoted, text)
        })
    }

    /// A version that `env` may begin to serve: nobody forces it off there. A
    /// wider switch stops calls, not what prepares for the time after it.
    pub(super) fn check_not_forced_off(&self, version: Version, env: Environment) -> Result<(), Refusal> {
        let Some(control) = self.around.control.filter(|control| control.env == env) else {
            return Err(Refusal::new(ErrorCode::Unavailable, format!("the control of {env} is not known yet; try again")));
        };
        let (tenant, extension) = (self.state.tenant.clone(), self.state.extension.clone());
        if control.holds_off(&SwitchTarget::Version { tenant, extension, version }) {
            return Err(Refusal::rule(format!("an operator has forced version {version} off in {env}; use another version")));
        }
        Ok(())
    }
}
