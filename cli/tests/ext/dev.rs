//! `ext dev`: started, called over every transport, changed, stopped.

use crate::{platform::Platform, sandbox::Sandbox};

#[test]
fn an_extension_is_served_changed_and_called_over_every_transport() {
    let sandbox = Sandbox::alone();
    sandbox.ok(&["new", "rule", "--kind", "domain-hook"]);
    let mut platform = Platform::start(&sandbox, &["rule"], &["--watch"]);
    let ready = platform.wait_for("ready");
    let (http, unix) = (ready["server"].as_str().unwrap().to_owned(), format!("unix:{}", ready["socket"].as_str().unwrap()));
    let input = r#"{"quantity": 101}"#;
    for server in [&http, &unix] {
        for transport in ["grpc", "http"] {
            let answer = sandbox.ok(&["--json", "--server", server, "invoke", "rule", "--transport", transport, "--input", input]).json();
            assert_eq!(answer["output"]["ok"], false, "{transport} {server}");
            assert_eq!(answer["served_version"], 1);
            assert!(answer["stats"]["cpu_micros"].as_u64().unwrap() > 0);
        }
    }
    sandbox.write("orders.jsonl", "{\"quantity\": 7}\n\n{\"quantity\": 101}\n{}\n");
    for transport in ["grpc", "http"] {
        let batch = ["invoke", "rule", "--transport", transport, "--batch", "@orders.jsonl"];
        let ran = sandbox.fails(&batch, 1, "1 of 3 inputs gave no answer: 1 × INVALID_INPUT");
        let lines: Vec<serde_json::Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["ok"], &lines[1]["ok"]), (&true.into(), &false.into()), "{transport}");
        assert_eq!(lines[2]["error"]["error_code"], "INVALID_INPUT", "{transport}");
        let document = sandbox.fails(&[&["--json"][..], &batch].concat(), 1, "").json();
        assert_eq!((&document["results"][0]["served_version"], &document["results"][0]["output"]["ok"]), (&1.into(), &true.into()));
    }
    // Without flags, the running platform is found by its file.
    assert!(sandbox.ok(&["list"]).out.contains("rule"));
    assert!(sandbox.ok(&["logs", "rule"]).out.contains("judging 101 pieces"));
    sandbox.fails(&["invoke", "other", "--input", "{}"], 1, "NOT_FOUND");
    sandbox.fails(&["invoke", "rule@9", "--input", "{}"], 1, "NOT_PROMOTED");
    sandbox.fails(&["invoke", "rule", "--input", "{}", "--token", "nonsense"], 4, "UNAUTHENTICATED");
    // Folders lie above dev alone.
    sandbox.fails(&["invoke", "rule", "--input", "{}", "--env", "prod"], 1, "NOT_FOUND");
    sandbox.fails(&["invoke", "rule", "--input", "{}"], 1, "INVALID_INPUT");
    let other = sandbox.ok(&["dev", "token", "--tenant", "someone-else"]).out;
    sandbox.fails(&["invoke", "rule", "--input", input, "--token", other.trim()], 1, "NOT_FOUND");
    crate::load::is_offered_counted_and_ended(&sandbox);

    let source = sandbox.read("rule/src/lib.rs");
    sandbox.write("rule/src/lib.rs", source.replace("u32 = 100", "u32 = 200"));
    assert_eq!(platform.wait_for("served")["version"], 2);
    assert_eq!(sandbox.ok(&["--json", "invoke", "rule", "--input", input]).json()["output"]["ok"], true);
    assert_eq!(sandbox.ok(&["--json", "invoke", "rule@1", "--input", input]).json()["output"]["ok"], false, "the version before is still there");
    sandbox.write("rule/src/lib.rs", "broken");
    assert_eq!(platform.wait_for("build_failed")["code"], "COMPILE_FAILED");
    assert_eq!(sandbox.ok(&["--json", "invoke", "rule", "--input", input]).json()["served_version"], 2, "the last good one goes on");

    assert_eq!(platform.stop(), Some(0));
    sandbox.fails(&["list"], 3, "ext dev");
}

#[test]
fn settings_that_cannot_work_are_refused_before_anything_listens() {
    let sandbox = Sandbox::alone();
    sandbox.write("settings.toml", "[listen]\nport = 1\n");
    sandbox.fails(&["dev", "--config", "settings.toml"], 2, "port");
    sandbox.write("settings.toml", "[engine]\nmemory_reset = \"never\"\n");
    sandbox.fails(&["dev", "--config", "settings.toml"], 2, "memory_reset");
    sandbox.fails(&["dev", "nowhere", "--listen", "127.0.0.1:0"], 2, "nowhere");
}
