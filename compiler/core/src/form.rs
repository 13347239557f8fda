//! What kind of file the bytes are, judged by their outermost sections only.

use wasmparser::{Encoding, Parser, Payload};

use crate::finding::{Code, Finding, Step};

/// Custom sections of this prefix describe a module's world.
pub(crate) const METADATA_PREFIX: &str = "component-type";
/// What a module of the plain ABI exports.
const PLAIN_EXPORTS: [&str; 4] = ["memory", "alloc", "dealloc", "run"];

/// What the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A component.
    Component,
    /// A core module that describes the world it implements.
    ModuleWithWorld,
    /// A core module of the plain ABI `json_in_json_out_v1`.
    PlainModule,
    /// Another core module.
    Module,
    /// No WebAssembly.
    NotWasm,
}

/// Says what the bytes are. Never judges whether they may be served.
#[must_use]
pub fn inspect(bytes: &[u8]) -> Form {
    let mut form = Form::NotWasm;
    let mut exports = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            Ok(Payload::Version { encoding: Encoding::Component, .. }) => return Form::Component,
            Ok(Payload::Version { encoding: Encoding::Module, .. }) => form = Form::Module,
            Ok(Payload::CustomSection(section)) if section.name().starts_with(METADATA_PREFIX) => return Form::ModuleWithWorld,
            Ok(Payload::ExportSection(section)) => {
                exports += section.into_iter().map_while(Result::ok).filter(|export| PLAIN_EXPORTS.contains(&export.name)).count();
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    if form == Form::Module && exports == PLAIN_EXPORTS.len() { Form::PlainModule } else { form }
}

/// Why a core module without a description of its world has no component:
/// what it lacks of the plain ABI, if it looks like one of that.
pub(crate) fn undescribed(module: &[u8]) -> Vec<Finding> {
    let mut missing: Vec<_> = PLAIN_EXPORTS.to_vec();
    for payload in Parser::new(0).parse_all(module).map_while(Result::ok) {
        if let Payload::ExportSection(section) = payload {
            section.into_iter().map_while(Result::ok).for_each(|export| missing.retain(|name| *name != export.name));
        }
    }
    // Others export a memory or a `run` too; a second of these is no accident.
    if missing.len() <= PLAIN_EXPORTS.len() - 2 && !(missing.contains(&"alloc") && missing.contains(&"dealloc")) {
        return missing.into_iter().map(lacking).collect();
    }
    let message = "a core module that neither says which world it implements nor is one of the plain ABI";
    let remedy = "build it with a guest SDK, or embed the world: `wasm-tools component embed wit/ --world domain-hook`";
    vec![Finding::new(Step::Componentize, Code::NoMetadata, message, remedy)]
}

fn lacking(name: &str) -> Finding {
    let message = format!("a module of the plain ABI without its export `{name}`");
    let remedy = "export memory, alloc, dealloc and run as docs/abi.md says";
    Finding::new(Step::Componentize, Code::MissingExport, message, remedy).at(format!("export {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_apart() {
        let form = |text: &str| inspect(&wat::parse_str(text).unwrap());
        assert_eq!(form("(component)"), Form::Component);
        assert_eq!(form("(module)"), Form::Module);
        assert_eq!(form("(module (@custom \"component-type:x\" \"y\"))"), Form::ModuleWithWorld);
        let plain = "(module (memory (export \"memory\") 1) (func (export \"alloc\")) (func (export \"dealloc\")) (func (export \"run\")))";
        assert_eq!(form(plain), Form::PlainModule);
        assert_eq!(inspect(b"#!/bin/sh"), Form::NotWasm);
        assert_eq!(inspect(b""), Form::NotWasm);
    }
}
