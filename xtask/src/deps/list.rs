//! xtask/deps.toml: layers, the edges allowed between crates with a reason
//! each, and names that parts of the tree never use.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::graph::Graph;

const HEAD: &str = "\
# The crates, their layers and the edges between them. `cargo xtask deps` compares it with the manifests;
# `cargo xtask deps --write` brings it up to date and leaves an empty reason to fill in for each new edge.
# An edge points to a layer further up in this list, never sideways or down: whoever needs that has two ideas in one crate.
";

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    /// From what stands on nothing to the programs.
    pub(crate) layers: Vec<Layer>,
    /// What parts of the tree never name.
    #[serde(default)]
    pub(crate) never: Vec<Never>,
    pub(crate) crates: BTreeMap<String, Listed>,
}

/// Crates that may use all layers listed before theirs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Layer {
    pub(crate) name: String,
    pub(crate) about: String,
}

/// A ban with its reason.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Never {
    /// The folder whose crates must not.
    pub(crate) folder: String,
    /// What they must not depend on; a trailing `*` stands for any ending.
    pub(crate) names: Vec<String>,
    pub(crate) reason: String,
}

/// One crate's place and edges; each edge's value is its reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    pub(crate) layer: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) uses: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tests_use: BTreeMap<String, String>,
}

impl List {
    /// Takes over the graph's crates and edges; layers and reasons stay.
    pub(crate) fn follow(&mut self, graph: &Graph) {
        self.crates.retain(|name, _| graph.crates.contains_key(name));
        for (name, node) in &graph.crates {
            let listed = self.crates.entry(name.clone()).or_default();
            follow_edges(&mut listed.uses, &node.uses);
            follow_edges(&mut listed.tests_use, &node.tests_use);
        }
    }

    /// The file's text.
    pub(crate) fn render(&self) -> Result<String> {
        Ok(format!("{HEAD}\n{}", toml::to_string(self)?))
    }

    /// Where a layer stands, counted from the bottom.
    pub(crate) fn height(&self, layer: &str) -> Option<usize> {
        self.layers.iter().position(|known| known.name == layer)
    }
}

fn follow_edges(listed: &mut BTreeMap<String, String>, edges: &BTreeSet<String>) {
    listed.retain(|name, _| edges.contains(name));
    for name in edges {
        listed.entry(name.clone()).or_default();
    }
}
