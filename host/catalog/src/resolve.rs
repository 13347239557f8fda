//! Which version a call gets: explicit > pin for the caller > pin for the hook point > the entry.

use std::sync::Arc;

use extensions_types::{CallLabel, Version, VersionSelector};

use crate::{Entry, ServedVersion};

/// Where a call comes from, as far as pins care.
#[derive(Debug, Clone, Copy)]
pub struct Hook<'a> {
    /// The calling primitive.
    pub caller: &'a CallLabel,
    /// The named place in it.
    pub point: Option<&'a CallLabel>,
}

/// The entry does not list the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("version {version} is not served here; this environment serves {current}")]
pub struct NotServed {
    /// What was asked for or pinned.
    pub version: Version,
    /// What the entry points to.
    pub current: Version,
}

/// Picks the version of `entry` for a call.
///
/// # Errors
/// When the version picked is not one that the entry lists.
pub fn resolve<'e>(entry: &'e Entry, selector: VersionSelector, hook: Hook<'_>) -> Result<&'e Arc<ServedVersion>, NotServed> {
    let pinned = || entry.caller_pins.get(hook.caller).or_else(|| entry.hook_pins.get(hook.point?)).copied();
    let version = match selector {
        VersionSelector::Exact(version) => version,
        VersionSelector::Latest => pinned().unwrap_or(entry.current),
    };
    entry.versions.get(&version).ok_or(NotServed { version, current: entry.current })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use extensions_types::{Build, Manifest, Schemas, TenantId};

    use super::*;

    fn version(number: u64) -> Version {
        Version::new(number).unwrap()
    }

    fn label(text: &str) -> CallLabel {
        CallLabel::parse(text).unwrap()
    }

    fn served(number: u64) -> Arc<ServedVersion> {
        let manifest = Manifest::parse("id = \"x\"\nkind = \"domain_hook\"\nlang = \"rust\"").unwrap();
        let build = Build {
            tenant: TenantId::parse("acme").unwrap(),
            version: version(number),
            digest: String::new(),
            schemas: Schemas::default(),
            tool: None,
            created_by: String::new(),
        };
        Arc::new(ServedVersion { definition: Arc::new(manifest.define(build)), component: bytes::Bytes::new() })
    }

    fn entry() -> Entry {
        Entry {
            current: version(3),
            versions: [1, 2, 3].map(|number| (version(number), served(number))).into(),
            caller_pins: BTreeMap::from([(label("orders"), version(1)), (label("lost"), version(9))]),
            hook_pins: BTreeMap::from([(label("BeforeCreate"), version(2))]),
        }
    }

    fn pick(selector: &str, caller: &str, point: Option<&str>) -> Result<u64, NotServed> {
        let (caller, point) = (label(caller), point.map(label));
        let hook = Hook { caller: &caller, point: point.as_ref() };
        resolve(&entry(), selector.parse().unwrap(), hook).map(|served| served.definition.version.get())
    }

    #[test]
    fn the_order_is_explicit_caller_hook_entry() {
        assert_eq!(pick("3", "orders", Some("BeforeCreate")), Ok(3));
        assert_eq!(pick("latest", "orders", Some("BeforeCreate")), Ok(1));
        assert_eq!(pick("", "billing", Some("BeforeCreate")), Ok(2));
        assert_eq!(pick("latest", "billing", Some("Other")), Ok(3));
        assert_eq!(pick("latest", "billing", None), Ok(3));
    }

    #[test]
    fn only_listed_versions_are_served() {
        assert_eq!(pick("4", "billing", None), Err(NotServed { version: version(4), current: version(3) }));
        assert_eq!(pick("latest", "lost", None), Err(NotServed { version: version(9), current: version(3) }));
    }
}
