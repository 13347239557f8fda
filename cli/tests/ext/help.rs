//! Every help text, as a snapshot: names and flags are a contract.

use crate::sandbox::Sandbox;

#[test]
fn help_is_as_reviewed() {
    let sandbox = Sandbox::alone();
    let mut text = String::new();
    for command in [
        &["--help"][..],
        &["new", "--help"],
        &["build", "--help"],
        &["check", "--help"],
        &["test", "--help"],
        &["run", "--help"],
        &["dev", "--help"],
        &["dev", "token", "--help"],
        &["invoke", "--help"],
        &["load", "--help"],
        &["push", "--help"],
        &["submit", "--help"],
        &["approve", "--help"],
        &["reject", "--help"],
        &["promote", "--help"],
        &["rollback", "--help"],
        &["pin", "--help"],
        &["disable", "--help"],
        &["enable", "--help"],
        &["retire", "--help"],
        &["list", "--help"],
        &["show", "--help"],
        &["history", "--help"],
        &["watch", "--help"],
        &["admin", "--help"],
        &["admin", "hosts", "--help"],
        &["admin", "switch", "--help"],
        &["admin", "switch", "off", "--help"],
        &["admin", "switch", "on", "--help"],
        &["admin", "switch", "list", "--help"],
        &["admin", "quota", "--help"],
        &["admin", "quota", "get", "--help"],
        &["admin", "quota", "set", "--help"],
        &["admin", "quota", "clear", "--help"],
        &["admin", "weight", "--help"],
        &["admin", "weight", "get", "--help"],
        &["admin", "weight", "set", "--help"],
        &["admin", "weight", "clear", "--help"],
        &["admin", "policy", "--help"],
        &["admin", "policy", "get", "--help"],
        &["admin", "policy", "set", "--help"],
        &["admin", "policy", "clear", "--help"],
        &["admin", "contract", "--help"],
        &["admin", "contract", "get", "--help"],
        &["admin", "contract", "tighten", "--help"],
        &["admin", "contract", "loosen", "--help"],
        &["admin", "precompile", "--help"],
        &["admin", "tier", "--help"],
        &["admin", "erase", "--help"],
        &["admin", "upkeep", "--help"],
        &["logs", "--help"],
        &["waivers", "--help"],
        &["toolchain", "--help"],
        &["toolchain", "install", "--help"],
        &["toolchain", "list", "--help"],
        &["completion", "--help"],
    ] {
        text.push_str(&format!("$ ext {}\n{}\n", command.join(" "), sandbox.ok(command).out));
    }
    insta::assert_snapshot!("help", text);
}

#[test]
fn completion_scripts_are_made_for_every_shell() {
    let sandbox = Sandbox::alone();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(sandbox.ok(&["completion", shell]).out.contains("toolchain"), "{shell}");
    }
}
