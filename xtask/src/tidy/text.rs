//! Every text: no trailing blanks, a final newline, TOML that reads.

use toml::Table;

use crate::finding::Finding;

/// Recorded output keeps the form that its program gave it.
const RECORDED: [&str; 2] = [".snap", ".patch"];

/// Checks one file.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    if RECORDED.iter().any(|ending| path.ends_with(ending)) {
        return Vec::new();
    }
    let blanks = text.lines().enumerate().filter(|(_, line)| line.ends_with([' ', '\t', '\r']));
    let mut findings: Vec<_> =
        blanks.map(|(number, _)| Finding::new(path, "blanks", "blanks at the line's end", "remove them").at(number + 1)).collect();
    if !text.is_empty() && !text.ends_with('\n') {
        findings.push(Finding::new(path, "blanks", "no newline at the end", "add one"));
    }
    if text.ends_with("\n\n") {
        findings.push(Finding::new(path, "blanks", "empty lines at the end", "remove them"));
    }
    if path.ends_with(".toml")
        && let Err(error) = toml::from_str::<Table>(text)
    {
        findings.push(Finding::new(path, "toml", error.message(), "mend the syntax"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_newlines_and_toml_are_judged() {
        let problems = |path, text| check(path, text).into_iter().map(|finding| (finding.rule, finding.line)).collect::<Vec<_>>();
        assert_eq!(problems("a.md", "a \nb"), [("blanks", Some(1)), ("blanks", None)]);
        assert_eq!(problems("a.toml", "a = \n"), [("blanks", Some(1)), ("toml", None)]);
        assert!(problems("a.snap", "a \nb").is_empty());
        assert!(problems("empty.txt", "").is_empty());
    }
}
