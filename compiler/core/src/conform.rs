//! Whether a component fits a world: names one by one, then all types together.

use extensions_types::{Abi, Kind};
use wit_parser::WorldId;

use crate::{
    Expected,
    finding::{Code, Finding, Step},
    guard::guarded,
    imports,
    surface::Surface,
    worlds::Worlds,
};

/// What makes host calls possible, natively and for plain modules.
const HOST_CALLS: [&str; 2] = ["host-calls", "plain-host-calls"];

/// What a component is, and what speaks against it.
#[derive(Debug)]
pub(crate) struct Conformance {
    pub(crate) kind: Option<Kind>,
    pub(crate) abi: Abi,
    pub(crate) findings: Vec<Finding>,
}

impl Conformance {
    /// Of what was not looked at.
    pub(crate) fn unseen() -> Self {
        Self { kind: None, abi: Abi::Component, findings: Vec::new() }
    }
}

/// Names and types of a component.
pub(crate) fn conform(component: &[u8], surface: &Surface, expected: Expected<'_>) -> Conformance {
    let worlds = Worlds::get();
    if is_plain(component, surface, expected, worlds) {
        return Conformance { kind: None, abi: Abi::Plain, findings: imported(surface, expected) };
    }
    let kind = surface.kind(worlds);
    let mut findings = names(surface, expected);
    if let (true, Some(kind)) = (findings.is_empty(), expected.kind.or(kind)) {
        findings.extend(by_type(component, kind, worlds));
    }
    Conformance { kind, abi: Abi::Component, findings }
}

/// What the names alone tell: unknown imports, host calls, missing exports.
/// Enough for a module that cannot become a component.
pub(crate) fn names(surface: &Surface, expected: Expected<'_>) -> Vec<Finding> {
    let worlds = Worlds::get();
    let mut findings = imported(surface, expected);
    match (expected.kind, surface.kind(worlds)) {
        (Some(kind), has) => findings.extend(missing(kind, has, surface, worlds)),
        (None, None) => findings.push(no_world(surface)),
        (None, Some(_)) => {}
    }
    findings
}

fn imported(surface: &Surface, expected: Expected<'_>) -> Vec<Finding> {
    let worlds = Worlds::get();
    let unknown = surface.imports.iter().filter(|import| !worlds.knows(import));
    let mut findings: Vec<_> = unknown.map(|import| imports::unknown(Step::Conform, import)).collect();
    let calls = HOST_CALLS.map(|name| worlds.interface(name)).into_iter().find(|calls| surface.imports.contains(calls));
    if let (Some(calls), false) = (calls, expected.host_calls) {
        let message = format!("it imports {calls}, but declares no host call");
        let remedy = "declare each in extension.toml: `host_calls = [\"service.method\"]` with risk_tier medium or high, or call none";
        findings.push(Finding::new(Step::Conform, Code::HostCallsNotDeclared, message, remedy).at(format!("import {calls}")));
    }
    findings
}

/// What the world asks for and the component lacks; or which world it has instead.
fn missing(kind: Kind, has: Option<Kind>, surface: &Surface, worlds: &Worlds) -> Vec<Finding> {
    let lacking: Vec<_> = worlds.exports(kind).into_iter().filter(|name| !surface.has_export(name)).collect();
    if let (false, Some(other)) = (lacking.is_empty(), has) {
        let message = format!("it implements world {}, but is declared as {kind}", other.world());
        let remedy = format!("set `kind = \"{other}\"` in extension.toml, or write a {} instead", kind.world());
        return vec![Finding::new(Step::Conform, Code::WrongWorld, message, remedy)];
    }
    let finding = |name| {
        let message = format!("world {} asks for the export `{name}`, which is not there", kind.world());
        let remedy = format!("mark one function with #[{kind}], or export `{name}` as wit/extensions.wit says");
        Finding::new(Step::Conform, Code::MissingExport, message, remedy).at(format!("export {name}"))
    };
    lacking.into_iter().map(finding).collect()
}

/// A component of world `plain` serves every kind. Its `run` has the name of a
/// process hook's, so types decide; those of the likely world are asked first.
fn is_plain(component: &[u8], surface: &Surface, expected: Expected<'_>, worlds: &Worlds) -> bool {
    let Some(plain) = worlds.plain().filter(|_| surface.exports == ["run"]) else { return false };
    let process = || targets(component, worlds.world(Kind::ProcessHook), worlds);
    let native = expected.kind.is_none_or(|kind| kind == Kind::ProcessHook) && matches!(process(), Some(Ok(())));
    !native && matches!(targets(component, plain, worlds), Some(Ok(())))
}

fn by_type(component: &[u8], kind: Kind, worlds: &Worlds) -> Option<Finding> {
    let Some(checked) = targets(component, worlds.world(kind), worlds) else {
        let message = "the check of its types failed by a fault of its own";
        return Some(Finding::new(Step::Conform, Code::Internal, message, "report it with the file"));
    };
    let error = checked.err()?;
    let remedy = format!("build it against {}, with the SDK of this version of `ext`", worlds.package());
    Some(Finding::new(Step::Conform, Code::TypeMismatch, format!("its types are not those of world {}: {error}", kind.world()), remedy))
}

/// None when the checker itself failed.
fn targets(component: &[u8], world: WorldId, worlds: &Worlds) -> Option<Result<(), String>> {
    guarded(|| wit_component::targets(&worlds.resolve, world, component).map_err(|error| error.root_cause().to_string()))
}

fn no_world(surface: &Surface) -> Finding {
    let names = if surface.exports.is_empty() { "nothing".to_owned() } else { surface.exports.join(", ") };
    let message = format!("it exports {names}, which is none of the worlds process-hook (run), domain-hook (evaluate), agent-tool (describe, call)");
    Finding::new(Step::Conform, Code::WrongWorld, message, "mark one function with #[process_hook], #[domain_hook] or #[agent_tool]")
}
