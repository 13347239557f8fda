//! The figures of a host, and the page that lists them.

use std::{collections::BTreeMap, path::Path};

use crate::stage::Stage;

/// Shown only by hosts of a fleet: followed files, a store's catalog, Redis, keys by URL.
const ELSEWHERE: [&str; 5] = ["catalog_", "followed_", "identity_keys", "quota_leases_", "redis_"];

/// Shown once there is something to count.
const COUNTED: [&str; 4] = ["circuits_opened", "codes_loaded", "fallbacks", "shared_code_unused"];

/// Names and types of the page's table.
fn listed() -> BTreeMap<String, String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, table) = page.split_once("| Figure | Type | Labels | Meaning |").expect("the table of figures");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let rows = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    rows.map(|cells| (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())).collect()
}

/// Names and types of an exposition.
fn shown(metrics: &str) -> BTreeMap<String, String> {
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE extensions_")?.split_once(' '));
    types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

#[tokio::test]
async fn every_figure_of_a_host_is_listed_with_its_type() {
    let stage = Stage::new().await;
    let (listed, shown) = (listed(), shown(&stage.platform.metrics().await));
    assert!(shown.len() > 30, "{shown:?}");
    for (name, kind) in &shown {
        assert_eq!(listed.get(name), Some(kind), "`{name}` in docs/operations.md");
    }
    let elsewhere = |name: &str| ELSEWHERE.iter().any(|prefix| name.starts_with(prefix)) || COUNTED.contains(&name);
    let here = listed.keys().filter(|name| !elsewhere(name));
    for name in here {
        assert!(shown.contains_key(name), "docs/operations.md lists `{name}`, and a host does not show it");
    }
}
