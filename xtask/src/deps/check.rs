//! Judges the graph by the list. Pure: no files, no cargo.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    LIST,
    graph::{Graph, Node},
    list::{List, Listed},
};
use crate::finding::Finding;

const WRITE: &str = "run `cargo xtask deps --write`, then fill in layer and reasons";

/// Every edge is listed with a reason and points downwards; nothing listed is gone.
pub(crate) fn edges(list: &List, graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in list.crates.keys().filter(|name| !graph.crates.contains_key(*name)) {
        findings.push(Finding::new(LIST, "edges", format!("{name} is listed but no crate of the workspace"), WRITE));
    }
    for (name, node) in &graph.crates {
        match list.crates.get(name) {
            None => findings.push(Finding::new(LIST, "edges", format!("{name} is not listed"), WRITE)),
            Some(listed) => {
                findings.extend(compare(name, "uses", &node.uses, &listed.uses));
                findings.extend(compare(name, "tests_use", &node.tests_use, &listed.tests_use));
                findings.extend(directions(list, name, node, listed));
            }
        }
    }
    findings
}

/// No crate names what its part of the tree must not.
pub(crate) fn names(list: &List, graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ban in &list.never {
        let bound = graph.crates.values().filter(|node| within(&node.folder, &ban.folder));
        for node in bound {
            let named = node.foreign.iter().chain(&node.uses).chain(&node.tests_use);
            for name in named.filter(|name| ban.names.iter().any(|pattern| matches(pattern, name))) {
                let problem = format!("{} never depends on {name}: {}", ban.folder, ban.reason);
                findings.push(Finding::new(
                    format!("{}/Cargo.toml", node.folder),
                    "never",
                    problem,
                    "move what needs it to another part of the tree",
                ));
            }
        }
    }
    findings
}

fn within(folder: &str, part: &str) -> bool {
    folder.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

fn compare(name: &str, kind: &str, real: &BTreeSet<String>, listed: &BTreeMap<String, String>) -> Vec<Finding> {
    let place = format!("[crates.{name}.{kind}]");
    let finding = |problem: String, remedy: &str| Finding::new(LIST, "edges", problem, remedy);
    let mut findings = Vec::new();
    for edge in real {
        match listed.get(edge).map(|reason| reason.trim()) {
            None => findings.push(finding(
                format!("new edge {name} → {edge}"),
                &format!("drop the dependency, or list it under {place} with a reason (`cargo xtask deps --write` adds the line)"),
            )),
            Some("") => {
                findings.push(finding(format!("the edge {name} → {edge} has no reason"), &format!("say under {place} what for, in a few words")))
            }
            Some(_) => {}
        }
    }
    for edge in listed.keys().filter(|edge| !real.contains(*edge)) {
        findings.push(finding(
            format!("the edge {name} → {edge} is gone from the manifest"),
            &format!("remove it from {place} (`cargo xtask deps --write` does)"),
        ));
    }
    findings
}

fn directions(list: &List, name: &str, node: &Node, listed: &Listed) -> Vec<Finding> {
    let Some(height) = list.height(&listed.layer) else {
        let known: Vec<_> = list.layers.iter().map(|layer| layer.name.as_str()).collect();
        let problem = format!("{name} stands in no known layer (\"{}\")", listed.layer);
        return vec![Finding::new(LIST, "layers", problem, format!("set its `layer` to one of {}", known.join(", ")))];
    };
    let upward = |edge: &&String| {
        let target = list.crates.get(*edge).and_then(|target| list.height(&target.layer));
        target.is_some_and(|target| target >= height)
    };
    // A test may use a neighbour of its layer, but nothing above it.
    let up_in_tests = |edge: &&String| {
        let target = list.crates.get(*edge).and_then(|target| list.height(&target.layer));
        target.is_some_and(|target| target > height)
    };
    let edges = node.uses.iter().filter(upward).chain(node.tests_use.iter().filter(up_in_tests));
    edges
        .map(|edge| {
            let problem = format!("{name} (layer {}) → {edge} does not point to a layer below its own", listed.layer);
            let remedy = "move what both need further down, or split the crate; a program is never imported";
            Finding::new(format!("{}/Cargo.toml", node.folder), "layers", problem, remedy)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> List {
        toml::from_str(text).unwrap()
    }

    fn sample() -> List {
        list(
            r#"
            layers = [{ name = "words", about = "" }, { name = "programs", about = "" }]
            never = [{ folder = "host", names = ["kube*"], reason = "hosts run without a cluster" }]
            [crates.types]
            layer = "words"
            [crates.ext]
            layer = "programs"
            uses = { types = "its words" }
            "#,
        )
    }

    fn graph(nodes: &[(&str, &str, &[&str])]) -> Graph {
        let node =
            |folder: &str, uses: &[&str]| Node { folder: folder.into(), uses: uses.iter().map(|&name| name.into()).collect(), ..Node::default() };
        Graph { crates: nodes.iter().map(|&(name, folder, uses)| (name.to_owned(), node(folder, uses))).collect() }
    }

    fn problems(findings: Vec<Finding>) -> Vec<String> {
        findings.into_iter().map(|finding| finding.problem).collect()
    }

    #[test]
    fn a_listed_graph_passes() {
        assert!(edges(&sample(), &graph(&[("types", "crates/types", &[]), ("ext", "cli", &["types"])])).is_empty());
    }

    #[test]
    fn new_and_gone_edges_and_crates_are_found() {
        let found = problems(edges(&sample(), &graph(&[("types", "crates/types", &["ext"]), ("ext", "cli", &[]), ("more", "more", &[])])));
        let wanted = ["the edge ext → types is gone from the manifest", "more is not listed", "new edge types → ext"];
        for text in wanted {
            assert!(found.iter().any(|problem| problem == text), "{text} in {found:?}");
        }
        assert!(found.iter().any(|problem| problem.starts_with("types (layer words) → ext does not point")), "{found:?}");
    }

    #[test]
    fn an_empty_reason_is_none() {
        let mut list = sample();
        list.follow(&graph(&[("types", "crates/types", &[]), ("ext", "cli", &["types"]), ("more", "more", &["types"])]));
        assert_eq!(list.crates["ext"].uses["types"], "its words");
        let found = problems(edges(&list, &graph(&[("types", "crates/types", &[]), ("ext", "cli", &["types"]), ("more", "more", &["types"])])));
        assert!(found.contains(&"the edge more → types has no reason".to_owned()), "{found:?}");
    }

    #[test]
    fn a_banned_name_is_found_in_its_folder_only() {
        let mut graph = graph(&[("a", "host/a", &[]), ("b", "hostess", &[])]);
        for node in graph.crates.values_mut() {
            node.foreign.insert("kube-runtime".into());
        }
        let found = names(&sample(), &graph);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].file, "host/a/Cargo.toml");
    }
}
