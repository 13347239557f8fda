//! xtask/tidy.toml: exceptions, each for one rule in one file, with a reason.
//! One that is no longer needed is a finding itself.

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::{finding::Finding, workspace::Workspace};

const LIST: &str = "xtask/tidy.toml";

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Allowed {
    #[serde(default)]
    allow: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    file: String,
    rule: String,
    reason: String,
}

impl Allowed {
    /// Reads the list.
    pub(super) fn read(workspace: &Workspace) -> Result<Self> {
        toml::from_str(&workspace.read(LIST)?).with_context(|| format!("{LIST} has an unknown form"))
    }

    /// Drops what is allowed; adds exceptions without use or reason.
    pub(super) fn apply(&self, findings: Vec<Finding>) -> Vec<Finding> {
        let covers = |exception: &Exception, finding: &Finding| exception.file == finding.file && exception.rule == finding.rule;
        let unused = self.allow.iter().filter(|exception| !findings.iter().any(|finding| covers(exception, finding)));
        let unused = unused.map(|exception| {
            let problem = format!("{} no longer breaks the rule \"{}\"", exception.file, exception.rule);
            Finding::new(LIST, "allow", problem, "remove the exception")
        });
        let silent = self.allow.iter().filter(|exception| exception.reason.trim().is_empty());
        let silent = silent.map(|exception| Finding::new(LIST, "allow", format!("the exception for {} has no reason", exception.file), "say why"));
        let added: Vec<_> = unused.chain(silent).collect();
        let kept = findings.into_iter().filter(|finding| !self.allow.iter().any(|exception| covers(exception, finding)));
        kept.chain(added).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_cover_one_rule_in_one_file_and_must_be_needed() {
        let allowed = toml::from_str::<Allowed>(
            "allow = [{ file = \"a.rs\", rule = \"length\", reason = \"a table\" }, { file = \"b.rs\", rule = \"length\", reason = \"x\" }]",
        );
        let found = vec![Finding::new("a.rs", "length", "", ""), Finding::new("a.rs", "head", "", "")];
        let left = allowed.unwrap().apply(found);
        let rules: Vec<_> = left.iter().map(|finding| (finding.file.as_str(), finding.rule)).collect();
        assert_eq!(rules, [("a.rs", "head"), (LIST, "allow")]);
    }
}
