//! What a check found: where, what is wrong, how to mend it. Checks collect
//! all of them before they fail, so that one run shows the whole list.

use std::fmt;

use anyhow::{Result, bail};

use crate::say;

/// One place that breaks one rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Relative to the repository's root.
    pub(crate) file: String,
    /// Counted from 1; none where it is about the whole file.
    pub(crate) line: Option<usize>,
    /// The rule's short name, by which an exception is allowed.
    pub(crate) rule: &'static str,
    /// What is wrong.
    pub(crate) problem: String,
    /// What to do.
    pub(crate) remedy: String,
}

impl Finding {
    /// A finding about a whole file.
    pub(crate) fn new(file: impl Into<String>, rule: &'static str, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { file: file.into(), line: None, rule, problem: problem.into(), remedy: remedy.into() }
    }

    /// The same at a line.
    pub(crate) fn at(self, line: usize) -> Self {
        Self { line: Some(line), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, rule, problem, remedy } = self;
        match line {
            Some(line) => write!(f, "{file}:{line}: {problem} [{rule}]\n    {remedy}"),
            None => write!(f, "{file}: {problem} [{rule}]\n    {remedy}"),
        }
    }
}

/// Shows all findings and fails when there are any.
pub(crate) fn settle(check: &str, mut findings: Vec<Finding>) -> Result<()> {
    findings.sort();
    for finding in &findings {
        say::talk(finding);
    }
    match findings.len() {
        0 => Ok(()),
        1 => bail!("{check}: 1 finding"),
        count => bail!("{check}: {count} findings"),
    }
}
