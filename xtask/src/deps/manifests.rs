//! What every manifest of ours takes from the workspace: lints, version,
//! edition, and the version of each dependency, so that none drifts.

use anyhow::{Context as _, Result};
use toml::{Table, Value};

use crate::{finding::Finding, metadata::Metadata, workspace::Workspace};

const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];
const DEPENDENCIES: [&str; 3] = ["dependencies", "build-dependencies", "dev-dependencies"];

/// Checks all members.
pub(crate) fn check(workspace: &Workspace, metadata: &Metadata) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (_, folder) in metadata.members(workspace) {
        let file = format!("{folder}/Cargo.toml");
        let manifest: Table = toml::from_str(&workspace.read(&file)?).with_context(|| format!("{file} is no TOML"))?;
        findings.extend(problems(&manifest).into_iter().map(|(problem, remedy)| Finding::new(&file, "manifests", problem, remedy)));
    }
    Ok(findings)
}

fn problems(manifest: &Table) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let package = manifest.get("package").and_then(Value::as_table);
    for key in INHERITED {
        if !package.and_then(|package| package.get(key)).is_some_and(inherits) {
            found.push((format!("{key} is not the workspace's"), format!("write `{key}.workspace = true` under [package]")));
        }
    }
    if !package.is_some_and(|package| package.contains_key("description")) {
        found.push((
            "no description".to_owned(),
            "say under [package] in one sentence what the crate owns; if that needs an \"and\", split it".to_owned(),
        ));
    }
    if !manifest.get("lints").is_some_and(inherits) {
        found.push(("the workspace's lints do not apply".to_owned(), "write `[lints]` with `workspace = true`".to_owned()));
    }
    for section in DEPENDENCIES {
        let Some(lines) = manifest.get(section).and_then(Value::as_table) else { continue };
        for (name, _) in lines.iter().filter(|(_, value)| !inherits(value)) {
            found.push((
                format!("{section}: {name} has a version or path of its own"),
                format!("name it once under [workspace.dependencies] and write `{name}.workspace = true` here"),
            ));
        }
    }
    found
}

fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_inherited_is_found() {
        let manifest = toml::from_str(
            r#"
            lints.workspace = true
            [package]
            description = "Owns nothing."
            version = "1.0.0"
            edition.workspace = true
            rust-version.workspace = true
            license.workspace = true
            publish.workspace = true
            [dependencies]
            serde = { workspace = true, features = ["rc"] }
            toml = "1"
            "#,
        );
        let found = problems(&manifest.unwrap());
        let texts: Vec<_> = found.iter().map(|(problem, _)| problem.as_str()).collect();
        assert_eq!(texts, ["version is not the workspace's", "dependencies: toml has a version or path of its own"]);
    }
}
