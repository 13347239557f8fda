//! The registry of `ext dev`, as authors, reviewers and releasers meet it.

use serde_json::{Value, json};

use crate::{platform::Platform, sandbox::Sandbox};

const INPUT: &str = r#"{"quantity": 150}"#;

/// A sandbox with a running platform and a rule of tier medium.
struct Scene {
    sandbox: Sandbox,
    platform: Platform,
    ada: String,
    grace: String,
    agent: String,
}

impl Scene {
    fn new() -> Self {
        let sandbox = Sandbox::alone();
        sandbox.ok(&["new", "rule", "--kind", "domain-hook"]);
        let manifest = sandbox.read("rule/extension.toml");
        sandbox.write("rule/extension.toml", manifest.replace("risk_tier = \"low\"", "risk_tier = \"medium\""));
        let mut platform = Platform::start(&sandbox, &[], &[]);
        platform.wait_for("ready");
        let token = |sub: &str, actor: &str, roles: &[&str]| {
            let roles = roles.iter().flat_map(|role| ["--role", role]);
            let words: Vec<_> = ["dev", "token", "--sub", sub, "--actor", actor].into_iter().chain(roles).collect();
            sandbox.ok(&words).out.trim().to_owned()
        };
        let ada = token("ada", "USER", &["author", "releaser", "viewer"]);
        let grace = token("grace", "USER", &["reviewer", "viewer"]);
        let agent = token("copilot", "AGENT", &["author", "reviewer", "releaser", "viewer"]);
        Self { sandbox, platform, ada, grace, agent }
    }

    /// Runs a command as somebody; the last line of its data.
    fn done(&self, token: &str, words: &[&str]) -> Value {
        self.sandbox.ok(&[&["--json", "--token", token], words].concat()).json()
    }

    fn refused(&self, token: &str, words: &[&str], exit: i32, text: &str) {
        self.sandbox.fails(&[&["--token", token], words].concat(), exit, text);
    }

    /// The version that serves an order in `env`, and whether it lets it pass.
    fn answer(&self, env: &str) -> (u64, bool) {
        let answer = self.done(&self.ada, &["invoke", "rule", "--env", env, "--input", INPUT]);
        (answer["served_version"].as_u64().unwrap(), answer["output"]["ok"].as_bool().unwrap())
    }

    fn edit(&self, from: &str, to: &str) {
        let source = self.sandbox.read("rule/src/lib.rs");
        assert!(source.contains(from), "{from}");
        self.sandbox.write("rule/src/lib.rs", source.replace(from, to));
    }
}

/// The template's limit, and the case that holds it.
fn raise_the_limit(scene: &Scene) {
    scene.edit("u32 = 100", "u32 = 200");
    let case = scene.sandbox.read("rule/tests/too-many.json");
    scene.sandbox.write("rule/tests/too-many.json", case.replace("101", "201").replace("At most 100", "At most 200"));
}

#[test]
fn a_version_goes_from_draft_to_prod_and_back() {
    let scene = Scene::new();
    let Scene { ada, grace, agent, .. } = &scene;
    let pushed = scene.done(ada, &["push", "rule", "--why", "a first try"]);
    assert_eq!((pushed["version"].as_u64(), pushed["origin"].as_str()), (Some(1), Some("source")));
    // Not served before it is promoted.
    scene.refused(ada, &["invoke", "rule", "--input", INPUT], 1, "NOT_FOUND");
    let promoted = scene.done(ada, &["promote", "rule", "--to", "dev"]);
    assert_eq!((promoted["state"].as_str(), promoted["entry"]["version"].as_u64()), (Some("promoted_dev"), Some(1)));
    assert_eq!(scene.answer("dev"), (1, false), "a promotion returns when it is served");

    // Tier medium: somebody else must approve, for each environment.
    scene.refused(ada, &["promote", "rule", "--to", "prod"], 2, "ext promote rule --to staging");
    scene.refused(ada, &["promote", "rule@1", "--to", "prod"], 4, "PRECONDITION");
    scene.refused(ada, &["promote", "rule", "--to", "staging"], 4, "PRECONDITION");
    scene.refused(grace, &["approve", "rule", "--to", "staging"], 2, "ext submit rule --to staging");
    scene.done(ada, &["submit", "rule", "--to", "staging"]);
    scene.refused(agent, &["approve", "rule", "--to", "staging"], 4, "PERMISSION_DENIED");
    scene.refused(ada, &["approve", "rule", "--to", "staging"], 4, "PERMISSION_DENIED");
    scene.done(grace, &["approve", "rule", "--to", "staging"]);
    assert_eq!(scene.done(ada, &["promote", "rule", "--to", "staging"])["changed"], true);
    assert_eq!(scene.done(ada, &["promote", "rule", "--to", "staging"])["changed"], false, "what is served already succeeds");
    scene.done(ada, &["submit", "rule", "--to", "prod"]);
    scene.done(grace, &["approve", "rule@1", "--to", "prod", "--why", "seen"]);
    scene.done(ada, &["promote", "rule", "--to", "prod"]);
    assert_eq!((scene.answer("staging"), scene.answer("prod")), ((1, false), (1, false)));

    // An agent's version: to dev by itself, no further.
    raise_the_limit(&scene);
    assert_eq!(scene.done(agent, &["push", "rule"])["version"], 2);
    scene.done(agent, &["promote", "rule", "--to", "dev"]);
    scene.done(agent, &["submit", "rule", "--to", "staging"]);
    scene.refused(grace, &["reject", "rule", "--to", "staging"], 2, "--why");
    scene.done(grace, &["approve", "rule", "--to", "staging"]);
    scene.refused(agent, &["promote", "rule", "--to", "staging"], 4, "PERMISSION_DENIED");
    scene.done(ada, &["promote", "rule", "--to", "staging"]);
    assert_eq!((scene.answer("dev"), scene.answer("staging"), scene.answer("prod")), ((2, true), (2, true), (1, false)));
    scene.done(ada, &["submit", "rule", "--to", "prod"]);
    scene.done(grace, &["approve", "rule", "--to", "prod"]);
    scene.done(ada, &["promote", "rule", "--to", "prod"]);
    assert_eq!(scene.answer("prod"), (2, true));

    // One process is its own fleet: waiting for all of its hosts is waiting for itself.
    let back = scene.done(ada, &["rollback", "rule", "--to", "1", "--env", "prod", "--why", "too generous", "--wait", "--timeout", "20s"]);
    assert_eq!(back["served"], json!({"hosts": 1, "of": 1, "known": true}));
    let again = scene.done(ada, &["rollback", "rule", "--to", "1", "--env", "prod", "--wait"]);
    assert_eq!((&again["changed"], &again["served"]["hosts"]), (&false.into(), &1.into()), "what is so already is waited for as well");
    assert_eq!(scene.done(ada, &["show", "rule"])["hosts"]["prod"], json!({"of": 1, "serve": 1, "kept": {}}));
    scene.refused(ada, &["rollback", "rule", "--to", "1", "--env", "prod", "--timeout", "1s"], 2, "--wait");
    assert_eq!(scene.answer("prod"), (1, false));
    scene.done(ada, &["pin", "rule@2", "--caller", "orders", "--env", "prod"]);
    let pinned = scene.done(ada, &["invoke", "rule", "--env", "prod", "--caller", "orders", "--input", INPUT]);
    assert_eq!(pinned["served_version"], 2);
    scene.done(ada, &["pin", "rule", "--caller", "orders", "--env", "prod", "--remove"]);
    scene.done(ada, &["disable", "rule", "--env", "prod", "--why", "stop"]);
    scene.refused(ada, &["invoke", "rule", "--env", "prod", "--input", INPUT], 1, "DISABLED");
    assert_eq!(scene.answer("staging"), (2, true));
    scene.done(ada, &["enable", "rule", "--env", "prod"]);
    assert_eq!(scene.answer("prod"), (1, false));
    shown(&scene);
    restarted(scene);
}

/// Everything is on disk: another run serves the same.
fn restarted(scene: Scene) {
    let Scene { sandbox, platform, ada, .. } = scene;
    assert_eq!(platform.stop(), Some(0));
    let mut platform = Platform::start(&sandbox, &[], &[]);
    platform.wait_for("ready");
    for (env, version) in [("dev", 2), ("staging", 2), ("prod", 1)] {
        let answer = sandbox.ok(&["--json", "--token", &ada, "invoke", "rule", "--env", env, "--input", INPUT]).json();
        assert_eq!(answer["served_version"], version, "{env}");
    }
    assert_eq!(platform.stop(), Some(0));
}

/// What has happened, in every way to look at it.
fn shown(scene: &Scene) {
    let Scene { sandbox, ada, grace, .. } = scene;
    let shown = scene.done(ada, &["show", "rule"]);
    assert_eq!(shown["versions"].as_array().unwrap().len(), 2);
    let text = sandbox.ok(&["--token", ada, "show", "rule"]).out;
    for part in ["promoted_prod", "ada", "copilot (agent)", "prod 1/1 approved by grace", "tier medium"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let one = scene.done(ada, &["show", "rule@2"]);
    assert_eq!(one["evidence"]["tests"]["passed"], 2);
    assert!(sandbox.ok(&["--token", ada, "show", "rule@2", "--wit"]).out.contains("export evaluate"));
    let diff = scene.done(ada, &["show", "rule", "--diff", "1", "2"]);
    assert_ne!(diff["from"]["digest"], diff["to"]["digest"]);
    assert!(diff["fields"].as_array().unwrap().is_empty(), "{diff}");

    let history = sandbox.ok(&["--token", ada, "history", "rule", "--limit", "4"]);
    assert!(history.out.lines().next().unwrap().contains("ada") && history.err.contains("--after"), "{}{}", history.out, history.err);
    let all = sandbox.ok(&["--json", "--token", grace, "history", "rule", "--oldest-first"]).out;
    let events: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["change"], "version_created");
    assert_eq!(events[0]["why"], "a first try");
    assert!(events.iter().enumerate().all(|(number, event)| event["seq"] == number + 1), "{all}");
    // A watch from the start sees the same.
    let count = events.len().to_string();
    let watched = sandbox.ok(&["--json", "--token", ada, "watch", "rule", "--after", "0", "--limit", &count]).out;
    let seqs: Vec<_> = watched.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].clone()).collect();
    assert_eq!(seqs, events.iter().map(|event| event["seq"].clone()).collect::<Vec<_>>());

    let listed = scene.done(ada, &["list"]);
    assert_eq!((&listed["served_version"], &listed["registry"]["latest"]["version"]), (&2.into(), &2.into()));
    let table = sandbox.ok(&["--token", ada, "list"]).out;
    assert!(table.contains("PROD") && table.contains("2 promoted_prod"), "{table}");
    // Retiring what is served is refused.
    scene.refused(ada, &["retire", "rule@1"], 4, "PRECONDITION");
    scene.refused(ada, &["retire", "rule"], 2, "rule@VERSION");
}

#[test]
fn what_may_not_be_is_refused_and_changes_nothing() {
    let scene = Scene::new();
    let Scene { sandbox, ada, grace, .. } = &scene;
    // A source that does not compile, and one whose case fails: failed drafts, with every reason.
    scene.edit("order.quantity >", "order.amount >");
    let failed = sandbox.fails(&["--token", ada, "push", "rule"], 5, "rule@1 has failed");
    assert!(failed.err.contains("no field `amount`") && failed.err.contains("src/lib.rs"), "{}", failed.err);
    scene.edit("order.amount >", "order.quantity >");
    scene.edit("u32 = 100", "u32 = 1_000");
    let failed = sandbox.fails(&["--json", "--token", ada, "push", "rule"], 5, "too many pieces");
    let findings = failed.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).find(|line| line["event"] == "failed").unwrap();
    assert_eq!(findings["findings"][0]["code"], "case_failed");
    scene.refused(ada, &["promote", "rule@2", "--to", "dev"], 4, "PRECONDITION");
    scene.refused(ada, &["promote", "rule", "--to", "dev"], 2, "ext push");

    scene.refused(ada, &["show", "rule", "--diff", "1", "2"], 2, "not built");
    scene.edit("u32 = 1_000", "u32 = 100");
    assert_eq!(scene.done(ada, &["push", "rule"])["version"], 3);
    scene.refused(grace, &["push", "rule"], 4, "PERMISSION_DENIED");
    scene.refused(ada, &["promote", "rule@9", "--to", "dev"], 1, "NOT_FOUND");
    scene.refused(ada, &["promote", "other@1", "--to", "dev"], 1, "no extension `other`");
    scene.refused("nonsense", &["show", "rule"], 4, "UNAUTHENTICATED");
    let stranger = sandbox.ok(&["dev", "token", "--tenant", "someone-else"]).out;
    scene.refused(stranger.trim(), &["show", "rule"], 1, "NOT_FOUND");
    scene.refused(stranger.trim(), &["promote", "rule@3", "--to", "dev"], 1, "NOT_FOUND");

    // Two who decide on the same state: the second must read again. The same key is the same change.
    let seq = scene.done(ada, &["show", "rule"])["seq"].to_string();
    scene.refused(ada, &["promote", "rule@3", "--to", "dev", "--expected-seq", "1"], 4, "ext history rule");
    let first = scene.done(ada, &["promote", "rule@3", "--to", "dev", "--expected-seq", &seq, "--key", "k-1"]);
    let again = scene.done(ada, &["promote", "rule@3", "--to", "dev", "--expected-seq", &seq, "--key", "k-1"]);
    assert_eq!(first, again);
    scene.refused(ada, &["disable", "rule", "--key", "k-1"], 4, "CONFLICT");
    assert_eq!(scene.answer("dev"), (3, false));

    // A component is for tier low, and is checked before it is stored.
    sandbox.ok(&["build", "rule"]);
    scene.refused(ada, &["push", "rule/target/ext/rule.wasm"], 4, "");
    let manifest = sandbox.read("rule/extension.toml");
    sandbox.write("low.toml", manifest.replace("\"medium\"", "\"low\"").replace("\"rule\"", "\"binary\""));
    sandbox.write("empty.wasm", b"\0asm\x01\0\0\0");
    scene.refused(ada, &["push", "empty.wasm", "--manifest", "low.toml"], 5, "may not be served");
    scene.refused(ada, &["push", "empty.wasm"], 2, "--manifest");
    let pushed = scene.done(ada, &["push", "rule/target/ext/rule.wasm", "--manifest", "low.toml"]);
    assert_eq!((&pushed["extension"], &pushed["origin"]), (&"binary".into(), &"uploaded".into()));
    scene.done(ada, &["promote", "binary", "--to", "dev"]);
    assert_eq!(scene.done(ada, &["invoke", "binary", "--input", INPUT])["output"]["ok"], false);

    operated(&scene);
}

/// Switches belong to operators: of no tenant, for every tenant.
fn operated(scene: &Scene) {
    let Scene { sandbox, ada, .. } = scene;
    scene.refused(ada, &["admin", "switch", "off", "--tenant", "dev", "--why", "mine"], 4, "PERMISSION_DENIED");
    sandbox.fails(&["admin", "switch", "off", "--why", "nothing named"], 2, "--tenant");
    sandbox.ok(&["admin", "switch", "off", "--tenant", "dev", "--extension", "binary", "--why", "misbehaves"]);
    scene.refused(ada, &["invoke", "binary", "--input", INPUT], 1, "DISABLED");
    assert_eq!(scene.answer("dev"), (3, false));
    let hosts = sandbox.ok(&["admin", "hosts"]).out;
    assert!(hosts.contains("ext-dev") && hosts.contains("ready"), "{hosts}");
    let status = sandbox.ok(&["admin", "switch", "list"]).out;
    assert!(status.contains("binary of dev") && status.contains("misbehaves"), "{status}");
    sandbox.ok(&["admin", "switch", "on", "--tenant", "dev", "--extension", "binary", "--why", "mended"]);
    assert_eq!(scene.done(ada, &["invoke", "binary", "--input", INPUT])["served_version"], 1);
    controlled(scene);
    sandbox.fails(&["admin", "erase", "someone-else", "--why", "gone"], 2, "--yes");
}

/// What is tried changes nothing; what is set is shown, and taken away again.
fn controlled(scene: &Scene) {
    let Scene { sandbox, ada, .. } = scene;
    let tried = sandbox.ok(&["admin", "switch", "off", "--kind", "domain-hook", "--why", "drill", "--dry-run"]).out;
    assert!(tried.contains("nothing was changed") && tried.contains("dev/binary"), "{tried}");
    assert_eq!(scene.done(ada, &["invoke", "binary", "--input", INPUT])["served_version"], 1);

    let running: Value = serde_json::from_str(&sandbox.read("home/dev.json")).unwrap();
    let server = running["server"].as_str().unwrap();
    sandbox.ok(&["admin", "switch", "off", "--tenant", "dev", "--why", "this host", "--until", "2h", "--abort", "--host", server]);
    scene.refused(ada, &["invoke", "binary", "--input", INPUT], 1, "DISABLED");
    assert!(sandbox.ok(&["admin", "switch", "list"]).out.contains("nothing is switched off"), "the environment's control knows nothing of it");
    assert!(sandbox.ok(&["admin", "switch", "list", "--host", server]).out.contains("tenant dev (aborts)"));
    sandbox.ok(&["admin", "switch", "on", "--tenant", "dev", "--host", server]);
    assert_eq!(scene.done(ada, &["invoke", "binary", "--input", INPUT])["served_version"], 1);

    sandbox.ok(&["admin", "quota", "set", "--concurrency", "9"]);
    sandbox.ok(&["admin", "quota", "set", "--tenant", "dev", "--rate", "50", "--burst", "5", "--why", "trial"]);
    let quota = sandbox.ok(&["admin", "quota", "get", "--tenant", "dev"]).out;
    assert!(quota.contains("9 at a time, 50 calls/s, 5 burst"), "{quota}");
    sandbox.fails(&["admin", "quota", "set", "--tenant", "dev"], 2, "limits something");
    sandbox.ok(&["admin", "quota", "clear", "--tenant", "dev"]);
    sandbox.ok(&["admin", "weight", "set", "dev", "250"]);
    assert!(sandbox.ok(&["admin", "weight", "get", "dev"]).out.contains("250"));
    sandbox.fails(&["admin", "weight", "set", "dev", "1001"], 2, "from 1 to 1000");
    sandbox.ok(&["admin", "policy", "set", "base", "--mode", "observe", "--method", "orders.get", "--method", "orders.list"]);
    assert!(sandbox.ok(&["admin", "policy", "get"]).out.contains("orders.get orders.list"));
    sandbox.ok(&["admin", "policy", "clear", "base"]);
    let tighten = ["admin", "contract", "tighten", "--tenant", "dev", "--cause", "trap", "--cause", "quota", "--why", "money"];
    let tried = sandbox.ok(&[&tighten[..], &["--dry-run"]].concat()).out;
    assert!(tried.contains("nothing was changed") && tried.contains("dev/binary"), "{tried}");
    sandbox.ok(&tighten);
    assert!(sandbox.ok(&["admin", "contract", "get", "--tenant", "dev"]).out.contains("trap, quota"));
    assert!(sandbox.ok(&["admin", "contract", "get", "--tenant", "other"]).out.contains("hold as they are declared"));
    sandbox.fails(&["admin", "contract", "tighten", "--cause", "rejected"], 2, "one of failed, trap");
    sandbox.ok(&["admin", "contract", "loosen", "--tenant", "dev"]);
    assert!(sandbox.ok(&["admin", "contract", "get"]).out.contains("hold as they are declared"));
}
