//! Modules of our worlds out of their text.

use extensions_compiler_core::{Code, Expected, Report};
use extensions_types::Kind;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{PackageId, Resolve};

pub(crate) const EVALUATE: &str = r#"(func (export "evaluate") (param i32 i32 i32 i32) (result i32) unreachable)"#;
pub(crate) const RUN: &str = r#"(func (export "run") (param i32 i32 i32 i32) (result i32) unreachable)"#;
pub(crate) const TOOL: &str =
    r#"(func (export "describe") (result i32) unreachable) (func (export "call") (param i32 i32) (result i32) unreachable)"#;
pub(crate) const LOG: &str = r#"(import "ameide:extensions/logging@1.0.0" "log" (func (param i32 i32 i32)))"#;
pub(crate) const CALL: &str = r#"(import "ameide:extensions/host-calls@1.0.0" "call" (func (param i32 i32 i32 i32 i32 i32 i32)))"#;

fn resolve(wit: &str) -> (Resolve, PackageId) {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("test.wit", wit).unwrap();
    (resolve, package)
}

/// A module of one of our worlds, with `imports` and `exports` in text.
pub(crate) fn module(world: &str, imports: &str, exports: &str) -> Vec<u8> {
    module_of(include_str!("../../../../wit/extensions.wit"), world, imports, exports)
}

pub(crate) fn module_of(wit: &str, world: &str, imports: &str, exports: &str) -> Vec<u8> {
    let text = format!(
        r#"(module {imports} (memory (export "memory") 4)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable) {exports})"#
    );
    let mut bytes = wat::parse_str(text).unwrap();
    let (resolve, package) = resolve(wit);
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8).unwrap();
    bytes
}

pub(crate) fn component(module: &[u8]) -> Vec<u8> {
    ComponentEncoder::default().module(module).unwrap().encode().unwrap()
}

pub(crate) fn as_kind(kind: Kind) -> Expected<'static> {
    Expected { kind: Some(kind), ..Expected::default() }
}

pub(crate) fn codes(report: &Report) -> Vec<Code> {
    report.findings.iter().map(|finding| finding.code).collect()
}
