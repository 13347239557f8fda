//! Small files that cost compilers, validators or stacks far more than their size.

use super::{
    Bad,
    guests::export,
    raw::{NOTHING, body, component, custom, function, id, items, module, number, same, section, sized},
};
use crate::{COMPONENT_BYTES_MAX, Code, INPUT_BYTES_MAX};

const NOP: u8 = 0x01;
const END: u8 = 0x0b;
const BLOCK: [u8; 2] = [0x02, 0x40];
/// Builds of a bomb.
type Make = fn() -> Vec<u8>;

/// What each is refused for.
static BOMBS: [(&str, Code, Make); 33] = [
    ("huge-function", Code::TooMany, || function(0, &vec![NOP; 600_000])),
    ("many-locals", Code::TooMany, || function(49_000, &[])),
    ("locals-beyond-any-number", Code::TooMany, || function(0xffff_fff0, &[])),
    ("deep-blocks", Code::TooMany, || function(0, &[BLOCK.repeat(100_000), vec![END; 100_000]].concat())),
    ("br-table", Code::TooMany, || function(0, &br_table(300_000))),
    ("many-br-tables", Code::TooMany, || function(0, &br_table(1_000).repeat(60))),
    ("100000-functions", Code::TooMany, || functions(100_000)),
    ("declared-functions", Code::TooMany, || module(&[items(id::TYPE, &[NOTHING.to_vec()]), same(id::FUNCTION, 900_000, &[0])])),
    ("100000-types", Code::TooMany, || module(&[same(id::TYPE, 100_000, &NOTHING)])),
    ("recursion-group", Code::TooMany, || module(&[section(id::TYPE, &[vec![1, 0x4e], number(500_000), [0x5f, 0].repeat(500_000)].concat())])),
    ("many-groups", Code::TooMany, || module(&[same(id::TYPE, 9_000, &[0x4e, 1, 0x5f, 0])])),
    ("many-memories", Code::TooMany, || module(&[same(id::MEMORY, 100, &[0, 1])])),
    ("giant-memory", Code::TooMany, || module(&[items(id::MEMORY, &[[vec![0], number(65_536)].concat()])])),
    ("giant-table", Code::TooMany, || module(&[items(id::TABLE, &[[vec![0x70, 0], number(10_000_000)].concat()])])),
    ("many-tables", Code::TooMany, || module(&[same(id::TABLE, 90, &[0x70, 0, 1])])),
    ("many-globals", Code::TooMany, || module(&[same(id::GLOBAL, 100_000, &[0x7f, 0, 0x41, 0, END])])),
    ("many-elements", Code::TooMany, || module(&[items(id::ELEMENT, &[[vec![0, 0x41, 0, END], number(400_000), vec![0; 400_000]].concat()])])),
    ("giant-data", Code::TooMany, || module(&[items(id::DATA, &[[vec![0, 0x41, 0, END], sized(&vec![7; 3 << 20])].concat()])])),
    ("many-segments", Code::TooMany, || module(&[same(id::DATA, 90_000, &[1, 1, 0])])),
    ("giant-file", Code::TooLarge, || module(&[custom("x", &vec![0; INPUT_BYTES_MAX])])),
    ("giant-custom", Code::TooMany, || module(&[custom("x", &vec![0; COMPONENT_BYTES_MAX])])),
    ("many-customs", Code::TooMany, || module(&[custom("x", b"").repeat(100_000)])),
    ("many-exports", Code::TooMany, || exports(20_000, 8)),
    ("same-long-names", Code::TooMany, || exports(900, 1_000)),
    ("one-long-name", Code::TooMany, || exports(1, 90_000)),
    ("nested-components", Code::TooMany, || nested(400)),
    ("many-components", Code::TooMany, || component(&[section(id::COMPONENT, &component(&[])).repeat(3_000)])),
    ("many-modules", Code::TooMany, || component(&[section(id::CORE_MODULE, &module(&[])).repeat(3_000)])),
    ("many-instances", Code::TooMany, || component(&[section(id::CORE_MODULE, &module(&[])), same(id::CORE_INSTANCE, 900, &[0, 0, 0])])),
    ("nested-types", Code::TooMany, || component(&[items(id::COMPONENT_TYPE, &[nested_types(2_000_000)])])),
    ("nested-types-in-its-description", Code::TooMany, || {
        module(&[custom("component-type", &component(&[items(id::COMPONENT_TYPE, &[nested_types(15_000)])]))])
    }),
    ("deep-types", Code::Invalid, || component(&[items(id::COMPONENT_TYPE, &chain(9_000))])),
    ("doubling-types", Code::Invalid, || component(&[items(id::COMPONENT_TYPE, &doubling(90))])),
];

/// Each of them, and types that are just within what validators accept.
pub(super) fn all() -> impl Iterator<Item = Bad> {
    let near: [(&str, Make); 3] = [
        ("types-of-depth-90", || component(&[items(id::COMPONENT_TYPE, &chain(90))])),
        ("types-doubled-18-times", || component(&[items(id::COMPONENT_TYPE, &doubling(18))])),
        ("nested-types-within-bounds", || component(&[items(id::COMPONENT_TYPE, &[nested_types(250)])])),
    ];
    let bombs = BOMBS.iter().map(|(name, code, make)| Bad::new(format!("bomb/{name}"), *code, make()));
    bombs.chain(near.into_iter().map(|(name, make)| Bad { name: format!("bomb/{name}"), bytes: make(), code: None }))
}

fn br_table(targets: usize) -> Vec<u8> {
    [vec![0x41, 0, 0x0e], number(targets), vec![0; targets + 1]].concat()
}

fn functions(count: usize) -> Vec<u8> {
    module(&[items(id::TYPE, &[NOTHING.to_vec()]), same(id::FUNCTION, count, &[0]), same(id::CODE, count, &body(0, &[]))])
}

/// Exports of one function under names of so many bytes.
fn exports(count: usize, bytes: usize) -> Vec<u8> {
    let exports: Vec<_> = (0..count).map(|number| export(&format!("{}{number:08}", "n".repeat(bytes.saturating_sub(8))), 0, 0)).collect();
    module(&[items(id::TYPE, &[NOTHING.to_vec()]), items(id::FUNCTION, &[vec![0]]), items(id::EXPORT, &exports), items(id::CODE, &[body(0, &[])])])
}

fn nested(levels: usize) -> Vec<u8> {
    (0..levels).fold(component(&[]), |inner, _| component(&[section(id::COMPONENT, &inner)]))
}

/// A component's type that holds a component's type that holds …
fn nested_types(levels: usize) -> Vec<u8> {
    [[0x41, 1, 1].repeat(levels), vec![0x41, 0]].concat()
}

/// `list<u8>`, lists of the type before.
fn chain(levels: usize) -> Vec<Vec<u8>> {
    (0..levels).map(|level| if level == 0 { vec![0x70, 0x7d] } else { [vec![0x70], signed(level - 1)].concat() }).collect()
}

/// Tuples of twice the type before: small to write, huge to walk.
fn doubling(levels: usize) -> Vec<Vec<u8>> {
    let pair = |level: usize| [vec![0x6f, 2], signed(level - 1), signed(level - 1)].concat();
    (0..levels).map(|level| if level == 0 { vec![0x70, 0x7d] } else { pair(level) }).collect()
}

/// An index where a primitive could stand: a signed number.
fn signed(mut index: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while index >= 0x40 {
        bytes.push((index & 0x7f) as u8 | 0x80);
        index >>= 7;
    }
    bytes.push(index as u8);
    bytes
}
