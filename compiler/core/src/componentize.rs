//! From a core module that describes its world to a component.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

use crate::{
    conform::unknown_import,
    finding::{Code, Finding, Step},
    report::Builder,
};

/// The component, unless the module needs what no host has or does not fit its world.
pub(crate) fn componentize(module: &[u8], report: &mut Builder) -> Option<Vec<u8>> {
    for (from, name) in foreign_imports(module) {
        report.add(unknown_import(Step::Componentize, &format!("{from}.{name}")));
    }
    if !report.is_clean() {
        return None;
    }
    // The decoder of descriptions asserts what a damaged one breaks.
    let Some(encoded) = guarded(|| ComponentEncoder::default().validate(true).module(module)?.encode()) else {
        let message = "the description of its world inside the module is damaged";
        report.add(Finding::new(Step::Componentize, Code::Componentize, message, "build it again with a guest SDK"));
        return None;
    };
    match encoded {
        Ok(component) => Some(component),
        Err(error) => {
            let remedy = "build it with a guest SDK of this version of `ext`; a function's type must be that of its world";
            report.add(Finding::new(Step::Componentize, Code::Componentize, format!("{error:#}"), remedy));
            None
        }
    }
}

/// Imports that no interface could provide: `env.x`, `wasi_snapshot_preview1.y`.
fn foreign_imports(module: &[u8]) -> Vec<(String, String)> {
    let mut foreign = Vec::new();
    for payload in Parser::new(0).parse_all(module).map_while(Result::ok) {
        if let Payload::ImportSection(section) = payload {
            let imports = section.into_imports().map_while(Result::ok);
            let outside = imports.filter(|import| !import.module.contains([':', '|', '[', '$']));
            foreign.extend(outside.map(|import| (import.module.to_owned(), import.name.to_owned())));
        }
    }
    foreign
}

/// Runs foreign code on hostile bytes: a panic in it must not end this process. None when it did panic.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}
