//! Whether a component may be served: the checks that the registry makes of
//! every component itself, wherever it was built. CPU-bound: run it on a
//! thread of its own.

use bytes::Bytes;
use extensions_artifact::Owned;
use extensions_compiler_core::{Expected, Facts, check};
use extensions_json::Schema;
use extensions_registry_core::{Finding, VersionRecord};
use extensions_types::{
    Abi, Build, Evidence, ExtensionDefinition, Kind, MANIFEST_FILE, Manifest, Origin, Refusal, SCHEMA_BYTES_MAX, SchemaV1, Schemas, TestCounts,
    ToolDescription, Version, VersionDocument,
};
use serde::Deserialize;
use serde_json::Value;

use super::create::{about_of, read_manifest};
use crate::{Bundle, COMPONENT_FILE, Compiled, TOOL_FILE, call::bad};

/// A description of a tool, as for one that is built from source.
const TOOL_DESCRIPTION_BYTES_MAX: usize = 4_096;
const TOOL_NAME_BYTES_MAX: usize = 64;

/// The draft that something is admitted as.
#[derive(Debug, Clone)]
pub(super) struct Admission {
    pub(super) of: Owned,
    pub(super) version: Version,
    pub(super) record: VersionRecord,
}

/// What may be served.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) component: Bytes,
    pub(super) document: VersionDocument,
}

/// `tool.json`: what `describe()` would say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tool {
    name: String,
    description: String,
    input_schema: Value,
    output_schema: Value,
}

impl Admission {
    /// The manifest of a bundle, which must say what the draft was created with.
    pub(super) fn manifest(&self, bundle: &Bundle) -> Result<Manifest, Refusal> {
        let missing = || bad("bundle", &format_args!("it holds no {MANIFEST_FILE}; pack it with `ext push`"));
        let text = std::str::from_utf8(bundle.file(MANIFEST_FILE).ok_or_else(missing)?).map_err(|error| bad(MANIFEST_FILE, &error))?;
        let manifest = read_manifest(text, &self.of.extension)?;
        if about_of(manifest.clone()) == self.record.draft.about {
            return Ok(manifest);
        }
        Err(bad(
            "bundle",
            &format_args!("its {MANIFEST_FILE} is not the one that version {} was created with; push it again as a new version", self.version),
        ))
    }

    /// A component from outside, for tier low.
    pub(super) fn uploaded(&self, manifest: Manifest, bundle: &Bundle) -> Result<Admitted, Vec<Finding>> {
        let mut findings = Vec::new();
        let (schemas, tool) = surface(&manifest, bundle, &mut findings);
        let Some(wasm) = bundle.file(COMPONENT_FILE) else {
            findings.push(finding(
                "bundle",
                "missing_file",
                format!("the bundle holds no {COMPONENT_FILE}"),
                "build it with `ext build` and push the folder",
            ));
            return Err(findings);
        };
        match conform(wasm, &manifest) {
            Ok((component, facts)) if findings.is_empty() => Ok(self.document(manifest, component, &facts, schemas, tool)),
            Ok(_) => Err(findings),
            Err(more) => {
                findings.extend(more);
                Err(findings)
            }
        }
    }

    fn document(&self, manifest: Manifest, component: Bytes, facts: &Facts, schemas: Schemas, tool: Option<ToolDescription>) -> Admitted {
        let definition = manifest.define(self.build(facts.digest.clone(), schemas, tool));
        // The same bytes give the same document, so that an upload that was cut off can be sent again.
        let evidence = Evidence {
            origin: Origin::Uploaded,
            source_sha256: self.record.draft.source_sha256,
            component_sha256: extensions_artifact::digest(&component),
            component_bytes: component.len() as u64,
            toolchain: String::new(),
            imports: facts.imports.clone(),
            tests: TestCounts::default(),
            at_ms: self.record.created_at_ms,
            elapsed_ms: 0,
            waivers: Vec::new(),
            build: None,
        };
        Admitted { component, document: VersionDocument { schema: SchemaV1, definition, evidence } }
    }

    /// What a compiler gave: checked again as if it came from outside.
    pub(super) fn compiled(&self, manifest: Manifest, compiled: Compiled, at_ms: u64) -> Result<Admitted, Vec<Finding>> {
        let (component, facts) = conform(&compiled.component, &manifest)?;
        let mut findings = Vec::new();
        for (which, schema) in [("input", &compiled.definition.schemas.input), ("output", &compiled.definition.schemas.output)] {
            findings.extend(schema.as_ref().and_then(|schema| unusable(which, schema)));
        }
        let ExtensionDefinition { schemas, tool, .. } = compiled.definition.clone();
        if manifest.define(self.build(facts.digest.clone(), schemas, tool)) != compiled.definition {
            findings.push(finding(
                "build",
                "other_definition",
                "the build gave a definition that is not the manifest's",
                "report it: the compiler is at fault",
            ));
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let evidence = Evidence {
            origin: Origin::Source,
            source_sha256: self.record.draft.source_sha256,
            component_sha256: extensions_artifact::digest(&component),
            component_bytes: component.len() as u64,
            imports: facts.imports,
            at_ms,
            ..compiled.evidence
        };
        Ok(Admitted { component, document: VersionDocument { schema: SchemaV1, definition: compiled.definition, evidence } })
    }

    /// Who made the draft, as definitions say it.
    pub(super) fn created_by(&self) -> String {
        self.record.created_by.to_string()
    }

    fn build(&self, digest: String, schemas: Schemas, tool: Option<ToolDescription>) -> Build {
        Build { tenant: self.of.tenant.clone(), abi: Abi::Component, version: self.version, digest, schemas, tool, created_by: self.created_by() }
    }
}

/// Prescan, validate, componentize, conform.
fn conform(wasm: &[u8], manifest: &Manifest) -> Result<(Bytes, Facts), Vec<Finding>> {
    let report = check(
        wasm,
        Expected {
            kind: Some(manifest.kind),
            host_calls: !manifest.host_calls.is_empty(),
            memory_mb: Some(manifest.limits.memory_mb),
            ..Expected::default()
        },
    );
    match (report.component, report.facts) {
        (Some(component), Some(facts)) => Ok((component.into(), facts)),
        _ => Err(report.findings.into_iter().map(|found| finding(found.step.as_str(), found.code.as_str(), found.message, &found.remedy)).collect()),
    }
}

/// Schemas and the tool's description, out of the bundle's files.
fn surface(manifest: &Manifest, bundle: &Bundle, findings: &mut Vec<Finding>) -> (Schemas, Option<ToolDescription>) {
    if manifest.kind == Kind::AgentTool {
        return match tool(bundle) {
            Ok(tool) => {
                findings.extend(
                    ["input", "output"]
                        .into_iter()
                        .zip([&tool.input_schema, &tool.output_schema])
                        .filter_map(|(which, schema)| unusable(which, schema)),
                );
                let schemas = Schemas { input: Some(tool.input_schema), output: Some(tool.output_schema) };
                (schemas, Some(ToolDescription { name: tool.name, description: tool.description }))
            }
            Err(found) => {
                findings.push(found);
                (Schemas::default(), None)
            }
        };
    }
    let mut read = |which, file: &Option<std::path::PathBuf>| {
        let path = file.as_ref()?;
        match schema(which, path, bundle) {
            Ok(schema) => Some(schema),
            Err(found) => {
                findings.push(found);
                None
            }
        }
    };
    (Schemas { input: read("input", &manifest.schemas.input), output: read("output", &manifest.schemas.output) }, None)
}

fn schema(which: &str, path: &std::path::Path, bundle: &Bundle) -> Result<Value, Finding> {
    let shown = path.display();
    let missing =
        || finding("bundle", "missing_file", format!("the {which} schema {shown} is not in the bundle"), "pack it, or remove it from extension.toml");
    let bytes = path.to_str().and_then(|path| bundle.file(path)).ok_or_else(missing)?;
    let schema = json(&shown.to_string(), bytes)?;
    unusable(which, &schema).map_or(Ok(schema), Err)
}

fn tool(bundle: &Bundle) -> Result<Tool, Finding> {
    let missing = || {
        finding(
            "bundle",
            "missing_file",
            format!("an agent_tool's bundle holds a {TOOL_FILE}"),
            "push it with `ext push`, which asks the tool to describe itself",
        )
    };
    let value = json(TOOL_FILE, bundle.file(TOOL_FILE).ok_or_else(missing)?)?;
    let wrong =
        |problem: String| finding("bundle", "bad_tool", problem, "describe it as `describe()` would: name, description, input_schema, output_schema");
    let tool: Tool = serde_json::from_value(value).map_err(|error| wrong(format!("{TOOL_FILE}: {error}")))?;
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !tool.name.starts_with(|first: char| first.is_ascii_lowercase()) || tool.name.len() > TOOL_NAME_BYTES_MAX || !tool.name.bytes().all(word) {
        return Err(wrong(format!("the tool's name must be lowercase letters, digits and `_`, at most {TOOL_NAME_BYTES_MAX}")));
    }
    if !(1..=TOOL_DESCRIPTION_BYTES_MAX).contains(&tool.description.len()) {
        return Err(wrong(format!("the tool's description must have 1 to {TOOL_DESCRIPTION_BYTES_MAX} bytes")));
    }
    Ok(tool)
}

/// A file's JSON, checked for size and depth before anything is built of it.
fn json(name: &str, bytes: &[u8]) -> Result<Value, Finding> {
    // A tool's file holds two schemas and little else.
    let max = 2 * SCHEMA_BYTES_MAX + 2 * TOOL_DESCRIPTION_BYTES_MAX;
    let wrong = |problem: String| finding("bundle", "bad_json", format!("{name}: {problem}"), "write it as JSON within the bounds");
    if bytes.len() > max {
        return Err(wrong(format!("{} bytes, at most {max} are read", bytes.len())));
    }
    extensions_json::check(bytes).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))
}

/// Why hosts could not use a schema.
fn unusable(which: &str, schema: &Value) -> Option<Finding> {
    let error = Schema::compile(schema).err()?;
    Some(finding("schemas", "bad_schema", format!("the {which} schema cannot be used: {error}"), "see the bounds of schemas in docs/extensions.md"))
}

pub(super) fn finding(step: &str, code: &str, message: impl Into<String>, remedy: &str) -> Finding {
    Finding::new(step, code, message, remedy)
}
