//! What retention may delete: nothing that is served, awaited or a way back.

use extensions_types::{Environment, Version};

use super::{Case, Ruling};
use crate::{Build, Change, Refusal};

impl Case<'_> {
    pub(super) fn delete_source(&self, version: Version) -> Ruling {
        let record = self.version(version)?;
        if matches!(record.build, Build::Requested { .. }) && record.retired_at_ms.is_none() {
            return Err(Refusal::rule(format!("version {version} is being built from its source; wait for its result")));
        }
        Ok((!record.source_deleted).then_some(Change::SourceDeleted { version }))
    }

    pub(super) fn delete_version(&self, version: Version) -> Ruling {
        if self.state.is_deleted(version) {
            return Ok(None);
        }
        let record = self.version(version)?;
        for &env in Environment::ALL {
            if self.state.listed(env).contains(&version) {
                return Err(Refusal::rule(format!("the entry of {env} lists version {version}; it is kept")));
            }
            if record.awaits_promotion(env) {
                return Err(Refusal::rule(format!(
                    "version {version} is in review or approved for {env}; it is kept until it is promoted or retired"
                )));
            }
        }
        if matches!(record.build, Build::Requested { .. }) && record.retired_at_ms.is_none() {
            return Err(Refusal::rule(format!("version {version} is being built; it is kept until there is a result")));
        }
        Ok(Some(Change::VersionDeleted { version }))
    }
}
