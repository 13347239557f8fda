//! The smallest guests that are served: a domain hook with its world, its component, and a plain module.

use extensions_types::Kind;

use super::raw::{body, custom, id, items, module, sized};
use crate::{Expected, check, embed_world};

const I32: u8 = 0x7f;
const I64: u8 = 0x7e;
const UNREACHABLE: u8 = 0;

/// A function's type.
fn function(parameters: &[u8], results: &[u8]) -> Vec<u8> {
    [vec![0x60], sized(parameters), sized(results)].concat()
}

/// An export: kind 0 is a function, 2 a memory.
pub(super) fn export(name: &str, kind: u8, index: u8) -> Vec<u8> {
    [sized(name.as_bytes()), vec![kind, index]].concat()
}

/// An import of function type `index`.
pub(super) fn import(from: &str, name: &str, index: u8) -> Vec<u8> {
    [sized(from.as_bytes()), sized(name.as_bytes()), vec![0, index]].concat()
}

/// Names of functions, as linkers write them.
fn names() -> Vec<u8> {
    let map = items(1, &[[vec![0], sized(b"cabi_realloc")].concat(), [vec![1], sized(b"evaluate")].concat()]);
    custom("name", &map)
}

/// A domain hook that says which world it implements, importing these beside.
pub(super) fn domain_hook_with(imports: &[Vec<u8>]) -> Vec<u8> {
    let types = [function(&[I32; 4], &[I32]), function(&[I32; 3], &[])];
    let first = imports.len() as u8;
    let sections = [
        items(id::TYPE, &types),
        items(id::IMPORT, imports),
        items(id::FUNCTION, &[vec![0], vec![0]]),
        items(id::MEMORY, &[vec![0, 4]]),
        items(id::EXPORT, &[export("memory", 2, 0), export("cabi_realloc", 0, first), export("evaluate", 0, first + 1)]),
        items(id::CODE, &[body(0, &[UNREACHABLE]), body(2, &[UNREACHABLE])]),
        items(id::DATA, &[[vec![0, 0x41, 8, 0x0b], sized(b"DISCOUNT_ABOVE_CEILING")].concat()]),
        names(),
    ];
    embed_world(module(&sections), Kind::DomainHook)
}

/// A domain hook as a core module that says which world it implements.
#[must_use]
pub fn domain_hook() -> Vec<u8> {
    domain_hook_with(&[import("ameide:extensions/logging@1.0.0", "log", 1)])
}

/// A module of the plain ABI.
#[must_use]
pub fn plain_module() -> Vec<u8> {
    let types = [function(&[I32], &[I32]), function(&[I32, I32], &[]), function(&[I32, I32], &[I64]), function(&[I32; 3], &[])];
    let exports = [export("memory", 2, 0), export("alloc", 0, 1), export("dealloc", 0, 2), export("run", 0, 3)];
    module(&[
        items(id::TYPE, &types),
        items(id::IMPORT, &[import("env", "host_log", 3)]),
        items(id::FUNCTION, &[vec![0], vec![1], vec![2]]),
        items(id::MEMORY, &[vec![0, 1]]),
        items(id::EXPORT, &exports),
        items(id::CODE, &[body(0, &[UNREACHABLE]), body(0, &[]), body(0, &[UNREACHABLE])]),
    ])
}

pub(super) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let module = domain_hook();
    let component = check(&module, Expected::default()).component.unwrap_or_default();
    let plain = plain_module();
    let wrapped = check(&plain, Expected::default()).component.unwrap_or_default();
    vec![("module", module), ("component", component), ("plain", plain), ("wrapped", wrapped)]
}
