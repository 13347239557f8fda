//! Guests that lie to the canonical ABI: pointers, lengths, alignments,
//! discriminants. The host never reads beyond a guest's memory.

use extensions_test_support::Guest;
use extensions_types::Kind;

use super::variant::{Variant, hook, rows, variant};
use crate::attack::Attack;

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "lying-pointers", about: "results that lie outside of memory", run: |stage| Box::pin(rows(stage, lengths())) },
    Attack { name: "lying-lists", about: "lists of records whose texts lie anywhere", run: |stage| Box::pin(rows(stage, lists())) },
    Attack {
        name: "overlaps",
        about: "results that overlap each other, the input or the return area",
        run: |stage| Box::pin(rows(stage, overlaps())),
    },
    Attack { name: "discriminants", about: "cases and enumerators that do not exist", run: |stage| Box::pin(rows(stage, discriminants())) },
    Attack { name: "alignment", about: "pointers that no compiler would make", run: |stage| Box::pin(rows(stage, alignment())) },
    Attack { name: "invalid-utf8", about: "texts that are none, in each place for a text", run: |stage| Box::pin(rows(stage, utf8())) },
    Attack { name: "bad-realloc", about: "an allocator that gives what it has not", run: |stage| Box::pin(rows(stage, realloc())) },
    Attack { name: "realloc-imports", about: "calling the host while the host copies", run: |stage| Box::pin(rows(stage, realloc_imports())) },
];

fn answers() -> Guest {
    Guest::answering(Kind::ProcessHook, "{}")
}

fn lengths() -> Vec<Variant> {
    let lie = |what: &str, ptr: &str, len: &str| variant(what, &hook(&format!("(call $ok (i32.const {ptr}) (i32.const {len}))")), "TRAP");
    let tool = |ptr: &str, len: &str| Guest::new(Kind::AgentTool, &format!("(call $ok (i32.const {ptr}) (i32.const {len}))"));
    vec![
        lie("a list across the end", "131000", "1000"),
        lie("a list of one byte at the end", "131072", "1"),
        lie("a list beyond the end", "0x70000000", "16"),
        lie("a list that wraps", "0xfffffff0", "0x20"),
        lie("an empty list beyond the end", "0x70000000", "0"),
        variant("a tool's, that wraps", &tool("0xfffffff0", "0x20"), "TRAP").kind(Kind::AgentTool),
        variant("a result beyond memory", &hook("(i32.const 0x7ffffff0)"), "TRAP"),
        variant("a result that wraps", &hook("(i32.const -4)"), "TRAP"),
        variant("a result at the last byte", &hook("(i32.const 131068)"), "TRAP"),
        variant("a text of an error beyond memory", &hook("(call $fail (i32.const 2) (i32.const 0x70000000) (i32.const 9))"), "TRAP"),
        variant("a text of an error that wraps", &hook("(call $fail (i32.const 2) (i32.const -4) (i32.const 8))"), "TRAP"),
        variant("a line beyond memory", &hook("(call $log (i32.const 0x70000000) (i32.const 5)) (unreachable)"), "TRAP"),
        variant("a line that wraps", &hook("(call $log (i32.const -2) (i32.const 5)) (unreachable)"), "TRAP"),
        variant("the context into nowhere", &hook("(call $current (i32.const 0x7ffffff0)) (unreachable)"), "TRAP"),
    ]
}

/// A verdict with `stores` over its fields: messages at 24 (pointer) and 28 (length), each 40 bytes.
fn verdict(stores: &str) -> Guest {
    Guest::new(Kind::DomainHook, &format!("(drop (call $ok (call $answer))) {stores} (i32.const 16)")).text("answer", "{}")
}

/// One message at 2048, with `stores` over it: code at 0, severity at 8, text at 12, path at 20.
fn message(stores: &str) -> Guest {
    verdict(&format!("(i32.store (i32.const 24) (i32.const 2048)) (i32.store (i32.const 28) (i32.const 1)) {stores}"))
}

fn lists() -> Vec<Variant> {
    let messages =
        |ptr: &str, len: &str| verdict(&format!("(i32.store (i32.const 24) (i32.const {ptr})) (i32.store (i32.const 28) (i32.const {len}))"));
    let row = |what: &str, guest: Guest| variant(what, &guest, "TRAP").kind(Kind::DomainHook);
    vec![
        row("beyond memory", messages("2048", "100000")),
        row("whose size is more than a number holds", messages("2048", "0x10000000")),
        row("whose size wraps to nothing", messages("2048", "0x8000000")),
        row("of the highest length", messages("0", "-1")),
        row("empty, beyond memory", messages("0x7ffffff8", "0")),
        row("a code beyond memory", message("(i32.store (i32.const 2048) (i32.const 0x70000000)) (i32.store (i32.const 2052) (i32.const 1))")),
        row("a text that wraps", message("(i32.store (i32.const 2060) (i32.const -1)) (i32.store (i32.const 2064) (i32.const 2))")),
        row("a text of the highest length", message("(i32.store (i32.const 2064) (i32.const -1))")),
        row("a path beyond memory", message("(i32.store (i32.const 2068) (i32.const 131072)) (i32.store (i32.const 2072) (i32.const 1))")),
        row("fields beyond memory", verdict("(i32.store (i32.const 32) (i32.const 131071))")),
    ]
}

/// The guest reads its own memory twice, and nobody else's.
fn overlaps() -> Vec<Variant> {
    let mut rows = vec![
        variant("the input is the answer", &hook("(call $ok (local.get $input) (local.get $input_len))"), "OK {}"),
        variant(
            "the answer lies over the return area",
            &hook(
                "(i64.store (i32.const 24) (i64.const 0x7d7b00000002)) (call $ok (i32.const 28) (i32.const 2)) (i32.store16 (i32.const 28) (i32.const 0x7d7b))",
            ),
            "OK {}",
        ),
        variant("all of memory is the answer", &hook("(call $ok (i32.const 0) (i32.const 131072))"), "INVALID_OUTPUT"),
        variant(
            "post-return changes the answer",
            &answers().fields("(func (export \"cabi_post_run\") (param i32) (memory.fill (i32.const 0) (i32.const 120) (i32.const 65536)))"),
            "OK {}",
        ),
    ];
    // A thousand messages whose texts are one and the same text: the host's copies are bounded, not the guest's memory.
    let same = "(local $at i32) (drop (call $ok (call $answer)))
        (loop $next
            (i32.store offset=65540 (local.get $at) (i32.const 0))
            (i32.store offset=65548 (local.get $at) (i32.const 131072)) (i32.store offset=65552 (local.get $at) (i32.const 60000))
            (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 28))) (i32.const 56000))))
        (memory.fill (i32.const 131072) (i32.const 120) (i32.const 65536))
        (i32.store (i32.const 24) (i32.const 65536)) (i32.store (i32.const 28) (i32.const 2000)) (i32.const 16)";
    let guest = Guest::new(Kind::DomainHook, same).text("answer", "{}").memory("4");
    rows.push(variant("2,000 messages of one text", &guest, "OUTPUT_LIMIT").kind(Kind::DomainHook));
    rows
}

fn discriminants() -> Vec<Variant> {
    let stored = |what: &str, case: u32| variant(what, &hook(&format!("(i32.store8 (i32.const 16) (i32.const {case})) (i32.const 16)")), "TRAP");
    vec![
        stored("result case 2", 2),
        stored("result case 255", 255),
        variant("an unknown error", &hook("(call $fail (i32.const 3) (i32.const 0) (i32.const 0))"), "TRAP"),
        variant("severity 3", &message("(i32.store8 (i32.const 2056) (i32.const 3))"), "TRAP").kind(Kind::DomainHook),
        // A bool is whatever is not 0: no lie at all.
        variant("a verdict's ok of 255", &verdict("(i32.store8 (i32.const 20) (i32.const 255))"), "OK").kind(Kind::DomainHook),
        variant(
            "a log level of 9",
            &hook("(call $log_at (i32.const 9) (i32.const 0) (i32.const 0)) (call $log (i32.const 0) (i32.const 0)) (unreachable)"),
            "TRAP",
        ),
        variant(
            "a log level of minus one",
            &hook("(call $log_at (i32.const -1) (i32.const 0) (i32.const 0)) (call $log (i32.const 0) (i32.const 0)) (unreachable)"),
            "TRAP",
        ),
    ]
}

fn alignment() -> Vec<Variant> {
    let messages = "(i32.store (i32.const 24) (i32.const 2049)) (i32.store (i32.const 28) (i32.const 1))";
    vec![
        variant("a result", &hook("(drop (call $ok (i32.const 0) (i32.const 0))) (i32.const 17)"), "TRAP"),
        variant("a list of records", &verdict(messages), "TRAP").kind(Kind::DomainHook),
        variant("where the context goes", &hook("(call $current (i32.const 2049)) (unreachable)"), "TRAP"),
        // The call was made and denied before its answer had no place.
        variant(
            "where a host call's answer goes",
            &hook(
                "(call $host_call (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2049)) (unreachable)",
            ),
            "HOST_CALL_DENIED",
        ),
    ]
}

fn utf8() -> Vec<Variant> {
    let at = "(i32.store8 (i32.const 3000) (i32.const 255))";
    let put =
        |field: u32| message(&format!("{at} (i32.store (i32.const {field}) (i32.const 3000)) (i32.store (i32.const {}) (i32.const 1))", field + 4));
    let call = |service: &str, method: &str| {
        hook(&format!("{at} (call $host_call {service} {method} (i32.const 0) (i32.const 0) (i32.const 2048)) (unreachable)"))
    };
    let (bad, good) = ("(i32.const 3000) (i32.const 1)", "(i32.const 3001) (i32.const 0)");
    vec![
        variant("an error's text", &Guest::failing(Kind::ProcessHook, 2, b"\xff\xfe"), "TRAP"),
        variant("a rejection's text", &Guest::failing(Kind::ProcessHook, 0, b"caf\xe9"), "TRAP"),
        variant("a surrogate", &Guest::failing(Kind::ProcessHook, 0, b"\xed\xa0\x80"), "TRAP"),
        variant("an overlong nul", &Guest::failing(Kind::ProcessHook, 0, b"\xc0\x80"), "TRAP"),
        variant("half a character", &Guest::failing(Kind::ProcessHook, 0, b"\xe2\x82"), "TRAP"),
        variant("a message's code", &put(2048), "TRAP").kind(Kind::DomainHook),
        variant("a message's text", &put(2060), "TRAP").kind(Kind::DomainHook),
        variant("a message's path", &put(2068), "TRAP").kind(Kind::DomainHook),
        variant("a log line", &hook(&format!("{at} (call $log {bad}) (unreachable)")), "TRAP"),
        variant("a host call's service", &call(bad, good), "TRAP"),
        variant("a host call's method", &call(good, bad), "TRAP"),
        variant("the answer", &Guest::answering(Kind::ProcessHook, b"{\"a\":\"\xff\"}"), "INVALID_OUTPUT"),
        variant("a tool's answer", &Guest::answering(Kind::AgentTool, b"\"\xff\""), "INVALID_OUTPUT").kind(Kind::AgentTool),
        variant("derived fields", &Guest::answering(Kind::DomainHook, b"{\"\xff\":1}"), "INVALID_OUTPUT").kind(Kind::DomainHook),
    ]
}

fn realloc() -> Vec<Variant> {
    let gives = |what: &str, body: &str, expected: &str| variant(what, &answers().realloc(body), expected);
    let echoes =
        |what: &str, body: &str, expected: &str| variant(what, &hook("(call $ok (local.get $input) (local.get $input_len))").realloc(body), expected);
    // Gives good memory for the arguments, and bad for what an import answers.
    let for_import = |gives: &str| {
        hook("(global.set $on (i32.const 1)) (call $current (i32.const 2048)) (call $ok (call $answer))")
            .text("answer", "{}")
            .fields("(global $on (mut i32) (i32.const 0))")
            .realloc(&format!("(if (result i32) (global.get $on) (then {gives}) (else (call $bump (local.get $align) (local.get $len))))"))
    };
    vec![
        gives("beyond memory", "(i32.const 0x7ffffff0)", "TRAP"),
        gives("at the end", "(i32.const 131071)", "TRAP"),
        gives("one byte beyond", "(i32.const 131073)", "TRAP"),
        gives("that wraps", "(i32.const -1)", "TRAP"),
        gives("a trap", "(unreachable)", "TRAP"),
        // It may hand out its own data; the guest then reads what it deserves.
        gives("its own data", "(i32.const 0)", "OK {}"),
        echoes("one place for everything", "(i32.const 65536)", "OK {}"),
        echoes(
            "memory that it grows meanwhile",
            "(drop (memory.grow (i32.const 1))) (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1024))",
            "OK {}",
        ),
        variant("beyond memory, for an import's answer", &for_import("(i32.const 0x7ffffff0)"), "TRAP"),
        variant("that wraps, for an import's answer", &for_import("(i32.const -8)"), "TRAP"),
        variant("the return area, for an import's answer", &for_import("(i32.const 2048)"), "OK {}"),
        variant("one place for each text of an answer", &for_import("(i32.const 65536)"), "OK {}"),
        variant("unaligned memory, for an import's answer", &for_import("(i32.const 65537)"), "OK {}"),
    ]
}

fn realloc_imports() -> Vec<Variant> {
    let call =
        "(call $host_call (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2048)) (i32.const 65536)";
    let start = |body: &str| answers().fields(&format!("(func $init {body}) (start $init)"));
    vec![
        variant("the log", &answers().text("line", "from realloc").realloc("(call $log (call $line)) (i32.const 65536)"), "TRAP"),
        variant("the context", &answers().realloc("(call $current (i32.const 2048)) (i32.const 65536)"), "TRAP"),
        variant("a host call", &answers().realloc(call), "TRAP"),
        variant("in post-return", &answers().fields("(func (export \"cabi_post_run\") (param i32) (call $log (i32.const 0) (i32.const 0)))"), "TRAP"),
        variant("in start, before there is a component to return to", &start("(call $log (i32.const 0) (i32.const 0))"), "TRAP"),
    ]
}
