//! The edges between our crates as their manifests have them now.

use std::collections::{BTreeMap, BTreeSet};

use crate::{metadata::Metadata, workspace::Workspace};

/// Our crates by name.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) crates: BTreeMap<String, Node>,
}

/// One crate.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Relative to the root.
    pub(crate) folder: String,
    pub(crate) description: String,
    /// Our crates that it is built from.
    pub(crate) uses: BTreeSet<String>,
    /// Our crates that only its tests need.
    pub(crate) tests_use: BTreeSet<String>,
    /// Crates of others that it names, tests included.
    pub(crate) foreign: BTreeSet<String>,
}

impl Graph {
    /// Reads it off cargo's metadata.
    pub(crate) fn of(metadata: &Metadata, workspace: &Workspace) -> Self {
        let crates = metadata.members(workspace).map(|(package, folder)| {
            let mut node = Node { folder, description: package.description.clone().unwrap_or_default(), ..Node::default() };
            for dependency in &package.dependencies {
                let edges = match (&dependency.path, dependency.kind.as_deref()) {
                    (None, _) => &mut node.foreign,
                    (Some(_), Some("dev")) => &mut node.tests_use,
                    (Some(_), _) => &mut node.uses,
                };
                edges.insert(dependency.name.clone());
            }
            (package.name.clone(), node)
        });
        Self { crates: crates.collect() }
    }
}
