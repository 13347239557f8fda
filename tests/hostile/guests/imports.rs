//! Components that ask for what nobody gives them, and those that are not what they say.

use extensions_test_support::{
    Guest, PlainGuest,
    components::{WIT, of_module, parsed, process_hook_with},
};
use extensions_types::Kind;

use super::variant::{Variant, component, hook, rows, variant};
use crate::attack::Attack;

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "smuggled-imports", about: "interfaces that no host gives", run: |stage| Box::pin(rows(stage, smuggled())) },
    Attack { name: "bent-imports", about: "our interfaces under other types and versions", run: |stage| Box::pin(rows(stage, bent())) },
    Attack { name: "wrong-world", about: "components that are not of their kind's world", run: |stage| Box::pin(rows(stage, worlds())) },
    Attack { name: "features", about: "instructions and types beyond what is admitted", run: |stage| Box::pin(rows(stage, features())) },
    Attack { name: "async-builtins", about: "the component model's tasks, streams and threads", run: |stage| Box::pin(rows(stage, asynchronous())) },
    Attack { name: "no-component", about: "bytes that are none, or half of one", run: |stage| Box::pin(rows(stage, bytes())) },
];

fn refused(what: &str, bytes: Vec<u8>) -> Variant {
    component(what, bytes, "ARTIFACT_CORRUPT")
}

fn smuggled() -> Vec<Variant> {
    let instance = |name: &str| refused(name, process_hook_with(&format!("(import \"{name}\" (instance (export \"get\" (func (result u64)))))")));
    let mut rows: Vec<Variant> = [
        "wasi:cli/environment@0.2.0",
        "wasi:filesystem/preopens@0.2.0",
        "wasi:sockets/tcp@0.2.0",
        "wasi:random/random@0.2.0",
        "wasi:clocks/wall-clock@0.2.0",
        "wasi:http/outgoing-handler@0.2.0",
        "wasi:io/poll@0.2.9",
        "ameide:extensions/secrets@1.0.0",
        "ameide:extensions/clock@1.0.0",
        "ameide:platform/logging@1.0.0",
    ]
    .map(instance)
    .into();
    let clock = "(module (import \"ameide:extensions/clock@1.0.0\" \"now\" (func (result i64))) (memory (export \"memory\") 1)
        (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export \"run\") (param i32 i32 i32 i32) (result i32) (drop (call 0)) unreachable))";
    let wit = format!("{}\ninterface clock {{ now: func() -> u64; }}", WIT.replace("world process-hook {", "world process-hook { import clock;"));
    rows.extend([
        refused("an interface that is really called", of_module(&wit, "process-hook", clock)).says("clock"),
        refused("a function at the root", process_hook_with("(import \"log\" (func (param \"message\" string)))")),
        refused("a core module", process_hook_with("(import \"m\" (core module (export \"f\" (func))))")),
        refused("a component", process_hook_with("(import \"c\" (component (export \"f\" (func))))")),
        refused("a resource", process_hook_with("(import \"a:b/files\" (instance (export \"file\" (type (sub resource)))))")),
        refused("a url", process_hook_with("(import \"url=<https://example.com/x.wasm>\" (component))")),
        refused("a locked dependency", process_hook_with("(import \"locked-dep=<a:b@1.0.0>\" (component))")),
    ]);
    rows
}

fn bent() -> Vec<Variant> {
    let log = |name: &str, of: &str| process_hook_with(&format!("(import \"{name}\" (instance {of}))"));
    let levels = "(type $l (enum \"trace\" \"debug\" \"info\" \"warn\" \"error\")) (export \"level\" (type $level (eq $l)))";
    let good = format!("{levels} (export \"log\" (func (param \"level\" $level) (param \"message\" string)))");
    vec![
        component("the log as it is", log("ameide:extensions/logging@1.0.0", &good), "OK {}"),
        refused("another major version", log("ameide:extensions/logging@2.0.0", &good)),
        refused("an older version", log("ameide:extensions/logging@0.9.0", &good)),
        refused("no version", log("ameide:extensions/logging", &good)),
        refused(
            "a log of bytes",
            log(
                "ameide:extensions/logging@1.0.0",
                &format!("{levels} (export \"log\" (func (param \"level\" $level) (param \"message\" (list u8))))"),
            ),
        ),
        refused(
            "a log with an answer",
            log(
                "ameide:extensions/logging@1.0.0",
                &format!("{levels} (export \"log\" (func (param \"level\" $level) (param \"message\" string) (result string)))"),
            ),
        ),
        refused(
            "a log of fewer levels",
            log(
                "ameide:extensions/logging@1.0.0",
                "(type $l (enum \"trace\")) (export \"level\" (type $level (eq $l))) (export \"log\" (func (param \"level\" $level) (param \"message\" string)))",
            ),
        ),
        refused("a function more", log("ameide:extensions/logging@1.0.0", &format!("{good} (export \"read\" (func (result (list string))))"))),
        refused("a context that can be set", log("ameide:extensions/context@1.0.0", "(export \"set\" (func (param \"tenant-id\" string)))")),
        refused("the plain world's context", log("ameide:extensions/plain-context@1.0.0", "(export \"current\" (func (result (list u8))))")),
    ]
}

fn worlds() -> Vec<Variant> {
    let answering = |kind| Guest::answering(kind, "{}").component();
    let export = |signature: &str| {
        let text = format!(
            r#"(component (core module $m (func (export "f") {signature} unreachable)) (core instance $m (instantiate $m)) {}
                (export "run" (func $f)))"#,
            "(func $f (canon lift (core func $m \"f\")))"
        );
        parsed(&text)
    };
    let more = "(core module $x (func (export \"f\"))) (core instance $x (instantiate $x)) (func $x (canon lift (core func $x \"f\"))) (export \"spare\" (func $x))";
    vec![
        refused("a domain hook for a process hook", answering(Kind::DomainHook)),
        refused("a process hook for a tool", answering(Kind::ProcessHook)).kind(Kind::AgentTool),
        refused("a tool for a domain hook", answering(Kind::AgentTool)).kind(Kind::DomainHook),
        refused("a plain module for a component", PlainGuest::answering("{}").component()),
        refused("an export of another type", export("")),
        refused("no export", parsed("(component)")),
        component("an export more, which nobody calls", process_hook_with(more), "OK {}"),
    ]
}

fn features() -> Vec<Variant> {
    let module = |what: &str, fields: &str| refused(what, process_hook_with(&format!("(core module $b {fields}) (core instance (instantiate $b))")));
    vec![
        module("a 64-bit memory", "(memory i64 1)"),
        module("a 64-bit table", "(table i64 1 funcref)"),
        module("a shared memory", "(memory 1 1 shared)"),
        module("atomics", "(memory 1) (func (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1))))"),
        module("two memories", "(memory 1) (memory 1)"),
        module("relaxed vectors", "(func (param v128 v128 v128) (result v128) (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2)))"),
        module("tail calls", "(func $f (return_call $f))"),
        module("structures", "(type (struct (field i32)))"),
        module("references to functions' types", "(type $f (func)) (func (param (ref null $f)) (call_ref $f (local.get 0)))"),
        module("exceptions", "(tag $e) (func (throw $e))"),
        module("stack switching", "(type $f (func)) (type $c (cont $f)) (func (param (ref $f)) (drop (cont.new $c (local.get 0))))"),
        module("pages of one byte", "(memory 1 (pagesize 1))"),
        module("wide arithmetic", "(func (param i64 i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 1)))"),
    ]
}

fn asynchronous() -> Vec<Variant> {
    let builtin = |what: &str, definition: &str| refused(what, process_hook_with(definition));
    vec![
        builtin("a future", "(type $f (future u32)) (core func (canon future.new $f))"),
        builtin("a stream", "(type $s (stream u8)) (core func (canon stream.new $s))"),
        builtin("an error context", "(core func (canon error-context.drop))"),
        builtin("a waitable set", "(core func (canon waitable-set.new))"),
        builtin("backpressure", "(core func (canon backpressure.inc))"),
        builtin("yielding", "(core func (canon thread.yield))"),
        builtin("a task's end", "(core func (canon task.return))"),
        builtin("storage of the context", "(core func (canon context.get i32 0))"),
        builtin("counting threads", "(core func (canon thread.available_parallelism))"),
        builtin(
            "an asynchronous export",
            "(core module $a (func (export \"f\") (result i32) unreachable) (func (export \"c\") (param i32 i32 i32) (result i32) unreachable))
             (core instance $a (instantiate $a))
             (func (export \"later\") (canon lift (core func $a \"f\") async (callback (func $a \"c\"))))",
        ),
    ]
}

fn bytes() -> Vec<Variant> {
    let whole = hook("(unreachable)").component();
    let mut rows = vec![
        refused("nothing", Vec::new()),
        refused("text", b"(component)".to_vec()),
        refused("another program", b"MZ\x90\0 no component at all".to_vec()),
        refused("a core module", vec![0, b'a', b's', b'm', 1, 0, 0, 0]),
        refused("another version", [&b"\0asm\x7f\0\x01\0"[..], &whole[8..]].concat()),
        refused("more than may be stored", [&b"\0asm\x0d\0\x01\0"[..], &vec![0; 4 << 20][..]].concat()),
        refused("sections that say they are longer", [&b"\0asm\x0d\0\x01\0"[..], &[0, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat()),
    ];
    for parts in [2, 3, 5] {
        rows.push(refused("cut short", whole[..whole.len() / parts].to_vec()));
    }
    rows.push(variant("and a good one after them", &Guest::answering(Kind::ProcessHook, "{}"), "OK {}"));
    rows
}
