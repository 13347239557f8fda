//! Components from text: of a core module with its world, or written whole.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The contract that guests are built against.
pub const WIT: &str = include_str!("../../../wit/extensions.wit");

/// The component of a core module that implements `world` of `wit`.
///
/// # Panics
/// When the texts do not fit each other.
#[must_use]
pub fn of_module(wit: &str, world: &str, wat: &str) -> Vec<u8> {
    let mut module = parsed(wat);
    let mut resolve = Resolve::default();
    let package = resolve.push_str("test.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let component = ComponentEncoder::default().module(&module).and_then(|mut encoder| encoder.encode());
    component.unwrap_or_else(|error| panic!("{error:#}\n{}", head(wat)))
}

/// The bytes of a text.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn parsed(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}\n{}", head(wat)))
}

/// As much of a text as a person reads: bombs are long.
fn head(wat: &str) -> String {
    const CHARS: usize = 2_000;
    wat.chars().take(CHARS).collect()
}

/// A process hook that answers `{}`, with `more` definitions inside: what no
/// encoder would make of one module.
///
/// # Panics
/// When `more` is no part of a component.
#[must_use]
pub fn process_hook_with(more: &str) -> Vec<u8> {
    let wat = format!(
        r#"(component
            (core module $main
                (memory (export "memory") 2)
                (data (i32.const 20) "\40\00\00\00\02\00\00\00")
                (data (i32.const 64) "{{}}")
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
                (func (export "run") (param i32 i32 i32 i32) (result i32) (i32.const 16)))
            (core instance $main (instantiate $main))
            {more}
            (type $error (variant (case "rejected" string) (case "invalid-input" string) (case "failed" string)))
            (export $hook-error "hook-error" (type $error))
            (alias core export $main "memory" (core memory $memory))
            (alias core export $main "run" (core func $run))
            (alias core export $main "realloc" (core func $realloc))
            (func $lifted (param "task" string) (param "variables" (list u8)) (result (result (list u8) (error $hook-error)))
                (canon lift (core func $run) (memory $memory) (realloc (func $realloc))))
            (export "run" (func $lifted)))"#
    );
    parsed(&wat)
}
