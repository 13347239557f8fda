//! What kind of file the bytes are, judged by their outermost sections only.

use wasmparser::{Encoding, Parser, Payload};

use crate::finding::{Code, Finding, Step};

/// Custom sections of this prefix describe a module's world.
pub(crate) const METADATA_PREFIX: &str = "component-type";
/// Functions that a module of the plain ABI exports, and others rarely.
const PLAIN_EXPORTS: [&str; 3] = ["alloc", "dealloc", "run"];
/// So many of them are no accident: a module that lacks the third is a plain one with a fault.
const PLAIN_EXPORTS_MIN: usize = 2;

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
    if form == Form::Module && exports >= PLAIN_EXPORTS_MIN { Form::PlainModule } else { form }
}

/// Why a core module that says nothing has no component.
pub(crate) fn undescribed() -> Finding {
    let message = "a core module that neither says which world it implements nor is one of the plain ABI";
    let remedy = "build it with a guest SDK, or export memory, alloc, dealloc and run as docs/abi.md says";
    Finding::new(Step::Componentize, Code::NoMetadata, message, remedy)
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
