//! Our WIT package: the worlds, by kind, and what they import.

use std::sync::LazyLock;

use extensions_types::Kind;
use wit_parser::{PackageId, Resolve, WorldId, WorldKey};

/// The name of the world of wrapped plain modules.
const PLAIN: &str = "plain";

static WORLDS: LazyLock<Worlds> = LazyLock::new(Worlds::parse);

/// The package `wit/` as it was when this was built.
pub(crate) struct Worlds {
    pub(crate) resolve: Resolve,
    package: PackageId,
}

impl Worlds {
    pub(crate) fn get() -> &'static Self {
        &WORLDS
    }

    fn parse() -> Self {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("extensions.wit", include_str!("../../../wit/extensions.wit")).expect("the repository's own WIT parses");
        Self { resolve, package }
    }

    pub(crate) fn world(&self, kind: Kind) -> WorldId {
        self.resolve.select_world(&[self.package], Some(kind.world())).expect("there is a world for each kind")
    }

    /// The world of wrapped plain modules, which serves every kind.
    pub(crate) fn plain(&self) -> Option<WorldId> {
        self.resolve.select_world(&[self.package], Some(PLAIN)).ok()
    }

    /// The names of a world's exports.
    pub(crate) fn exports(&self, kind: Kind) -> Vec<&str> {
        let names = self.resolve.worlds[self.world(kind)].exports.keys();
        names.filter_map(|key| if let WorldKey::Name(name) = key { Some(name.as_str()) } else { None }).collect()
    }

    /// The interface's full name: `ameide:extensions/logging@1.0.0`.
    pub(crate) fn interface(&self, name: &str) -> String {
        let id = self.resolve.packages[self.package].interfaces.get(name);
        id.and_then(|&id| self.resolve.id_of(id)).unwrap_or_default()
    }

    /// Whether one of our worlds may import this interface.
    pub(crate) fn knows(&self, import: &str) -> bool {
        self.resolve.packages[self.package].interfaces.values().any(|&id| self.resolve.id_of(id).as_deref() == Some(import))
    }

    /// The package's name with its version.
    pub(crate) fn package(&self) -> String {
        self.resolve.packages[self.package].name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_world() {
        let worlds = Worlds::get();
        assert_eq!(worlds.exports(Kind::ProcessHook), ["run"]);
        assert_eq!(worlds.exports(Kind::DomainHook), ["evaluate"]);
        assert_eq!(worlds.exports(Kind::AgentTool), ["describe", "call"]);
        assert!(worlds.knows(&worlds.interface("host-calls")) && !worlds.knows("wasi:io/poll@0.2.0"));
        assert_eq!(worlds.package(), "ameide:extensions@1.0.0");
    }
}
