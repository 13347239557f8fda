//! Modules of the plain ABI that lie about pointers, lengths, texts and turns.

use extensions_test_support::{PlainGuest, wrapped};

use super::variant::{Variant, hook, plain, rows, variant};
use crate::attack::Attack;

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "plain-lengths", about: "plain modules' answers outside of memory", run: |stage| Box::pin(rows(stage, lengths())) },
    Attack { name: "plain-alloc", about: "plain modules' allocators that give what they have not", run: |stage| Box::pin(rows(stage, alloc())) },
    Attack { name: "plain-imports", about: "what plain modules hand to the host", run: |stage| Box::pin(rows(stage, imports())) },
    Attack { name: "plain-turns", about: "calling when it is not a plain module's turn", run: |stage| Box::pin(rows(stage, turns())) },
    Attack {
        name: "host-calls",
        about: "calls that nobody granted, under any name, in any number",
        run: |stage| Box::pin(rows(stage, host_calls())),
    },
];

const DECLARED: &str = "risk_tier = \"medium\"\nhost_calls = [\"orders.get\"]\n";

/// An answer from anywhere.
fn lie(ptr: &str, len: &str) -> PlainGuest {
    PlainGuest::new(&format!("(call $pair (i32.const {ptr}) (i32.const {len}))"))
}

fn good() -> PlainGuest {
    PlainGuest::answering("{}")
}

/// A body that does something and answers well.
fn does(what: &str) -> PlainGuest {
    PlainGuest::new(&format!("{what} (call $pair (call $answer))")).text("answer", "{}")
}

fn trap(what: &str, guest: &PlainGuest) -> Variant {
    plain(what, guest, "TRAP")
}

fn lengths() -> Vec<Variant> {
    let mut rows = vec![
        trap("across the end", &lie("131000", "1000")),
        trap("beyond the end", &lie("0x70000000", "16")),
        trap("that wraps", &lie("0xfffffff0", "0x20")),
        trap("of a negative length", &lie("1024", "-1")),
        trap("of a negative length at zero", &lie("0", "-1")),
        trap("at a negative pointer", &lie("-1", "2")),
        trap("the lowest number", &PlainGuest::new("(i64.const 0x8000000080000000)")),
        trap("minus one", &PlainGuest::new("(i64.const -1)")),
        trap("all of memory", &lie("0", "131072")),
        trap("without memory", &lie("0", "0").memory("0").alloc("(i32.const 0)")),
        plain("zero", &PlainGuest::new("(i64.const 0)"), "INVALID_OUTPUT"),
    ];
    for at in [0, 1, 4, 7, 8] {
        let guest = PlainGuest::new(&format!("(memory.copy (i32.const {at}) (call $answer)) (call $pair (i32.const {at}) (i32.const 2))"));
        rows.push(plain(format!("at {at}, where the adapter writes"), &guest.text("answer", "{}"), "OK {}"));
    }
    rows
}

fn alloc() -> Vec<Variant> {
    let after_input = |then: &str| {
        let alloc = format!(
            "(global.set $turn (i32.add (global.get $turn) (i32.const 1)))
             (if (result i32) (i32.eq (global.get $turn) (i32.const 1)) (then (i32.const 65536)) (else {then}))"
        );
        does("(drop (call $host_context))").fields("(global $turn (mut i32) (i32.const 0))").alloc(&alloc)
    };
    let all = "(if (i32.eq (memory.grow (i32.const 60000)) (i32.const -1)) (then (unreachable))) (i32.const 0)";
    vec![
        trap("nothing", &good().alloc("(i32.const 0)")).says("alloc_gave_no_memory"),
        trap("minus one", &good().alloc("(i32.const -1)")),
        trap("the end", &good().alloc("(i32.const 131071)")),
        trap("beyond memory", &good().alloc("(i32.const 0x7ffffff0)")),
        trap("a trap", &good().alloc("(unreachable)")),
        plain("all there is", &good().alloc(all), "MEMORY_LIMIT"),
        trap("nothing, for the context", &after_input("(i32.const 0)")),
        trap("the end, for the context", &after_input("(i32.const 131070)")),
        trap("what wraps, for the context", &after_input("(i32.const -2)")),
        plain("one block for everything", &does("(drop (call $host_context))").alloc("(i32.const 65536)"), "OK {}"),
    ]
}

fn imports() -> Vec<Variant> {
    let logs = |level: &str, ptr: &str, len: &str| does(&format!("(call $host_log (i32.const {level}) (i32.const {ptr}) (i32.const {len}))"));
    let calls = |ptr: &str, len: &str| does(&format!("(drop (call $host_call (i32.const {ptr}) (i32.const {len})))"));
    vec![
        trap("level 5", &logs("5", "0", "0")),
        trap("level minus one", &logs("-1", "0", "0")),
        trap("a line beyond memory", &logs("2", "0x70000000", "8")),
        trap("a line that wraps", &logs("2", "-4", "8")),
        trap("a line of negative length", &logs("2", "0", "-1")),
        trap("an empty line beyond memory", &logs("2", "0x7fffffff", "0")),
        trap("a line in latin 1", &does("(call $host_log (i32.const 2) (call $line))").text("line", b"caf\xe9")),
        plain("a line of 4 MiB", &logs("2", "0", "4194304").memory("65"), "OUTPUT_LIMIT"),
        trap("a request beyond memory", &calls("0x70000000", "8")).manifest(DECLARED),
        trap("a request of negative length", &calls("0", "-1")).manifest(DECLARED),
        plain("a request of 4 MiB", &calls("0", "4194304").memory("65"), "OUTPUT_LIMIT").manifest(DECLARED),
    ]
}

/// While the host allocates in a module, the module reaches nothing.
fn turns() -> Vec<Variant> {
    let again = "(drop (call $run (i32.const 0) (i32.const 0))) (drop (call $alloc (local.get $len))) (i32.const 0)";
    let module = |initialize: &str, dealloc: &str| {
        wrapped(&format!(
            "(module (memory (export \"memory\") 2) (data (i32.const 16) \"{{}}\")
                (func (export \"_initialize\") {initialize})
                (func (export \"alloc\") (param i32) (result i32) (i32.const 4096))
                (func (export \"dealloc\") (param i32 i32) {dealloc})
                (func (export \"run\") (param i32 i32) (result i64) (i64.const 0x1000000002)))"
        ))
    };
    let of = |what: &str, component: Vec<u8>, expected: &str| super::variant::plain_component(what, component, expected);
    vec![
        trap("logging in alloc", &good().alloc("(call $host_log (i32.const 2) (i32.const 0) (i32.const 0)) (i32.const 65536)")),
        trap("a host call in alloc", &good().alloc("(drop (call $host_call (i32.const 0) (i32.const 0))) (i32.const 65536)")).manifest(DECLARED),
        trap("the context in alloc", &good().alloc("(drop (call $host_context)) (i32.const 65536)")),
        trap("run in alloc", &good().alloc(again)),
        trap("the context in start", &good().fields("(func $init (drop (call $host_context))) (start $init)")),
        of("a trap in _initialize", module("(unreachable)", ""), "TRAP"),
        of("a loop in _initialize", module("(loop $l (br $l))", ""), "CPU_LIMIT"),
        // Nobody calls it: an instance answers once.
        of("a trap in dealloc", module("", "(unreachable)"), "OK {}"),
        of("a loop in dealloc", module("", "(loop $l (br $l))"), "OK {}"),
    ]
}

fn host_calls() -> Vec<Variant> {
    const CALL: &str = "(call $host_call (call $service) (call $method) (call $request) (i32.const 2048))";
    let caller = |service: &str, body: &str| {
        hook(&format!("{CALL} {body}"))
            .text("service", service)
            .text("method", "get")
            .text("request", "{}")
            .text("answer", "{}")
            .text("why", "no order")
    };
    // result: error at 2048, call-error: denied (0) at 2052.
    let case = "(call $ok (call $number (i64.load8_u (i32.const 2052))))";
    let many = format!(
        "(local $left i32) (local.set $left (i32.const 1000))
         (loop $again {CALL} (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))) {case}"
    );
    let many = hook(&many).text("service", "orders").text("method", "get").text("request", "{}");
    let mut rows = Vec::new();
    for (of, manifest) in [("undeclared", ""), ("declared", DECLARED)] {
        rows.extend([
            variant(format!("{of}, and copes"), &caller("orders", case), "OK {\"n\":0}").manifest(manifest),
            variant(format!("{of}, and fails"), &caller("orders", "(call $fail (i32.const 2) (call $why))"), "HOST_CALL_DENIED").manifest(manifest),
            variant(format!("{of}, and traps"), &caller("orders", "(unreachable)"), "HOST_CALL_DENIED").manifest(manifest),
            variant(format!("{of}, and rejects"), &caller("orders", "(call $fail (i32.const 0) (call $why))"), "REJECTED").manifest(manifest),
        ]);
    }
    rows.push(variant("1,000: the budget is exhausted", &many, "OK {\"n\":1}").manifest(DECLARED));
    for service in ["", "orders/../billing", "orders\0", "é", "*", "orders.get", &"x".repeat(4_000)] {
        let what = format!("of service {:?}", service.chars().take(20).collect::<String>());
        rows.push(variant(what, &caller(service, case), "OK {\"n\":0}").manifest(DECLARED));
    }
    let asks = |request: &str| PlainGuest::new("(call $host_call (call $request))").text("request", request);
    for request in [r#"{"service":"orders","method":"get"}"#, "orders.get", "", r#"{"service":"orders","method":"get","request":1,"more":2}"#] {
        rows.push(plain(format!("no request: {request}"), &asks(request), "OK").manifest(DECLARED));
    }
    rows
}
