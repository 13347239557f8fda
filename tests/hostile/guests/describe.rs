//! Tools that describe themselves with malice: `describe()` runs while a version is built, in the production engine.

use extensions_pipeline::{DescribeError, Workbench};
use extensions_test_support::components::{WIT, of_module};
use extensions_types::Kind;

use super::time::SPIN;
use crate::{
    CHILD,
    attack::{Attack, Row},
    stage::Stage,
};

pub(super) const ATTACKS: &[Attack] =
    &[Attack { name: "describe", about: "a tool that attacks whoever asks what it is", run: |stage| Box::pin(describe(stage)) }];

/// A tool with this `describe`, which finds `tool` at 512, `{}` at 516 and its record at 544.
fn tool(body: &str) -> Vec<u8> {
    let wat = format!(
        r#"(module (memory (export "memory") 2)
            (data (i32.const 512) "tool{{}}")
            (func $deeper (call $deeper))
            (func $field (param $at i32) (param $ptr i32) (param $len i32)
                (i32.store (local.get $at) (local.get $ptr)) (i32.store offset=4 (local.get $at) (local.get $len)))
            (func $good
                (call $field (i32.const 544) (i32.const 512) (i32.const 4)) (call $field (i32.const 552) (i32.const 512) (i32.const 4))
                (call $field (i32.const 560) (i32.const 516) (i32.const 2)) (call $field (i32.const 568) (i32.const 516) (i32.const 2)))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
            (func (export "describe") (result i32) {body} (i32.const 544))
            (func (export "call") (param i32 i32) (result i32) unreachable))"#
    );
    of_module(WIT, "agent-tool", &wat)
}

async fn describe(stage: &Stage) -> Vec<Row> {
    let home = tempfile::tempdir().unwrap();
    let bench = Workbench::start(home.path(), CHILD.as_ref()).unwrap();
    let field = |at: u32, ptr: &str, len: &str| format!("(call $good) (call $field (i32.const {at}) (i32.const {ptr}) (i32.const {len}))");
    let large = format!("(drop (memory.grow (i32.const 900))) {}", field(560, "65536", "50000000"));
    let variants = [
        ("a good one", "(call $good)".to_owned(), "described"),
        ("a loop", SPIN.to_owned(), "CPU_LIMIT"),
        ("a trap", "(unreachable)".to_owned(), "TRAP"),
        ("recursion", "(call $deeper)".to_owned(), "TRAP"),
        ("all memory", "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 64)) (i32.const -1)))) (unreachable)".to_owned(), "MEMORY_LIMIT"),
        ("a name beyond memory", field(544, "0x70000000", "4"), "TRAP"),
        ("a description that wraps", field(552, "-2", "8"), "TRAP"),
        ("a name without utf-8", format!("(i32.store8 (i32.const 600) (i32.const 255)) {}", field(544, "600", "1")), "TRAP"),
        ("a schema of 50 MB", large, "OUTPUT_LIMIT"),
        ("a name of 1,000 bytes", field(544, "1024", "1000"), "another name"),
        ("no name", field(544, "512", "0"), "another name"),
        ("no description", field(552, "512", "0"), "another description"),
        ("a schema that is no JSON", field(560, "512", "4"), "no schema"),
    ];
    let mut rows = Vec::new();
    for (at, (what, body, expected)) in variants.into_iter().enumerate() {
        let served = stage.platform.serve(&stage.attacker, &format!("tool-{at}"), Kind::AgentTool, "", tool(&body));
        let extension = bench.load(&served).await.unwrap();
        let got = match bench.describe(&extension).await {
            Ok(_) => "described".to_owned(),
            Err(DescribeError::Failed(failure)) => failure.code.to_string(),
            Err(DescribeError::Name(_)) => "another name".to_owned(),
            Err(DescribeError::Description(_)) => "another description".to_owned(),
            Err(DescribeError::Schema { .. }) => "no schema".to_owned(),
            Err(other) => other.to_string(),
        };
        rows.push(Row::new(what, expected, got));
    }
    rows
}
