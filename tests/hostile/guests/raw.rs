//! Sections as bytes, after those of a good component: what no text can say.

use extensions_test_support::components::process_hook_with;

/// Section of a component within a component.
pub(super) const COMPONENT: u8 = 4;
/// Section of types.
pub(super) const TYPES: u8 = 7;
/// What a component begins with.
pub(super) const HEAD: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// A good process hook, and one section more.
pub(super) fn with_section(id: u8, content: &[u8]) -> Vec<u8> {
    [process_hook_with(""), section(id, content)].concat()
}

/// A section with its length.
pub(super) fn section(id: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![id];
    let mut left = content.len();
    while left >= 0x80 {
        bytes.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
        left >>= 7;
    }
    bytes.push(u8::try_from(left).unwrap());
    bytes.extend_from_slice(content);
    bytes
}
