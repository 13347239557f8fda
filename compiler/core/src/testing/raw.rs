//! WebAssembly byte by byte, so that it can lie.

/// Section ids of core modules.
pub(super) mod id {
    pub(crate) const CUSTOM: u8 = 0;
    pub(crate) const TYPE: u8 = 1;
    pub(crate) const IMPORT: u8 = 2;
    pub(crate) const FUNCTION: u8 = 3;
    pub(crate) const TABLE: u8 = 4;
    pub(crate) const MEMORY: u8 = 5;
    pub(crate) const GLOBAL: u8 = 6;
    pub(crate) const EXPORT: u8 = 7;
    pub(crate) const START: u8 = 8;
    pub(crate) const ELEMENT: u8 = 9;
    pub(crate) const CODE: u8 = 10;
    pub(crate) const DATA: u8 = 11;
    /// Of components.
    pub(crate) const CORE_MODULE: u8 = 1;
    pub(crate) const CORE_INSTANCE: u8 = 2;
    pub(crate) const COMPONENT: u8 = 4;
    pub(crate) const COMPONENT_TYPE: u8 = 7;
    pub(crate) const COMPONENT_IMPORT: u8 = 10;
}

const MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";
/// `() -> ()`.
pub(super) const NOTHING: [u8; 3] = [0x60, 0, 0];

/// A number in LEB128.
pub(super) fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Bytes behind their length.
pub(super) fn sized(bytes: &[u8]) -> Vec<u8> {
    [number(bytes.len()), bytes.to_vec()].concat()
}

/// A section.
pub(super) fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [vec![id], sized(body)].concat()
}

/// A section of items, of which each is the same.
pub(super) fn same(id: u8, count: usize, item: &[u8]) -> Vec<u8> {
    section(id, &[number(count), item.repeat(count)].concat())
}

/// A section of items.
pub(super) fn items(id: u8, items: &[Vec<u8>]) -> Vec<u8> {
    section(id, &[number(items.len()), items.concat()].concat())
}

pub(super) fn custom(name: &str, data: &[u8]) -> Vec<u8> {
    section(id::CUSTOM, &[sized(name.as_bytes()), data.to_vec()].concat())
}

pub(super) fn module(sections: &[Vec<u8>]) -> Vec<u8> {
    [MODULE.to_vec(), sections.concat()].concat()
}

pub(super) fn component(sections: &[Vec<u8>]) -> Vec<u8> {
    [COMPONENT.to_vec(), sections.concat()].concat()
}

/// A function's body of `instructions`, with `locals` of type i64.
pub(super) fn body(locals: usize, instructions: &[u8]) -> Vec<u8> {
    let locals = if locals == 0 { vec![0] } else { [vec![1], number(locals), vec![0x7e]].concat() };
    sized(&[locals, instructions.to_vec(), vec![0x0b]].concat())
}

/// A module of one function `() -> ()`.
pub(super) fn function(locals: usize, instructions: &[u8]) -> Vec<u8> {
    let code = items(id::CODE, &[body(locals, instructions)]);
    module(&[items(id::TYPE, &[NOTHING.to_vec()]), items(id::FUNCTION, &[vec![0]]), code])
}
