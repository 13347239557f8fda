//! Imports that no host provides, and what to do about each.

use wasmparser::{Parser, Payload};

use crate::{
    finding::{Code, Finding, Step},
    worlds::Worlds,
};

/// Imports of a core module that no interface could provide: `env.x`, `wasi_snapshot_preview1.y`.
pub(crate) fn foreign(module: &[u8]) -> Vec<Finding> {
    let mut foreign = Vec::new();
    for payload in Parser::new(0).parse_all(module).map_while(Result::ok) {
        if let Payload::ImportSection(section) = payload {
            let imports = section.into_imports().map_while(Result::ok);
            let outside = imports.filter(|import| !import.module.contains([':', '|', '[', '$']));
            foreign.extend(outside.map(|import| unknown(Step::Componentize, &format!("{}.{}", import.module, import.name))));
        }
    }
    foreign
}

/// The finding for an import that no host provides.
pub(crate) fn unknown(step: Step, name: &str) -> Finding {
    let package = Worlds::get().package();
    let ours = package.split('@').next().unwrap_or_default();
    let remedy = if name.starts_with("wasi") {
        "an extension has no files, clocks, network or environment; build for wasm32-unknown-unknown and leave out what needs WASI".to_owned()
    } else if name.starts_with(ours) {
        format!("this platform serves {package}; build with the SDK of this version of `ext`")
    } else {
        "an extension may import context, logging and declared host calls only; leave out the dependency that needs this".to_owned()
    };
    Finding::new(step, Code::UnknownImport, format!("unknown import `{name}`"), remedy).at(format!("import {name}"))
}
