//! Which job: one attempt at one draft.

use std::{fmt, str::FromStr};

use extensions_types::{ExtensionId, TenantId, Version};
use serde::{Deserialize, Serialize};

/// One attempt to compile one draft. Its text is `tenant/extension/version/attempt`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId {
    /// Whose extension.
    pub tenant: TenantId,
    /// The extension.
    pub extension: ExtensionId,
    /// The draft.
    pub version: Version,
    /// Counts from 1; results of earlier attempts no longer count.
    pub attempt: u32,
}

/// A text that is no job's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a job's id is `tenant/extension/version/attempt`")]
pub struct BadJobId;

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tenant, extension, version, attempt } = self;
        write!(f, "{tenant}/{extension}/{version}/{attempt}")
    }
}

impl FromStr for JobId {
    type Err = BadJobId;

    fn from_str(text: &str) -> Result<Self, BadJobId> {
        let mut parts = text.split('/');
        let mut part = || parts.next().ok_or(BadJobId);
        let tenant = TenantId::parse(part()?).map_err(|_| BadJobId)?;
        let extension = ExtensionId::parse(part()?).map_err(|_| BadJobId)?;
        let version = part()?.parse::<Version>().map_err(|_| BadJobId)?;
        let attempt = part()?;
        let number: u32 = attempt.parse().map_err(|_| BadJobId)?;
        // One id has one text: no signs, no zeros in front, nothing behind.
        if number == 0 || number.to_string() != attempt || parts.next().is_some() {
            return Err(BadJobId);
        }
        Ok(Self { tenant, extension, version, attempt: number })
    }
}

impl TryFrom<String> for JobId {
    type Error = BadJobId;

    fn try_from(text: String) -> Result<Self, BadJobId> {
        text.parse()
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_has_one_text(tenant in "[a-z0-9]([a-z0-9-]{0,41}[a-z0-9])?", extension in "[a-z0-9]{1,63}", version in 1u64.., attempt in 1u32..) {
            let id = JobId {
                tenant: TenantId::parse(&tenant).unwrap(),
                extension: ExtensionId::parse(&extension).unwrap(),
                version: Version::new(version).unwrap(),
                attempt,
            };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn what_parses_prints_as_it_was(text in "[a-z0-9/+ .-]{0,20}") {
            prop_assert!(text.parse::<JobId>().is_err() || text.parse::<JobId>().unwrap().to_string() == text);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for wrong in
            ["", "acme", "acme/x/1", "acme/x/1/0", "acme/x/1/01", "acme/x/1/+1", "acme/x/0/1", "acme/x/1/1/", "../x/1/1", "acme/x/1/4294967296"]
        {
            assert_eq!(wrong.parse::<JobId>(), Err(BadJobId), "{wrong}");
        }
    }
}
