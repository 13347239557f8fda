//! Whether a component fits a world: names one by one, then all types together.

use extensions_types::Kind;
use wasmparser::{ComponentTypeRef, Parser, Payload, TypeBounds};

use crate::{
    Expected,
    componentize::guarded,
    finding::{Code, Finding, Step},
    report::Builder,
    worlds::Worlds,
};

/// The names at a component's surface.
#[derive(Debug, Default)]
struct Surface {
    imports: Vec<String>,
    exports: Vec<String>,
}

pub(crate) fn conform(component: &[u8], expected: Expected, report: &mut Builder) {
    let worlds = Worlds::get();
    let surface = Surface::of(component);
    for import in &surface.imports {
        report.imports.insert(import.clone());
        if !worlds.knows(import) {
            report.add(unknown_import(Step::Conform, import));
        }
    }
    let host_calls = worlds.interface("host-calls");
    if surface.imports.contains(&host_calls) && !expected.host_calls {
        report.add(Finding::new(
            Step::Conform,
            Code::HostCallsNotDeclared,
            format!("it imports {host_calls}, but declares no host call"),
            "declare each in extension.toml: `host_calls = [\"service.method\"]` with risk_tier medium or high, or call none",
        ));
    }
    report.kind = surface.kind(worlds);
    match expected.kind {
        Some(kind) => missing(kind, &surface, worlds, report),
        None if report.kind.is_none() => report.add(no_world(&surface)),
        None => {}
    }
    if let (true, Some(kind)) = (report.is_clean(), expected.kind.or(report.kind)) {
        by_type(component, kind, worlds, report);
    }
}

/// What the world asks for and the component lacks; or which world it has instead.
fn missing(kind: Kind, surface: &Surface, worlds: &Worlds, report: &mut Builder) {
    let lacking: Vec<_> = worlds.exports(kind).into_iter().filter(|name| !surface.has_export(name)).collect();
    if let (false, Some(other)) = (lacking.is_empty(), report.kind) {
        report.add(Finding::new(
            Step::Conform,
            Code::WrongWorld,
            format!("it implements world {}, but is declared as {kind}", other.world()),
            format!("set `kind = \"{other}\"` in extension.toml, or write a {} instead", kind.world()),
        ));
        return;
    }
    for name in lacking {
        report.add(Finding::new(
            Step::Conform,
            Code::MissingExport,
            format!("world {} asks for the export `{name}`, which is not there", kind.world()),
            format!("mark one function with #[{kind}], or export `{name}` as wit/extensions.wit says"),
        ));
    }
}

fn by_type(component: &[u8], kind: Kind, worlds: &Worlds, report: &mut Builder) {
    let Some(checked) = guarded(|| wit_component::targets(&worlds.resolve, worlds.world(kind), component)) else {
        let message = "the check of its types failed by a fault of its own";
        report.add(Finding::new(Step::Conform, Code::Internal, message, "report it with the file"));
        return;
    };
    if let Err(error) = checked {
        let remedy = format!("build it against {}, with the SDK of this version of `ext`", worlds.package());
        let message = format!("its types are not those of world {}: {}", kind.world(), error.root_cause());
        report.add(Finding::new(Step::Conform, Code::TypeMismatch, message, remedy));
    }
}

fn no_world(surface: &Surface) -> Finding {
    let names = if surface.exports.is_empty() { "nothing".to_owned() } else { surface.exports.join(", ") };
    let message = format!("it exports {names}, which is none of the worlds process-hook (run), domain-hook (evaluate), agent-tool (describe, call)");
    Finding::new(Step::Conform, Code::WrongWorld, message, "mark one function with #[process_hook], #[domain_hook] or #[agent_tool]")
}

/// The finding for an import that no host provides.
pub(crate) fn unknown_import(step: Step, name: &str) -> Finding {
    let package = Worlds::get().package();
    let ours = package.split('@').next().unwrap_or_default();
    let remedy = if name.starts_with("wasi") {
        "an extension has no files, clocks, network or environment; build for wasm32-unknown-unknown and leave out what needs WASI".to_owned()
    } else if name.starts_with(ours) {
        format!("this platform serves {package}; build with the SDK of this version of `ext`")
    } else {
        "an extension may import context, logging and declared host calls only; leave out the dependency that needs this".to_owned()
    };
    Finding::new(step, Code::UnknownImport, format!("unknown import `{name}`"), remedy)
}

impl Surface {
    fn of(component: &[u8]) -> Self {
        let mut surface = Self::default();
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
            match payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    // A type that equals another brings nothing into the sandbox; worlds name theirs this way.
                    let capable =
                        section.into_iter().map_while(Result::ok).filter(|import| !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))));
                    surface.imports.extend(capable.map(|import| import.name.name.to_owned()));
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    surface.exports.extend(section.into_iter().map_while(Result::ok).map(|export| export.name.name.to_owned()));
                }
                _ => {}
            }
        }
        surface
    }

    fn has_export(&self, name: &str) -> bool {
        self.exports.iter().any(|export| export == name)
    }

    /// The kind whose exports are all there.
    fn kind(&self, worlds: &Worlds) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|&kind| worlds.exports(kind).into_iter().all(|name| self.has_export(name)))
    }
}
