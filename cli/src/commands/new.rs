//! `ext new`: a folder that builds, passes its tests and shows where to go on.

use std::{fs, path::Path};

use extensions_types::{Kind, MANIFEST_FILE};
use serde_json::json;

use crate::{args::New, failure::Failure, say::Say};

/// Files of one kind: path in the folder, text.
type Files = &'static [(&'static str, &'static str)];

const COMMON: Files =
    &[("Cargo.toml", include_str!("../../templates/rust/Cargo.toml.txt")), (".gitignore", include_str!("../../templates/rust/gitignore.txt"))];

const PROCESS_HOOK: Files = &[
    (MANIFEST_FILE, include_str!("../../templates/rust/process-hook/extension.toml")),
    ("src/lib.rs", include_str!("../../templates/rust/process-hook/lib.rs.txt")),
    ("tests/large-amount.json", include_str!("../../templates/rust/process-hook/large-amount.json")),
    ("tests/no-amount.json", include_str!("../../templates/rust/process-hook/no-amount.json")),
];

const DOMAIN_HOOK: Files = &[
    (MANIFEST_FILE, include_str!("../../templates/rust/domain-hook/extension.toml")),
    ("src/lib.rs", include_str!("../../templates/rust/domain-hook/lib.rs.txt")),
    ("tests/accepted.json", include_str!("../../templates/rust/domain-hook/accepted.json")),
    ("tests/too-many.json", include_str!("../../templates/rust/domain-hook/too-many.json")),
];

const AGENT_TOOL: Files = &[
    (MANIFEST_FILE, include_str!("../../templates/rust/agent-tool/extension.toml")),
    ("src/lib.rs", include_str!("../../templates/rust/agent-tool/lib.rs.txt")),
    ("schemas/input.json", include_str!("../../templates/rust/agent-tool/input.json")),
    ("schemas/output.json", include_str!("../../templates/rust/agent-tool/output.json")),
    ("tests/distance.json", include_str!("../../templates/rust/agent-tool/distance.json")),
    ("tests/wrong-unit.json", include_str!("../../templates/rust/agent-tool/wrong-unit.json")),
];

pub(crate) fn run(new: &New, say: &Say) -> Result<(), Failure> {
    let kind = Kind::from(new.kind);
    let folder = Path::new(new.name.as_str());
    if folder.exists() {
        return Err(Failure::Usage(format!("{} exists already; choose another name or remove it", folder.display())));
    }
    let own = match kind {
        Kind::ProcessHook => PROCESS_HOOK,
        Kind::DomainHook => DOMAIN_HOOK,
        Kind::AgentTool => AGENT_TOOL,
    };
    let files = || COMMON.iter().chain(own);
    for (path, text) in files() {
        let path = folder.join(path);
        let text = text.replace("{{name}}", new.name.as_str()).replace("{{tool}}", &new.name.as_str().replace('-', "_"));
        write(&path, &text).map_err(|error| Failure::Local(format!("cannot write {}: {error}", path.display())))?;
    }
    let paths: Vec<_> = files().map(|(path, _)| path).collect();
    say.data(&json!({"folder": folder, "kind": kind, "files": paths}), folder.display());
    say.note(format_args!("The rule is in {0}/src/lib.rs, its cases in {0}/tests/. Next:\n  ext test {0}\n  ext dev {0} --watch", folder.display()));
    Ok(())
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text)
}
