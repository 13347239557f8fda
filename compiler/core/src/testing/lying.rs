//! Sections, counts and sizes that do not say what is there.

use super::{
    Bad,
    raw::{NOTHING, body, custom, function, id, items, module, number, section, sized},
};
use crate::Code;

const END: u8 = 0x0b;

pub(super) fn all() -> impl Iterator<Item = Bad> {
    cases().into_iter().map(|(name, code, bytes)| Bad { name: format!("lying/{name}"), bytes, code })
}

fn cases() -> Vec<(&'static str, Option<Code>, Vec<u8>)> {
    let malformed = Some(Code::Malformed);
    let types = || items(id::TYPE, &[NOTHING.to_vec()]);
    let functions = || items(id::FUNCTION, &[vec![0]]);
    let size = |size: usize, bytes: &[u8]| [vec![id::TYPE], number(size), bytes.to_vec()].concat();
    vec![
        ("empty", Some(Code::NotWasm), Vec::new()),
        ("half-a-header", malformed, b"\0asm\x01".to_vec()),
        ("unknown-version", malformed, b"\0asm\x02\0\0\0".to_vec()),
        ("unknown-layer", malformed, b"\0asm\x0d\0\x07\0".to_vec()),
        ("section-too-long", malformed, module(&[size(4_000_000_000, &[1, 0x60, 0, 0])])),
        ("section-too-short", malformed, module(&[size(2, &[1, 0x60, 0, 0])])),
        ("size-of-six-bytes", malformed, module(&[vec![id::TYPE, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]])),
        ("unknown-section", None, module(&[section(99, &[1, 2, 3])])),
        ("two-type-sections", malformed, module(&[types(), types()])),
        ("sections-out-of-order", malformed, module(&[functions(), types()])),
        ("more-types-than-bytes", None, module(&[section(id::TYPE, &[number(9_000), NOTHING.to_vec()].concat())])),
        ("fewer-types-than-bytes", None, module(&[section(id::TYPE, &[vec![1], NOTHING.repeat(50)].concat())])),
        ("4-billion-types", Some(Code::TooMany), module(&[section(id::TYPE, &[number(0xffff_ffff), NOTHING.to_vec()].concat())])),
        ("4-billion-exports", Some(Code::TooMany), module(&[section(id::EXPORT, &number(0xffff_ffff))])),
        ("4-billion-parameters", None, module(&[section(id::TYPE, &[vec![1, 0x60], number(0xffff_ffff)].concat())])),
        ("functions-without-code", malformed, module(&[types(), functions()])),
        ("code-without-functions", malformed, module(&[types(), items(id::CODE, &[body(0, &[])])])),
        ("body-too-long", malformed, module(&[types(), functions(), section(id::CODE, &[1, 0xff, 0xff, 3, 0, END])])),
        ("body-without-end", None, module(&[types(), functions(), section(id::CODE, &[1, 2, 0, 1])])),
        ("br-table-too-long", malformed, function(0, &[vec![0x41, 0, 0x0e], number(0xffff_fff0)].concat())),
        ("unknown-instruction", malformed, function(0, &[0xff])),
        ("start-of-nothing", Some(Code::Invalid), module(&[types(), section(id::START, &[9])])),
        ("data-too-long", Some(Code::Invalid), module(&[items(id::DATA, &[[vec![0, 0x41, 0, END], number(70_000)].concat()])])),
        ("name-too-long", malformed, module(&[section(id::EXPORT, &[vec![1], number(50_000), vec![b'a'; 10]].concat())])),
        ("name-not-utf8", malformed, module(&[section(id::EXPORT, &[vec![1], sized(&[0xff, 0xfe]), vec![0, 0]].concat())])),
        ("custom-name-too-long", malformed, module(&[section(id::CUSTOM, &number(900))])),
        ("names-that-lie", None, module(&[custom("name", &[1, 0xff, 0xff, 0xff, 0xff, 0x0f])])),
        ("description-of-nothing", None, module(&[custom("component-type", b"")])),
        ("description-that-is-no-wasm", None, module(&[custom("component-type:x", &[0xff; 100])])),
        ("description-in-a-description", None, module(&[custom("component-type", &module(&[custom("component-type", &module(&[]))]))])),
    ]
}
