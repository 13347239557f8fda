//! The same rule in every language: made by `ext new`, built by the compile
//! worker, promoted and called. All of them must give the same answer.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{
    calls::{Caller, Way},
    platform::Platform,
    rules::Rule,
    scratch::Scratch,
};
use crate::{child::Job, guests::Ext};

/// Language, and the extension's name in the demo.
const LANGUAGES: [(&str, &str); 3] = [("rust", "limit-in-rust"), ("tinygo", "limit-in-tinygo"), ("assemblyscript", "limit-in-assemblyscript")];
/// One piece more than the rule of `ext new` allows.
const INPUT: &str = r#"{"quantity": 101}"#;
const POINT: &str = "BeforeCreateOrder";

/// One language's rule.
#[derive(Debug)]
pub(super) struct Spoken {
    pub(super) language: &'static str,
    /// From `ext push` to a version that is built, checked and tested.
    pub(super) pushed: Duration,
    pub(super) component_bytes: u64,
    /// A call from acceptance to outcome, in the host.
    pub(super) called: Option<Duration>,
}

/// Makes, pushes, promotes and calls each.
pub(super) fn show(ext: &Ext, platform: &Platform, caller: &Caller<'_>, scratch: &Scratch) -> Result<Vec<Spoken>> {
    let server = Commands { ext, server: &platform.ready.server, token: platform.token()? };
    LANGUAGES.into_iter().map(|(language, name)| one(&server, caller, scratch, language, name).with_context(|| language)).collect()
}

fn one(server: &Commands<'_>, caller: &Caller<'_>, scratch: &Scratch, language: &'static str, name: &'static str) -> Result<Spoken> {
    let new = server.ext.job().args(["--quiet", "new", name, "--kind", "domain-hook", "--lang", language]);
    new.dir(&scratch.path("")).without_data().run()?;
    let started = Instant::now();
    server.json(&["push", &scratch.path(name).to_string_lossy()])?;
    let pushed = started.elapsed();
    server.json(&["promote", name, "--to", "dev"])?;
    let whole = server.json(&["show", &format!("{name}@1")])?;
    let component_bytes = find(&whole, "component_bytes").and_then(Value::as_u64).unwrap_or_default();
    let rule = Rule { extension: name, point: POINT.to_owned(), input: INPUT.to_owned(), output: Value::Null, shows: String::new() };
    // The first call of a version loads it.
    caller.invoke(&rule, Way::Grpc)?;
    let answer = caller.invoke(&rule, Way::Grpc)?;
    let output = answer.output()?;
    ensure!(output["ok"] == false && output["messages"][0]["code"] == "QUANTITY_TOO_LARGE", "it answered {output}");
    Ok(Spoken { language, pushed, component_bytes, called: answer.wall_micros().map(Duration::from_micros) })
}

/// The first member of this name, however deep.
fn find<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Object(members) => members.get(name).or_else(|| members.values().find_map(|value| find(value, name))),
        Value::Array(items) => items.iter().find_map(|value| find(value, name)),
        _ => None,
    }
}

/// `ext` as whoever operates the platform.
pub(super) struct Commands<'a> {
    pub(super) ext: &'a Ext,
    pub(super) server: &'a str,
    pub(super) token: String,
}

impl Commands<'_> {
    /// The last line of JSON that a command answers; fails, with all it said, when it does.
    pub(super) fn json(&self, words: &[&str]) -> Result<Value> {
        let text = self.job(words).output()?;
        Ok(text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or(Value::Null))
    }

    fn job(&self, words: &[&str]) -> Job {
        self.ext.job().args(["--json", "--server", self.server]).args(words).env("EXT_TOKEN", &self.token)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_is_found_wherever_it_is() {
        let value = json!({"a": [{"b": 1}, {"size": 7}]});
        assert_eq!(find(&value, "size"), Some(&json!(7)));
        assert_eq!(find(&value, "none"), None);
    }
}
