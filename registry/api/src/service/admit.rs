//! Whether a component may be served: the checks that the registry makes of
//! every component itself, wherever it was built. CPU-bound: run it on a
//! thread of its own.

use bytes::Bytes;
use extensions_artifact::Owned;
use extensions_compile_jobs::Compiled;
use extensions_compiler_core::{Expected, Facts, check, secrets::scan_files};
use extensions_json::{Schema, first_unfit};
use extensions_registry_core::{Finding, VersionRecord};
use extensions_types::{
    Abi, Build, Evidence, ExtensionDefinition, Kind, Language, MANIFEST_FILE, Manifest, Origin, Refusal, SCHEMA_BYTES_MAX, SchemaV1, Schemas,
    TestCounts, ToolDescription, Version, VersionDocument, Waiver,
};
use serde::Deserialize;
use serde_json::Value;

use super::create::{about_of, read_manifest};
use crate::{Bundle, COMPONENT_FILE, TOOL_FILE, call::bad};

/// A tool's file holds two schemas and little else.
const TOOL_FILE_BYTES_MAX: usize = 2 * SCHEMA_BYTES_MAX + (8 << 10);

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
        let Some(wasm) = bundle.file(COMPONENT_FILE) else {
            let text = format!("the bundle holds no {COMPONENT_FILE}");
            return Err(vec![finding("bundle", "missing_file", text, "build it with `ext build` and push the folder")]);
        };
        let checked = conform(wasm, &manifest, bundle);
        // What the files say is wrong is told beside what the component is refused for.
        let abi = checked.as_ref().map_or(Abi::Component, |checked| checked.facts.abi);
        let mut findings = Vec::new();
        let (schemas, tool) = surface(&manifest, bundle, abi, &mut findings);
        match checked {
            Ok(checked) if findings.is_empty() => {
                let admitted = self.document(manifest, checked, schemas, tool);
                unfit(&admitted.document.definition).map_or(Ok(admitted), |found| Err(vec![found]))
            }
            Ok(_) => Err(findings),
            Err(more) => {
                findings.extend(more);
                Err(findings)
            }
        }
    }

    fn document(&self, manifest: Manifest, checked: Checked, schemas: Schemas, tool: Option<ToolDescription>) -> Admitted {
        let Checked { component, facts, waivers } = checked;
        let definition = manifest.define(self.build(&facts, schemas, tool));
        // The same bytes give the same document, so that an upload that was cut off can be sent again.
        let evidence = Evidence {
            origin: Origin::Uploaded,
            source_sha256: self.record.draft.source_sha256,
            component_sha256: extensions_artifact::digest(&component),
            component_bytes: component.len() as u64,
            toolchain: String::new(),
            imports: facts.imports,
            tests: TestCounts::default(),
            at_ms: self.record.created_at_ms,
            elapsed_ms: 0,
            waivers,
            build: None,
        };
        Admitted { component, document: VersionDocument { schema: SchemaV1, definition, evidence } }
    }

    /// What a compiler gave: checked again as if it came from outside, against
    /// the bundle that the registry holds. Only how long it took, what ran and what a
    /// tool says of itself are the compiler's word.
    pub(super) fn compiled(&self, manifest: Manifest, bundle: &Bundle, compiled: Compiled, at_ms: u64) -> Result<Admitted, Vec<Finding>> {
        let Checked { component, facts, waivers } = conform(&compiled.component, &manifest, bundle)?;
        let mut findings = Vec::new();
        let ExtensionDefinition { schemas, tool, .. } = compiled.definition.clone();
        let (schemas, tool) = if describes_itself(&manifest, facts.abi) {
            findings.extend(unusable("input", schemas.input.as_ref()).into_iter().chain(unusable("output", schemas.output.as_ref())));
            findings.extend(tool.as_ref().and_then(|tool| tool.check().err()).map(|error| bad_tool(error.to_string())));
            (schemas, tool)
        } else {
            surface(&manifest, bundle, facts.abi, &mut findings)
        };
        let origin = if manifest.lang == Language::Wasm { Origin::Uploaded } else { Origin::Source };
        if manifest.define(self.build(&facts, schemas, tool)) != compiled.definition {
            let remedy = "report it: the compiler is at fault";
            findings.push(finding("build", "other_definition", "the build gave a definition that is not the manifest's", remedy));
        }
        findings.extend(unfit(&compiled.definition));
        if !findings.is_empty() {
            return Err(findings);
        }
        let evidence = Evidence {
            origin,
            source_sha256: self.record.draft.source_sha256,
            component_sha256: extensions_artifact::digest(&component),
            component_bytes: component.len() as u64,
            imports: facts.imports,
            at_ms,
            waivers,
            ..compiled.evidence
        };
        Ok(Admitted { component, document: VersionDocument { schema: SchemaV1, definition: compiled.definition, evidence } })
    }

    /// Who made the draft, as definitions say it.
    pub(super) fn created_by(&self) -> String {
        self.record.created_by.to_string()
    }

    fn build(&self, facts: &Facts, schemas: Schemas, tool: Option<ToolDescription>) -> Build {
        let (digest, created_by) = (facts.digest.clone(), self.created_by());
        Build { tenant: self.of.tenant.clone(), abi: facts.abi, version: self.version, digest, schemas, tool, created_by }
    }
}

/// What the checks of a component gave.
struct Checked {
    component: Bytes,
    facts: Facts,
    waivers: Vec<Waiver>,
}

/// Secrets in the source; then prescan, validate, componentize, conform, policy.
fn conform(wasm: &[u8], manifest: &Manifest, bundle: &Bundle) -> Result<Checked, Vec<Finding>> {
    // The component itself is looked at by its parts, below.
    let sources = bundle.files().filter(|(path, _)| *path != COMPONENT_FILE).map(|(path, bytes)| (path, &bytes[..]));
    let scanned = scan_files(sources);
    let expected = Expected {
        kind: Some(manifest.kind),
        host_calls: !manifest.host_calls.is_empty(),
        memory_mb: Some(manifest.limits.memory_mb),
        waivers: &scanned.waivers,
    };
    let report = check(wasm, expected);
    match (report.component, report.facts) {
        (Some(component), Some(facts)) if scanned.findings.is_empty() => Ok(Checked { component: component.into(), facts, waivers: scanned.waivers }),
        _ => Err(scanned.findings.into_iter().chain(report.findings).map(Finding::from).collect()),
    }
}

/// A tool that is a component of its own world says in `describe()` what a model reads; others say it in files.
fn describes_itself(manifest: &Manifest, abi: Abi) -> bool {
    manifest.kind == Kind::AgentTool && abi == Abi::Component
}

/// Schemas and the tool's description, out of the bundle's files.
fn surface(manifest: &Manifest, bundle: &Bundle, abi: Abi, findings: &mut Vec<Finding>) -> (Schemas, Option<ToolDescription>) {
    if describes_itself(manifest, abi) {
        return match tool(bundle) {
            Ok(tool) => {
                let schemas = [("input", &tool.input_schema), ("output", &tool.output_schema)];
                findings.extend(schemas.into_iter().filter_map(|(which, schema)| unusable(which, Some(schema))));
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
    (Schemas { input: read("input", &manifest.schemas.input), output: read("output", &manifest.schemas.output) }, manifest.tool.clone())
}

fn schema(which: &str, path: &std::path::Path, bundle: &Bundle) -> Result<Value, Finding> {
    let shown = path.display();
    let missing =
        || finding("bundle", "missing_file", format!("the {which} schema {shown} is not in the bundle"), "pack it, or remove it from extension.toml");
    let bytes = path.to_str().and_then(|path| bundle.file(path)).ok_or_else(missing)?;
    let schema = json(&shown.to_string(), bytes)?;
    unusable(which, Some(&schema)).map_or(Ok(schema), Err)
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
    let tool: Tool = serde_json::from_value(value).map_err(|error| bad_tool(format!("{TOOL_FILE}: {error}")))?;
    let described = ToolDescription { name: tool.name.clone(), description: tool.description.clone() };
    described.check().map_err(|error| bad_tool(error.to_string()))?;
    Ok(tool)
}

fn bad_tool(problem: String) -> Finding {
    finding("bundle", "bad_tool", problem, "describe it as `describe()` would: name, description, input_schema, output_schema")
}

/// A file's JSON, checked for size and depth before anything is built of it.
fn json(name: &str, bytes: &[u8]) -> Result<Value, Finding> {
    let max = TOOL_FILE_BYTES_MAX;
    let wrong = |problem: String| finding("bundle", "bad_json", format!("{name}: {problem}"), "write it as JSON within the bounds");
    if bytes.len() > max {
        return Err(wrong(format!("{} bytes, at most {max} are read", bytes.len())));
    }
    extensions_json::check(bytes).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))
}

/// Why hosts could not use a schema.
fn unusable(which: &str, schema: Option<&Value>) -> Option<Finding> {
    let error = Schema::compile(schema?).err()?;
    Some(finding("schemas", "bad_schema", format!("the {which} schema cannot be used: {error}"), "see the bounds of schemas in docs/extensions.md"))
}

/// A stored answer of the failure contract that the extension could not give.
fn unfit(definition: &ExtensionDefinition) -> Option<Finding> {
    let (cause, violation) = first_unfit(definition.schemas.output.as_ref(), definition.failure.defaults())?;
    let text = format!("failure.{}: the default does not match the output schema: {violation}", cause.as_str());
    Some(finding("schemas", "bad_default", text, "store an answer that the extension itself could give"))
}

pub(super) fn finding(step: &str, code: &str, message: impl Into<String>, remedy: &str) -> Finding {
    Finding::new(step, code, message, remedy)
}
