//! Reads cargo's JSON messages: what was built, and what the compiler says about the author's code.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::diagnostic::{Diagnostic, bounded};

/// More messages than anyone reads at once.
const DIAGNOSTICS_MAX: usize = 64;

/// What has been read so far.
#[derive(Debug, Default)]
pub(super) struct Messages {
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The author's modules; one is expected.
    pub(super) modules: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Line {
    reason: String,
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    #[serde(default)]
    fresh: bool,
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Message {
    level: String,
    message: String,
    rendered: Option<String>,
    #[serde(default)]
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    line_start: u32,
    is_primary: bool,
}

impl Messages {
    /// Takes one line of cargo's output; answers the name of a crate that was just compiled.
    pub(super) fn take(&mut self, line: &str, manifest: &Path) -> Option<String> {
        // Build scripts print lines of their own; they are nobody's business here.
        let line: Line = serde_json::from_str(line).ok()?;
        let own = line.manifest_path.as_deref() == Some(manifest);
        match line.reason.as_str() {
            "compiler-message" => {
                self.add(line.message?, own);
                None
            }
            "compiler-artifact" => {
                let target = line.target?;
                if own && target.kind.iter().any(|kind| kind == "cdylib") {
                    self.modules.extend(line.filenames.into_iter().filter(|file| file.extension().is_some_and(|end| end == "wasm")));
                }
                let build_script = target.kind.iter().any(|kind| kind == "custom-build");
                (!line.fresh && !build_script).then_some(target.name)
            }
            _ => None,
        }
    }

    /// Errors of any crate are told, warnings only of the author's.
    fn add(&mut self, message: Message, own: bool) {
        let error = message.level.starts_with("error");
        let summary = message.spans.is_empty() && (message.message.starts_with("aborting due to") || message.message.ends_with("emitted"));
        if summary || !(error || own && message.level == "warning") || self.diagnostics.len() == DIAGNOSTICS_MAX {
            return;
        }
        let span = message.spans.into_iter().find(|span| span.is_primary);
        let (file, line) = span.map(|span| (span.file_name, span.line_start)).unzip();
        let rendered = bounded(message.rendered.unwrap_or_else(|| message.message.clone()));
        let level = if error { "error" } else { "warning" }.to_owned();
        self.diagnostics.push(Diagnostic { level, message: bounded(message.message), file, line, rendered });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "/x/rule/Cargo.toml";

    fn take(lines: &[&str]) -> (Messages, Vec<String>) {
        let mut messages = Messages::default();
        let built = lines.iter().filter_map(|line| messages.take(line, Path::new(MANIFEST))).collect();
        (messages, built)
    }

    #[test]
    fn the_authors_module_and_the_compiled_crates_are_found() {
        let (messages, built) = take(&[
            r#"{"reason":"compiler-artifact","manifest_path":"/v/serde/Cargo.toml","target":{"name":"serde","kind":["lib"]},"filenames":["/t/libserde.rlib"],"fresh":false}"#,
            r#"{"reason":"compiler-artifact","manifest_path":"/x/rule/Cargo.toml","target":{"name":"rule","kind":["cdylib"]},"filenames":["/t/rule.wasm","/t/rule.d"],"fresh":true}"#,
            r#"{"reason":"build-finished","success":true}"#,
            "something that a build script printed",
        ]);
        assert_eq!((messages.modules, built), (vec![PathBuf::from("/t/rule.wasm")], vec!["serde".to_owned()]));
    }

    #[test]
    fn errors_are_told_and_foreign_warnings_are_not() {
        let message = |manifest: &str, level: &str, text: &str, spans: &str| {
            format!(
                r#"{{"reason":"compiler-message","manifest_path":"{manifest}","message":{{"level":"{level}","message":"{text}","rendered":"drawn","spans":[{spans}]}}}}"#
            )
        };
        let span = r#"{"file_name":"src/lib.rs","line_start":7,"is_primary":true}"#;
        let (messages, _) = take(&[
            &message(MANIFEST, "error", "no such name", span),
            &message(MANIFEST, "warning", "unused", span),
            &message("/v/Cargo.toml", "warning", "theirs", span),
            &message(MANIFEST, "error", "aborting due to 1 previous error", ""),
            &message(MANIFEST, "failure-note", "for more information", ""),
        ]);
        let told: Vec<_> = messages.diagnostics.iter().map(|one| (one.level.as_str(), one.message.as_str(), one.line)).collect();
        assert_eq!(told, [("error", "no such name", Some(7)), ("warning", "unused", Some(7))]);
        assert_eq!(messages.diagnostics[0].file.as_deref(), Some("src/lib.rs"));
    }

    #[test]
    fn a_flood_of_messages_is_bounded() {
        let long = "ä".repeat(20_000);
        let line = format!(r#"{{"reason":"compiler-message","message":{{"level":"error","message":"{long}"}}}}"#);
        let (messages, _) = take(&vec![line.as_str(); 2 * DIAGNOSTICS_MAX]);
        assert_eq!(messages.diagnostics.len(), DIAGNOSTICS_MAX);
        assert!(messages.diagnostics[0].rendered.len() <= 20_000);
    }
}
