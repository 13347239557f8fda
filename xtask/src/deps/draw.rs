//! The layers as a Markdown table, for docs/ARCHITECTURE.md.

use std::fmt::Write as _;

use super::{graph::Graph, list::List};

/// From the programs down to what stands on nothing.
pub(crate) fn markdown(list: &List, graph: &Graph) -> String {
    let mut page = String::from("| Layer | Crate | Folder | Owns | Uses |\n|---|---|---|---|---|\n");
    for layer in list.layers.iter().rev() {
        let members = graph.crates.iter().filter(|(name, _)| list.crates.get(*name).is_some_and(|listed| listed.layer == layer.name));
        for (place, (name, node)) in members.enumerate() {
            let layer_cell = if place == 0 { format!("**{}**: {}", layer.name, layer.about) } else { String::new() };
            let uses: Vec<_> = node.uses.iter().map(|used| used.strip_prefix("extensions-").unwrap_or(used)).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(page, "| {layer_cell} | {name} | {} | {} | {} |", node.folder, node.description, uses.join(", "));
        }
    }
    page
}
