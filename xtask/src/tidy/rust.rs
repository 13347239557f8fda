//! Rust files: a head that says what the file is for, and nothing unfinished
//! or switched off.

use super::mask;
use crate::finding::Finding;

/// What never stays in the tree, and what to do instead.
const UNFINISHED: [(&str, &str); 4] = [
    ("#[ignore", "mend the test; one that needs a server installs and starts it itself"),
    ("todo!", "write it, or refuse the case with an error"),
    ("unimplemented!", "write it, or refuse the case with an error"),
    ("dbg!", "remove it"),
];

/// Checks one file.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !text.starts_with("//! ") {
        let remedy = "open it with `//!`: its purpose, its neighbours, what it refuses to do";
        findings.push(Finding::new(path, "head", "no head", remedy).at(1));
    }
    for (number, line) in mask::code_only(text).lines().enumerate() {
        for (pattern, remedy) in UNFINISHED {
            let found = line.match_indices(pattern).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
            if found {
                findings.push(Finding::new(path, "unfinished", format!("`{pattern}`"), remedy).at(number + 1));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_leftovers_are_found_in_code_only() {
        let text = "fn a() {\n    todo!()\n}\n// todo!\nlet b = \"dbg!\"; my_todo!();\n";
        let found: Vec<_> = check("a.rs", text).into_iter().map(|finding| (finding.rule, finding.line)).collect();
        assert_eq!(found, [("head", Some(1)), ("unfinished", Some(2))]);
        assert!(check("a.rs", "//! A file.\n").is_empty());
    }
}
