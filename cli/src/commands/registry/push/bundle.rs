//! What is pushed: one reproducible archive of a folder, or of a component
//! with what describes it.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use extensions_compiler_core::Expected;
use extensions_pipeline::{Folder, admit};
use extensions_registry::{Bundle, COMPONENT_FILE, TOOL_FILE};
use extensions_types::{ExtensionDefinition, ExtensionId, Kind, MANIFEST_FILE, Origin, SCHEMA_BYTES_MAX, with_causes};
use serde_json::json;

use crate::{
    commands::{build, check},
    failure::Failure,
    say::Say,
    tools,
};

/// A bundle, ready to be sent.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) id: ExtensionId,
    pub(super) origin: Origin,
    pub(super) manifest: String,
    pub(super) bytes: Bytes,
}

/// A folder's source, schemas and cases.
pub(super) fn of_folder(path: &Path) -> Result<Packed, Failure> {
    let folder = Folder::open(path)?;
    // What cannot be read here would fail there, only later.
    folder.schemas()?;
    folder.cases()?;
    packed(&folder, Origin::Source, folder.files()?)
}

/// A module or component with the manifest that is named, or found beside or above it.
pub(super) async fn of_file(file: &Path, manifest: Option<&Path>, say: &Say) -> Result<Packed, Failure> {
    let bytes = check::read(file)?;
    let folder = match manifest {
        Some(manifest) => Folder::of_manifest(manifest)?,
        None => Folder::open(&beside_or_above(file)?)?,
    };
    let (component, tool) = admitted(&folder, &bytes, say).await?;
    let mut files = vec![(MANIFEST_FILE.to_owned(), Bytes::from(folder.manifest_text().to_owned())), (COMPONENT_FILE.to_owned(), component)];
    let named = &folder.manifest().schemas;
    let mut schemas: Vec<&PathBuf> = named.input.iter().chain(&named.output).collect();
    schemas.sort();
    schemas.dedup();
    for schema in schemas {
        files.push((schema.to_string_lossy().into_owned(), folder.file(schema, SCHEMA_BYTES_MAX)?));
    }
    files.extend(tool.map(|tool| (TOOL_FILE.to_owned(), tool)));
    packed(&folder, Origin::Uploaded, files)
}

/// Up to the folder of an extension whose `target/ext/` holds the file.
fn beside_or_above(file: &Path) -> Result<PathBuf, Failure> {
    let file = file.canonicalize().map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?;
    let found = file.ancestors().skip(1).take(3).find(|folder| folder.join(MANIFEST_FILE).is_file());
    let missing = || Failure::Usage(format!("no {MANIFEST_FILE} lies beside or above {}; name one with --manifest", file.display()));
    found.map(Path::to_owned).ok_or_else(missing)
}

/// The component, and for a tool what it says of itself.
async fn admitted(folder: &Folder, module: &[u8], say: &Say) -> Result<(Bytes, Option<Bytes>), Failure> {
    let manifest = folder.manifest();
    if manifest.kind == Kind::AgentTool {
        // Only running it tells.
        let built = admit(module, manifest.clone(), build::authorship(), &tools::workbench()?, &mut |_| ()).await;
        let built = built.map_err(|error| build::explain(error, say))?;
        let tool = described(&built.version.definition)?;
        return Ok((built.component, Some(tool)));
    }
    let expected = Expected {
        kind: Some(manifest.kind),
        host_calls: !manifest.host_calls.is_empty(),
        memory_mb: Some(manifest.limits.memory_mb),
        ..Expected::default()
    };
    let mut report = extensions_compiler_core::check(module, expected);
    let component = report.component.take();
    component
        .map(|component| (Bytes::from(component), None))
        .ok_or_else(|| build::explain(extensions_pipeline::BuildError::Refused(Box::new(report)), say))
}

fn described(definition: &ExtensionDefinition) -> Result<Bytes, Failure> {
    let tool = definition.tool.as_ref().ok_or_else(|| Failure::Build("the tool does not describe itself".to_owned()))?;
    let schemas = &definition.schemas;
    let described = json!({"name": tool.name, "description": tool.description, "input_schema": schemas.input, "output_schema": schemas.output});
    Ok(Bytes::from(described.to_string()))
}

fn packed(folder: &Folder, origin: Origin, files: Vec<(String, Bytes)>) -> Result<Packed, Failure> {
    let mut bundle = Bundle::default();
    for (path, bytes) in files {
        bundle.insert(&path, bytes).map_err(|error| Failure::Usage(with_causes(&error)))?;
    }
    let bytes = bundle.pack().map_err(|error| Failure::Local(format!("cannot pack the bundle: {error}")))?;
    Ok(Packed { id: folder.manifest().id.clone(), origin, manifest: folder.manifest_text().to_owned(), bytes: bytes.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_folder_gives_the_same_bundle_wherever_it_lies() {
        let make = || {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir(dir.path().join("src")).unwrap();
            for (file, text) in [("extension.toml", "id = \"x\"\nkind = \"domain_hook\"\nlang = \"rust\"\n"), ("src/lib.rs", "fn x() {}")] {
                std::fs::write(dir.path().join(file), text).unwrap();
            }
            dir
        };
        let (one, other) = (make(), make());
        std::fs::create_dir(other.path().join("target")).unwrap();
        std::fs::write(other.path().join("target/built"), "x").unwrap();
        assert_eq!(of_folder(one.path()).unwrap().bytes, of_folder(other.path()).unwrap().bytes);
        std::fs::write(other.path().join("src/lib.rs"), "fn y() {}").unwrap();
        assert_ne!(of_folder(one.path()).unwrap().bytes, of_folder(other.path()).unwrap().bytes);
    }

    #[test]
    fn a_manifest_is_found_above_a_result() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("target/ext/x.wasm");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "x").unwrap();
        assert!(beside_or_above(&file).unwrap_err().to_string().contains("--manifest"));
        std::fs::write(dir.path().join(MANIFEST_FILE), "").unwrap();
        assert_eq!(beside_or_above(&file).unwrap(), dir.path().canonicalize().unwrap());
    }
}
