//! `ext build --json` as a program that repairs code reads it: one document, whatever came of it.

use serde_json::{Value, json};

use crate::sandbox::{Ran, Sandbox};

/// The one document that was printed, without what differs between machines.
fn document(ran: &Ran) -> Value {
    let lines = ran.lines();
    assert_eq!(lines.len(), 1, "one document, never two: {}", ran.out);
    let mut document = lines[0].clone();
    for step in document["steps"].as_array_mut().unwrap() {
        assert!(step["seconds"].is_f64(), "{step}");
        step["seconds"] = json!("seconds");
    }
    for diagnostic in document["diagnostics"].as_array_mut().unwrap() {
        assert!(diagnostic["rendered"].as_str().unwrap().contains("src/lib.rs"), "{diagnostic}");
        diagnostic["rendered"] = json!("as the compiler draws it");
    }
    if let Some(artifact) = document["artifact"].as_object_mut() {
        assert_eq!(artifact["digest"].as_str().unwrap().len(), 64);
        // The author's own tools have no version that is known.
        artifact.entry("toolchain").and_modify(|value| *value = json!(value.is_string()));
        for name in ["path", "size", "digest", "initial_memory_bytes", "functions", "sections"] {
            assert!(!artifact[name].is_null(), "{name}");
            artifact[name] = json!(name);
        }
    }
    document
}

fn pretty(document: &Value) -> String {
    format!("{document:#}")
}

#[test]
fn a_build_is_one_document() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["toolchain", "install", "rust"]);
    sandbox.ok(&["new", "rule", "--kind", "domain-hook"]);
    insta::assert_snapshot!("build_done", pretty(&document(&sandbox.ok(&["--json", "build", "rule"]))));
    let source = sandbox.read("rule/src/lib.rs");
    sandbox.write("rule/src/lib.rs", source.replace("order.quantity >", "order.amount >"));
    let failed = sandbox.fails(&["--json", "build", "rule"], 5, "does not compile");
    insta::assert_snapshot!("build_does_not_compile", pretty(&document(&failed)));
    // `ext check` of a folder, and `ext test`, say the same.
    for command in ["check", "test"] {
        let again = sandbox.fails(&["--json", command, "rule"], 5, "does not compile");
        assert_eq!(document(&again), document(&failed), "{command}");
    }
}

#[test]
fn what_is_wrong_before_a_compiler_runs_is_one_document_too() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["new", "rule", "--kind", "domain-hook"]);
    let manifest = sandbox.read("rule/extension.toml");
    sandbox.write("rule/extension.toml", manifest.replace("cpu_millis = 50", "cpu_mills = 50"));
    let failed = document(&sandbox.fails(&["--json", "build", "rule"], 5, "cpu_mills"));
    assert_eq!((&failed["ok"], &failed["findings"][0]["code"]), (&json!(false), &json!("manifest_refused")));
    assert_eq!(failed["findings"][0]["place"]["file"], "extension.toml");
    assert!(failed["findings"][0]["place"]["line"].is_u64(), "{failed}");
    // No folder at all is wrong usage.
    assert_eq!(sandbox.fails(&["--json", "build", "nowhere"], 2, "nowhere").json()["error"]["exit"], 2);
}

#[test]
fn a_module_of_ones_own_has_every_reason_with_its_place() {
    let sandbox = Sandbox::new();
    sandbox.write("own/extension.toml", "id = \"own\"\nkind = \"process_hook\"\nlang = \"wasm\"\n");
    let module = |imports: &str| {
        format!(
            r#"(module {imports} (memory (export "memory") 1)
                (data (i32.const 16) "{{}}")
                (func (export "alloc") (param i32) (result i32) (i32.const 1024))
                (func (export "dealloc") (param i32 i32))
                (func (export "run") (param i32 i32) (result i64) (i64.const 0x1000000002)))"#
        )
    };
    sandbox.write("own/module.wat", module(""));
    let built = document(&sandbox.ok(&["--json", "build", "own"]));
    assert_eq!((&built["artifact"]["abi"], &built["artifact"]["kind"]), (&json!("json_in_json_out_v1"), &json!("process_hook")));
    assert_eq!(sandbox.ok(&["--json", "run", "own", "--input", "{}"]).json()["output"], json!({}));
    let smuggled = r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
                      (import "env" "steal" (func))"#;
    sandbox.write("own/module.wat", module(smuggled));
    let refused = document(&sandbox.fails(&["--json", "build", "own"], 5, "may not be served"));
    let codes: Vec<_> = refused["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["unknown_import", "unknown_import"], "{refused:#}");
    assert!(refused["findings"].as_array().unwrap().iter().all(|finding| finding["remedy"].as_str().is_some_and(|text| !text.is_empty())));
}
