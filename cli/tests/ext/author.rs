//! The author's path with real builds: new, test, build, check, run.

use crate::sandbox::Sandbox;

#[test]
fn every_kind_is_born_with_passing_cases_in_every_language() {
    let sandbox = Sandbox::new();
    let installed: Vec<_> = sandbox.ok(&["--json", "toolchain", "install", "rust", "tinygo", "assemblyscript"]).lines();
    assert_eq!(installed.iter().map(|line| line["lang"].as_str().unwrap()).collect::<Vec<_>>(), ["rust", "tinygo", "assemblyscript"]);
    for language in ["rust", "tinygo", "assemblyscript"] {
        for kind in ["process-hook", "domain-hook", "agent-tool"] {
            born(&sandbox, language, kind);
        }
    }
    sandbox.fails(&["new", "rust-agent-tool", "--kind", "agent-tool"], 2, "exists already");
    assert!(sandbox.ok(&["--json", "toolchain", "list"]).lines().iter().all(|line| line["found"] == true));
}

fn born(sandbox: &Sandbox, language: &str, kind: &str) {
    let name = &format!("{language}-{kind}");
    let new = sandbox.ok(&["new", name, "--kind", kind, "--lang", language]);
    assert!(new.err.contains(&format!("ext test {name}")) && !new.err.contains("toolchain install"), "{}", new.err);
    let tested = sandbox.ok(&["--json", "test", name]).json();
    assert_eq!(tested["failed"], 0, "{name}");
    assert!(tested["cases"].as_u64().unwrap() >= 2, "{name}");
    let built = sandbox.ok(&["--json", "build", name]).json();
    let artifact = &built["artifact"];
    assert_eq!((&built["ok"], &artifact["compact"]), (&true.into(), &true.into()), "{name}: {built}");
    assert!(artifact["initial_memory_bytes"].as_u64().unwrap() <= 384 << 10, "{name}");
    let path = artifact["path"].as_str().unwrap();
    assert_eq!(sandbox.ok(&["--json", "check", path]).json()["artifact"]["digest"], artifact["digest"], "{name}");
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
    let alone = sandbox.ok(&["run", built["artifact"]["path"].as_str().unwrap(), "--input", r#"{"quantity": 3}"#]);
    assert_eq!(alone.json()["ok"], true);
}

#[test]
fn what_does_not_compile_or_pass_is_shown_where_it_stands() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["new", "rule", "--kind", "domain-hook"]);
    let source = sandbox.read("rule/src/lib.rs");
    sandbox.write("rule/src/lib.rs", source.replace("u32 = 100", "u32 = 1_000"));
    let failed = sandbox.fails(&["test", "rule"], 5, "1 of 2 cases failed");
    assert!(failed.err.contains("the output differs at /") && failed.err.contains("+  \"ok\": true"), "a place and a diff: {}", failed.err);
    assert!(failed.err.contains("tests/too-many.json"), "the case's file: {}", failed.err);
    sandbox.ok(&["test", "rule", "--filter", "accepted"]);
    sandbox.fails(&["test", "rule", "--filter", "no such case"], 2, "no case's name or file contains `no such case`; there are: ");
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
fn cases_tighten_limits_match_schemas_and_script_host_calls() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["new", "rule", "--kind", "domain-hook"]);
    let case = |expect: &str, more: &str| format!(r#"{{"name": "a case", "input": {{"quantity": 3}}, "expect": {expect}{more}}}"#);
    let run = |text: String| {
        sandbox.write("rule/tests/more.json", text);
        sandbox.ext(&["--json", "test", "rule", "--filter", "more.json"])
    };
    let schema = r#"{"schema": {"type": "object", "properties": {"ok": {"const": true}}, "required": ["ok"]}}"#;
    assert_eq!(run(case(schema, r#", "limits": {"cpu_millis": 20, "timeout_ms": 500}"#)).code, 0);
    let other = run(case(r#"{"schema": {"properties": {"ok": {"const": false}}}}"#, ""));
    assert_eq!((other.code, &other.lines()[0]["difference"]["path"]), (5, &"/ok".into()), "{}", other.out);
    let wide = run(case(schema, r#", "limits": {"memory_mb": 200}"#));
    assert!(wide.code == 5 && wide.out.contains("a case only tightens"), "{}", wide.out);
    let scripted = run(case(schema, r#", "host_calls": [{"service": "orders", "method": "get", "answer": {}}]"#));
    assert!(scripted.code == 5 && scripted.out.contains("host call 1 (orders.get) was not made"), "{}", scripted.out);
    // One result a case, then the sum: nothing else is printed.
    assert_eq!((scripted.lines().len(), &scripted.lines()[1]["failed"]), (2, &1.into()));
}
