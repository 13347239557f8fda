//! Guest examples: each is a whole extension, with cases that show its rule.

use std::collections::BTreeSet;

use super::tree::Tree;
use crate::finding::Finding;

const EXAMPLES: &str = "guest-examples/";

/// Checks every folder of examples.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let inside = tree.files().filter_map(|file| file.path.strip_prefix(EXAMPLES)?.split_once('/'));
    let mut findings = Vec::new();
    let folders: BTreeSet<&str> = inside.map(|(folder, _)| folder).collect();
    for folder in folders {
        let root = format!("{EXAMPLES}{folder}");
        if !tree.has(&format!("{root}/extension.toml")) {
            findings.push(Finding::new(&root, "examples", "no extension.toml", "describe the extension, as `ext new` does"));
        }
        let cases = format!("{root}/tests/");
        if !tree.files().any(|file| file.path.starts_with(&cases) && file.path.ends_with(".json")) {
            findings.push(Finding::new(&root, "examples", "no cases", "add tests/*.json: what goes in, what must come out"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_needs_description_and_cases() {
        let tree = Tree::of(&[
            ("guest-examples/README.md", ""),
            ("guest-examples/whole/extension.toml", ""),
            ("guest-examples/whole/tests/case.json", ""),
            ("guest-examples/bare/src/lib.rs", ""),
        ]);
        let found: Vec<_> = check(&tree).into_iter().map(|finding| (finding.file, finding.problem)).collect();
        let bare = "guest-examples/bare".to_owned();
        assert_eq!(found, [(bare.clone(), "no extension.toml".to_owned()), (bare, "no cases".to_owned())]);
    }
}
