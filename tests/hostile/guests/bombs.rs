//! Small components that cost far more than their size to compile or to start.

use std::fmt::Write as _;

use extensions_test_support::{
    components::process_hook_with,
    components::{WIT, of_module},
};

use super::{
    raw::{TYPES, with_section},
    variant::{Variant, component, hook, rows, variant},
};
use crate::attack::Attack;

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "type-bombs", about: "types that are deep, wide or double", run: |stage| Box::pin(rows(stage, types())) },
    Attack { name: "code-bombs", about: "functions that are large for a compiler", run: |stage| Box::pin(rows(stage, code())) },
    Attack { name: "segment-bombs", about: "data and elements that are many, sparse or far", run: |stage| Box::pin(rows(stage, segments())) },
    Attack { name: "many-imports", about: "imports, exports and functions in any number", run: |stage| Box::pin(rows(stage, numbers())) },
];

fn types() -> Vec<Variant> {
    let chain = |levels: usize| {
        let mut text = String::from("(type $t0 (list u8))");
        for level in 1..levels {
            write!(text, "(type $t{level} (list $t{}))", level - 1).unwrap();
        }
        process_hook_with(&text)
    };
    let doubling = |levels: usize| {
        let mut text = String::from("(type $t0 (tuple u8 u8))");
        for level in 1..levels {
            write!(text, "(type $t{level} (tuple $t{0} $t{0}))", level - 1).unwrap();
        }
        process_hook_with(&text)
    };
    let wide = |fields: usize| {
        let fields: String = (0..fields).map(|at| format!("(field \"f{at}\" string)")).collect();
        process_hook_with(&format!("(type (record {fields}))"))
    };
    // The type of a component that holds the type of a component that holds …
    let nested = |levels: usize| with_section(TYPES, &[&[1][..], &[0x41, 1, 1].repeat(levels), &[0x41, 0]].concat());
    vec![
        component("lists 90 deep", chain(90), "OK {}"),
        component("lists 9,000 deep", chain(9_000), "ARTIFACT_CORRUPT"),
        component("tuples doubled 90 times", doubling(90), "ARTIFACT_CORRUPT"),
        component("a record of 900 texts", wide(900), "OK {}"),
        component("a record of 50,000 texts", wide(50_000), "ARTIFACT_CORRUPT"),
        component("types of components 20,000 deep", nested(20_000), "ARTIFACT_CORRUPT"),
    ]
}

fn code() -> Vec<Variant> {
    let blocks = |depth: usize| format!("(func {} {})", "block ".repeat(depth), "end ".repeat(depth));
    let locals = |count: usize| format!("(func (local {}))", "i64 ".repeat(count));
    let targets = |count: usize| format!("(func (param i32) (block (br_table {} (local.get 0))))", "0 ".repeat(count));
    let answers = |fields: &str| hook("(call $ok (call $answer))").text("answer", "{}").fields(fields);
    vec![
        variant("20,000 blocks deep", &answers(&blocks(20_000)), "OK {}"),
        variant("49,000 locals", &answers(&locals(49_000)), "OK {}"),
        variant("50,001 locals", &answers(&locals(50_001)), "ARTIFACT_CORRUPT"),
        variant("a branch of 60,000 targets", &answers(&targets(60_000)), "OK {}"),
        variant("20,000 functions", &answers(&"(func)".repeat(20_000)), "OK {}"),
    ]
}

fn segments() -> Vec<Variant> {
    let answers = |memory: &str, fields: &str| hook("(call $ok (call $answer))").text("answer", "{}").memory(memory).fields(fields);
    let many = format!("(core module $b (memory 2) {}) (core instance (instantiate $b))", "(data (i32.const 65536) \"\")".repeat(100_001));
    let every_page: String = (2..1_000).map(|page| format!("(data (i32.const {}) \"x\")", page << 16)).collect();
    vec![
        variant("both ends of 60 MiB", &answers("960", "(data (i32.const 65536) \"x\") (data (i32.const 62914559) \"x\")"), "OK {}"),
        variant("a byte in each of 1,000 pages", &answers("1000", &every_page), "OK {}"),
        variant("4,000 over each other", &answers("2", &"(data (i32.const 65536) \"xxxxxxxx\")".repeat(4_000)), "OK {}"),
        component("100,001", process_hook_with(&many), "ARTIFACT_CORRUPT"),
        variant("half beyond memory", &answers("2", "(data (i32.const 131071) \"xx\")"), "TRAP"),
        variant("at 4 GiB", &answers("2", "(data (i32.const -1) \"x\")"), "TRAP"),
        variant("empty, beyond memory", &answers("2", "(data (i32.const 131073) \"\")"), "TRAP"),
        variant("20,000 elements", &answers("2", &format!("(table 20000 funcref) (func $f) (elem (i32.const 0) {})", "$f ".repeat(20_000))), "OK {}"),
        variant("an element beyond the table", &answers("2", "(table 10 funcref) (func $f) (elem (i32.const 10) $f)"), "TRAP"),
        variant(
            "a start that fills 60 MiB",
            &answers("960", "(func $init (memory.fill (i32.const 65536) (i32.const 1) (i32.const 62000000))) (start $init)"),
            "OK {}",
        )
        .manifest("[limits]\ncpu_millis = 1000\n"),
    ]
}

fn numbers() -> Vec<Variant> {
    // As many functions of the log as a component may lower.
    let lowered = |count: usize| {
        let mut text = String::from(
            "(import \"ameide:extensions/logging@1.0.0\" (instance $log
                (type $l (enum \"trace\" \"debug\" \"info\" \"warn\" \"error\")) (export \"level\" (type $level (eq $l)))
                (export \"log\" (func (param \"level\" $level) (param \"message\" string)))))
             (core module $m (memory (export \"m\") 1)) (core instance $m (instantiate $m)) (alias core export $m \"m\" (core memory $mem))",
        );
        for _ in 0..count {
            text.push_str("(core func (canon lower (func $log \"log\") (memory $mem)))");
        }
        process_hook_with(&text)
    };
    let worlds = |count: usize| {
        let (mut wit, mut imports) = (String::new(), String::new());
        for at in 0..count {
            writeln!(wit, "interface i{at} {{ f: func(); }}").unwrap();
            write!(imports, "import i{at}; ").unwrap();
        }
        let calls: String = (0..count).map(|at| format!("(import \"ameide:extensions/i{at}@1.0.0\" \"f\" (func))")).collect();
        let wit = format!("{}\n{wit}", WIT.replace("world process-hook {", &format!("world process-hook {{ {imports}")));
        let module = format!(
            "(module {calls} (memory (export \"memory\") 1)
                (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable)
                (func (export \"run\") (param i32 i32 i32 i32) (result i32) unreachable))"
        );
        of_module(&wit, "process-hook", &module)
    };
    let exports: String = (0..900).map(|at| format!("(func (export \"f{at}\"))")).collect();
    vec![
        component("the log lowered 500 times", lowered(500), "OK {}"),
        component("500 interfaces that nobody gives", worlds(500), "ARTIFACT_CORRUPT"),
        component("900 exports of a module", process_hook_with(&format!("(core module $x {exports}) (core instance (instantiate $x))")), "OK {}"),
    ]
}
