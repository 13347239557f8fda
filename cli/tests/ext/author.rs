//! The author's path with real builds: new, test, build, check, run.

use crate::sandbox::Sandbox;

#[test]
fn every_kind_is_born_with_passing_cases() {
    let sandbox = Sandbox::new();
    for kind in ["process-hook", "domain-hook", "agent-tool"] {
        sandbox.ok(&["new", kind, "--kind", kind, "--lang", "rust"]);
        let tested = sandbox.ok(&["--json", "test", kind]);
        assert_eq!(tested.json()["failed"], 0);
        assert!(tested.json()["cases"].as_u64().unwrap() >= 2);
        let built = sandbox.ok(&["--json", "build", kind]).json();
        assert_eq!(built["compact"], true, "{built}");
        assert!(built["initial_memory_bytes"].as_u64().unwrap() <= 384 << 10);
        let path = built["path"].as_str().unwrap();
        assert_eq!(sandbox.ok(&["--json", "check", path]).json()["facts"]["digest"], built["digest"]);
    }
    sandbox.fails(&["new", "agent-tool", "--kind", "agent-tool"], 2, "exists already");
}

#[test]
fn one_call_runs_here_from_argument_file_and_standard_input() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["new", "rule", "--kind", "domain-hook"]);
    let ran = sandbox.ok(&["run", "rule", "--input", r#"{"quantity": 3}"#, "--point", "BeforeCreateOrder"]);
    assert_eq!(ran.json()["ok"], true);
    assert!(ran.err.contains("BeforeCreateOrder: judging 3 pieces"), "the guest's log: {}", ran.err);
    sandbox.write("input.json", r#"{"quantity": 101}"#);
    assert_eq!(sandbox.ok(&["run", "rule", "--input", "@input.json"]).json()["ok"], false);
    let wrong = sandbox.fails(&["run", "rule", "--input", r#"{"quantity": -1}"#], 1, "INVALID_INPUT");
    assert!(wrong.err.contains("column"), "serde says where: {}", wrong.err);
    let built = sandbox.ok(&["--json", "build", "rule"]).json();
    let alone = sandbox.ok(&["run", built["path"].as_str().unwrap(), "--input", r#"{"quantity": 3}"#]);
    assert_eq!(alone.json()["ok"], true);
}

#[test]
fn what_does_not_compile_or_pass_is_shown_where_it_stands() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["new", "rule", "--kind", "domain-hook"]);
    let source = sandbox.read("rule/src/lib.rs");
    sandbox.write("rule/src/lib.rs", source.replace("u32 = 100", "u32 = 1_000"));
    let failed = sandbox.fails(&["test", "rule"], 5, "1 of 2 cases failed");
    assert!(failed.err.contains("-  \"ok\": false") || failed.err.contains("\"ok\": true"), "a diff: {}", failed.err);
    sandbox.write("rule/src/lib.rs", source.replace("order.quantity >", "order.amount >"));
    let failed = sandbox.fails(&["build", "rule"], 5, "does not compile");
    assert!(failed.err.contains("src/lib.rs:") && failed.err.contains("no field `amount`"), "{}", failed.err);
    sandbox.write("rule/src/lib.rs", source.replace("order.quantity > QUANTITY_MAX", "panic!(\"too {}\", \"bad\")"));
    let trapped = sandbox.fails(&["run", "rule", "--input", r#"{"quantity": 3}"#], 1, "TRAP");
    assert!(trapped.err.contains("too bad") && trapped.err.contains("src/lib.rs"), "the panic's text and place: {}", trapped.err);
    sandbox.write("rule/src/lib.rs", source.replace("order.quantity > QUANTITY_MAX", "loop { std::hint::black_box(()) }"));
    sandbox.fails(&["run", "rule", "--input", r#"{"quantity": 3}"#], 1, "CPU_LIMIT");
}

#[test]
fn the_examples_pass_their_own_cases() {
    let sandbox = Sandbox::new();
    for example in ["order-discount", "lead-routing", "vat"] {
        let folder = format!("{}/../guest-examples/{example}", env!("CARGO_MANIFEST_DIR"));
        let tested = sandbox.ok(&["--json", "test", &folder]);
        assert_eq!(tested.json()["failed"], 0, "{example}");
        assert!(tested.json()["cases"].as_u64().unwrap() >= 5, "{example}");
    }
}
