//! `cargo xtask gen`: files in git that follow from code. `--check` fails on
//! drift and shows where; it never writes. The guest SDK's bindings are only
//! written here: their generator is heavy, and a test of its own knows drift.

use anyhow::{Result, bail};
use extensions_types::ErrorCode;
use similar::{ChangeTag, TextDiff};

use crate::{child::Job, say, workspace::Workspace};

const GUEST_BINDINGS: &str = "sdk/guest/rust/src/bindings";
/// Longer excerpts hide the point.
const EXCERPT_LINES_MAX: usize = 20;

/// One generated file.
#[derive(Debug)]
struct Generated {
    path: &'static str,
    text: String,
}

fn all() -> Vec<Generated> {
    vec![Generated { path: "docs/errors.md", text: ErrorCode::reference_markdown() }]
}

/// The task.
pub(crate) fn run(workspace: &Workspace, check: bool) -> Result<()> {
    if check {
        return check_all(workspace);
    }
    for Generated { path, text } in all() {
        workspace.write(path, &text)?;
    }
    Job::cargo(workspace.root())
        .args(["run", "--quiet", "--release", "--package", "xtask", "--example", "guest_bindings", "--", "wit", GUEST_BINDINGS])
        .run()?;
    say::talk("generated files are up to date; `git diff` shows what changed");
    Ok(())
}

fn check_all(workspace: &Workspace) -> Result<()> {
    let mut drifted = 0;
    for Generated { path, text } in all() {
        let present = if workspace.path(path).is_file() { workspace.read(path)? } else { String::new() };
        if present != text {
            say::talk(format!("{path} is not what the code says:\n{}", excerpt(&present, &text)));
            drifted += 1;
        }
    }
    match drifted {
        0 => Ok(()),
        _ => bail!("{drifted} generated files have drifted: run `cargo xtask gen` and commit them"),
    }
}

/// The first lines that differ, as a diff from the file to what it should be.
fn excerpt(present: &str, wanted: &str) -> String {
    let diff = TextDiff::from_lines(present, wanted);
    let lines = diff.iter_all_changes().filter_map(|change| match change.tag() {
        ChangeTag::Equal => None,
        ChangeTag::Delete => Some(format!("  - {}", change.value().trim_end())),
        ChangeTag::Insert => Some(format!("  + {}", change.value().trim_end())),
    });
    let mut lines: Vec<_> = lines.take(EXCERPT_LINES_MAX + 1).collect();
    if lines.len() > EXCERPT_LINES_MAX {
        lines[EXCERPT_LINES_MAX] = "  …".to_owned();
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_shows_both_sides_and_ends() {
        assert_eq!(excerpt("a\nb\n", "a\nc\n"), "  - b\n  + c");
        let many: String = (0..50).map(|line| format!("{line}\n")).collect();
        let text = excerpt("", &many);
        assert_eq!(text.lines().count(), EXCERPT_LINES_MAX + 1);
        assert!(text.ends_with('…'));
    }
}
