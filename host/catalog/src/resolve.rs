//! Which version a call gets: explicit > pin for the caller > pin for the hook point > the entry.

use std::sync::Arc;

use extensions_types::{Version, VersionSelector};

use crate::{Entry, Hook, ServedVersion};

/// Why an entry gives no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotServed {
    /// It has been switched off.
    #[error("the extension is disabled in this environment; `ext enable` lets it answer again")]
    Disabled,
    /// It does not list the version.
    #[error("version {version} is not served here; this environment serves {current}")]
    NotListed {
        /// What was asked for or pinned.
        version: Version,
        /// What the entry points to.
        current: Version,
    },
}

/// Picks the version of `entry` for a call.
///
/// # Errors
/// When the entry is disabled, or the version picked is not one that it lists.
pub fn resolve<'e>(entry: &'e Entry, selector: VersionSelector, hook: Hook<'_>) -> Result<&'e Arc<ServedVersion>, NotServed> {
    if !entry.enabled {
        return Err(NotServed::Disabled);
    }
    let pinned = || entry.caller_pins.get(hook.caller).or_else(|| entry.hook_pins.get(hook.point?)).copied();
    let version = match selector {
        VersionSelector::Exact(version) => version,
        VersionSelector::Latest => pinned().unwrap_or(entry.current),
    };
    entry.versions.get(&version).ok_or(NotServed::NotListed { version, current: entry.current })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use extensions_types::{Build, CallLabel, Manifest, Schemas, TenantId};

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
            abi: extensions_types::Abi::Component,
            version: version(number),
            digest: String::new(),
            schemas: Schemas::default(),
            tool: None,
            created_by: String::new(),
        };
        Arc::new(ServedVersion::new(manifest.define(build), bytes::Bytes::new()))
    }

    fn entry() -> Entry {
        Entry {
            enabled: true,
            current: version(3),
            last_good: Some(version(2)),
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
    fn the_last_good_version_answers_for_others_only() {
        let entry = entry();
        let good = |entry: &Entry, failed| entry.last_good(version(failed)).map(|served| served.definition.version.get());
        assert_eq!((good(&entry, 3), good(&entry, 1), good(&entry, 2)), (Some(2), Some(2), None));
        assert_eq!(good(&Entry { enabled: false, ..entry.clone() }, 3), None, "a disabled entry serves no version at all");
        assert_eq!(good(&Entry { last_good: Some(version(9)), ..entry }, 3), None, "only what is listed can run");
    }

    #[test]
    fn only_listed_versions_are_served() {
        assert_eq!(pick("4", "billing", None), Err(NotServed::NotListed { version: version(4), current: version(3) }));
        assert_eq!(pick("latest", "lost", None), Err(NotServed::NotListed { version: version(9), current: version(3) }));
    }

    #[test]
    fn a_disabled_entry_serves_no_version_at_all() {
        let entry = Entry { enabled: false, ..entry() };
        let caller = label("orders");
        for selector in ["latest", "3"] {
            let got = resolve(&entry, selector.parse().unwrap(), Hook { caller: &caller, point: None });
            assert_eq!(got.map(|served| served.definition.version), Err(NotServed::Disabled));
        }
    }
}
