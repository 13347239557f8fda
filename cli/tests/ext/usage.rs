//! Wrong usage and missing servers: a clear text and the documented exit code.

use crate::sandbox::Sandbox;

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_meant() {
    let sandbox = Sandbox::alone();
    sandbox.fails(&["new", "My_Rule", "--kind", "domain-hook"], 2, "lowercase letters");
    sandbox.fails(&["new", "rule", "--kind", "webhook"], 2, "process-hook");
    sandbox.fails(&["new", "rule", "--kind", "domain-hook", "--lang", "cobol"], 2, "rust");
    sandbox.fails(&["toolchain", "install"], 2, "LANG");
    sandbox.fails(&["waivers", "rule@1", "--grant"], 2, "--why");
    sandbox.fails(&["build", "nowhere"], 2, "nowhere");
    sandbox.fails(&["build"], 2, "ext new");
    sandbox.fails(&["invoke", "rule@0", "--input", "{}"], 2, "whole number");
    sandbox.fails(&["invoke", "rule", "--input", "{"], 2, "not JSON");
    sandbox.fails(&["invoke", "rule", "--batch", "@missing.jsonl"], 2, "missing.jsonl");
    sandbox.fails(&["invoke", "rule", "--batch", "{}"], 2, "@FILE");
    sandbox.fails(&["invoke", "rule", "--batch", "-", "--input", "{}"], 2, "cannot be used with");
    sandbox.fails(&["run", ".", "--input", "@missing.json"], 2, "missing.json");
    sandbox.fails(&["invoke", "rule", "--input", "{}", "--server", "ftp://x"], 2, "--server");
    sandbox.fails(&["dev", "token", "--role", "king"], 2, "reviewer");
    sandbox.fails(&["promote", "rule", "--to", "production"], 2, "staging");
    sandbox.fails(&["pin", "rule@1"], 2, "--hook-point");
    sandbox.fails(&["push", "nowhere"], 2, "nowhere");
}

#[test]
fn a_missing_server_ends_with_3_and_says_how_to_start_one() {
    let sandbox = Sandbox::alone();
    sandbox.fails(&["invoke", "rule", "--input", "{}"], 3, "ext dev");
    sandbox.fails(&["list"], 3, "ext dev");
    sandbox.fails(&["promote", "rule@1", "--to", "dev"], 3, "ext dev");
    // Nobody listens on the discard port.
    sandbox.fails(&["invoke", "rule", "--input", "{}", "--server", "http://127.0.0.1:9"], 3, "ext dev");
    sandbox.fails(&["list", "--server", "unix:/nowhere/ext.sock"], 3, "ext dev");
}

#[test]
fn programs_get_errors_as_json() {
    let ran = Sandbox::alone().fails(&["--json", "list"], 3, "ext dev");
    assert_eq!(ran.json()["error"]["code"], "UNREACHABLE");
    assert_eq!(ran.json()["error"]["exit"], 3);
}

#[test]
fn files_that_may_not_be_served_end_with_5_and_every_reason() {
    let sandbox = Sandbox::alone();
    sandbox.write("text.wasm", "not wasm at all");
    sandbox.fails(&["check", "text.wasm"], 5, "prescan");
    sandbox.write("empty.wasm", b"\0asm\x01\0\0\0");
    let ran = sandbox.fails(&["--json", "check", "empty.wasm"], 5, "it may not be served");
    assert_eq!((ran.lines().len(), &ran.json()["ok"]), (1, &false.into()), "one document: {}", ran.out);
    assert!(ran.json()["findings"].as_array().is_some_and(|findings| !findings.is_empty()), "{}", ran.out);
    sandbox.write("huge.wasm", vec![0; 70 << 20]);
    sandbox.fails(&["check", "huge.wasm"], 5, "bytes");
}
