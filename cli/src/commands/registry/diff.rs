//! What changed from one version to another: everything that decides what a
//! version may do, and nothing that only says who made it when.

use std::collections::{BTreeMap, BTreeSet};

use anstyle::{AnsiColor, Style};
use extensions_client::registry::VersionWhole;
use extensions_types::Version;
use serde::Serialize;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::words::{self, plain};

const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const HEADING: Style = Style::new().bold();
const FAINT: Style = AnsiColor::BrightBlack.on_default();
/// Lines around a change.
const CONTEXT: usize = 3;
/// Members of a definition that are compared by themselves, or that differ always.
const APART: [&str; 5] = ["schema", "version", "digest", "schemas", "host_calls"];
const MADE_BY: &str = "metadata.created_by";

/// Everything that differs.
#[derive(Debug, Serialize)]
pub(super) struct Difference {
    from: Side,
    to: Side,
    /// The component's size, in bytes.
    size_change: i64,
    /// Limits, tier, failure contract and the like, each by its path.
    fields: Vec<Field>,
    imports: Members,
    host_calls: Members,
    /// Schemas and WIT.
    texts: Vec<Text>,
}

/// One of the two.
#[derive(Debug, Serialize)]
struct Side {
    version: Version,
    digest: String,
    component_bytes: u64,
}

/// A value that differs; null where there is none.
#[derive(Debug, PartialEq, Serialize)]
struct Field {
    path: String,
    from: Value,
    to: Value,
}

/// What was added to a list and what is gone from it.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Members {
    added: Vec<String>,
    removed: Vec<String>,
}

/// A text that differs.
#[derive(Debug, Serialize)]
struct Text {
    what: &'static str,
    /// Lines that begin with `+`, `-` or a blank.
    diff: String,
}

/// Compares two versions, read with their WIT.
pub(super) fn between(from: &VersionWhole, to: &VersionWhole) -> Difference {
    let schema = |version: &VersionWhole, which: &str| match &version.definition["schemas"][which] {
        Value::Null => String::new(),
        schema => format!("{schema:#}\n"),
    };
    let texts = [
        text("input schema", &schema(from, "input"), &schema(to, "input")),
        text("output schema", &schema(from, "output"), &schema(to, "output")),
        text("WIT", &from.wit, &to.wit),
    ];
    Difference {
        from: side(from),
        to: side(to),
        size_change: to.summary.component_bytes.cast_signed() - from.summary.component_bytes.cast_signed(),
        fields: fields(&from.definition, &to.definition),
        imports: members(&from.imports, &to.imports),
        host_calls: members(&texts_of(&from.definition["host_calls"]), &texts_of(&to.definition["host_calls"])),
        texts: texts.into_iter().flatten().collect(),
    }
}

fn side(version: &VersionWhole) -> Side {
    let summary = &version.summary;
    Side { version: summary.version, digest: summary.digest.clone(), component_bytes: summary.component_bytes }
}

fn texts_of(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn members(from: &[String], to: &[String]) -> Members {
    let (from, to): (BTreeSet<_>, BTreeSet<_>) = (from.iter().collect(), to.iter().collect());
    let only = |a: &BTreeSet<&String>, b: &BTreeSet<&String>| a.difference(b).map(|&one| one.clone()).collect();
    Members { added: only(&to, &from), removed: only(&from, &to) }
}

fn fields(from: &Value, to: &Value) -> Vec<Field> {
    let (from, to) = (leaves(from), leaves(to));
    let paths: BTreeSet<_> = from.keys().chain(to.keys()).collect();
    let value = |leaves: &BTreeMap<String, Value>, path: &str| leaves.get(path).cloned().unwrap_or_default();
    let changed = paths.into_iter().filter(|&path| path != MADE_BY && value(&from, path) != value(&to, path));
    changed.map(|path| Field { path: path.clone(), from: value(&from, path), to: value(&to, path) }).collect()
}

/// The values of a definition by their paths; lists are values.
fn leaves(definition: &Value) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    for (name, value) in definition.as_object().into_iter().flatten().filter(|(name, _)| !APART.contains(&name.as_str())) {
        match value {
            Value::Object(inner) => leaves.extend(inner.iter().map(|(inner, value)| (format!("{name}.{inner}"), value.clone()))),
            value => drop(leaves.insert(name.clone(), value.clone())),
        }
    }
    leaves
}

fn text(what: &'static str, from: &str, to: &str) -> Option<Text> {
    let diff = TextDiff::from_lines(from, to);
    let mut lines = String::new();
    for (number, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if number > 0 {
            lines.push_str(" …\n");
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            lines.push(match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            });
            lines.push_str(&plain(change.value().trim_end_matches('\n')));
            lines.push('\n');
        }
    }
    (!lines.is_empty()).then_some(Text { what, diff: lines })
}

impl Difference {
    /// The difference as people read it, coloured.
    pub(super) fn render(&self) -> String {
        let Self { from, to, size_change, fields, imports, host_calls, texts } = self;
        let mut lines = vec![
            format!("{REMOVED}- version {}  {} bytes  sha256:{}{REMOVED:#}", from.version, from.component_bytes, from.digest),
            format!("{ADDED}+ version {}  {} bytes  sha256:{}{ADDED:#}", to.version, to.component_bytes, to.digest),
        ];
        if from.digest == to.digest {
            lines.push("the component is the same".to_owned());
        } else {
            lines.push(format!("size {size_change:+} bytes"));
        }
        if !fields.is_empty() {
            lines.push(format!("\n{HEADING}definition{HEADING:#}"));
            lines.extend(fields.iter().map(field));
        }
        for (heading, changed) in [("imports", imports), ("host calls", host_calls)] {
            if *changed != Members::default() {
                lines.push(format!("\n{HEADING}{heading}{HEADING:#}"));
                lines.extend(changed.removed.iter().map(|one| coloured(&format!("-{}", plain(one)))));
                lines.extend(changed.added.iter().map(|one| coloured(&format!("+{}", plain(one)))));
            }
        }
        for text in texts {
            lines.push(format!("\n{HEADING}{}{HEADING:#}", text.what));
            lines.extend(text.diff.lines().map(coloured));
        }
        lines.join("\n")
    }
}

fn field(field: &Field) -> String {
    let shown = |value: &Value| match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => words::plain(text),
        value => words::plain(&value.to_string()),
    };
    let (from, to) = (shown(&field.from), shown(&field.to));
    format!("  {:<28} {REMOVED}{from}{REMOVED:#} → {ADDED}{to}{ADDED:#}", field.path)
}

fn coloured(line: &str) -> String {
    match line.as_bytes().first() {
        Some(b'+') => format!("{ADDED}{line}{ADDED:#}"),
        Some(b'-') => format!("{REMOVED}{line}{REMOVED:#}"),
        _ => format!("{FAINT}{line}{FAINT:#}"),
    }
}

#[cfg(test)]
mod tests {
    use extensions_client::registry::{Actor, VersionSummary};
    use extensions_types::VersionState;
    use serde_json::json;

    use super::*;

    fn whole(number: u64, bytes: u64, definition: Value, wit: &str) -> VersionWhole {
        let summary = VersionSummary {
            version: Version::new(number).unwrap(),
            state: VersionState::Draft,
            built: true,
            origin: None,
            digest: format!("{number:064}"),
            component_bytes: bytes,
            bundle_sha256: String::new(),
            risk_tier: None,
            created_by: Actor::default(),
            created_at_ms: 0,
            findings: Vec::new(),
            reviews: Vec::new(),
            waivers: Vec::new(),
            compiling: false,
            source_deleted: false,
        };
        let imports = texts_of(&definition["imports"]);
        VersionWhole { summary, definition, evidence: Value::Null, imports, wit: wit.to_owned() }
    }

    #[test]
    fn what_decides_is_shown_and_what_only_dates_is_not() {
        let from = json!({
            "version": 1, "digest": "a", "risk_tier": "low", "limits": {"cpu_millis": 50}, "host_calls": ["orders.get"], "imports": ["a", "b"],
            "schemas": {"input": {"type": "object"}}, "metadata": {"created_by": "ada", "description": "x\u{1b}[2J"},
        });
        let to = json!({
            "version": 2, "digest": "b", "risk_tier": "medium", "limits": {"cpu_millis": 80, "memory_mb": 1}, "host_calls": ["orders.list"], "imports": ["b", "c"],
            "schemas": {"input": {"type": "array"}}, "metadata": {"created_by": "bob", "description": "y"},
        });
        let difference = between(&whole(1, 900, from, "world a {\n}\n"), &whole(2, 800, to, "world a {\n  import b;\n}\n"));
        assert_eq!(difference.size_change, -100);
        let paths: Vec<_> = difference.fields.iter().map(|field| field.path.as_str()).collect();
        assert_eq!(paths, ["imports", "limits.cpu_millis", "limits.memory_mb", "metadata.description", "risk_tier"]);
        assert_eq!(difference.host_calls, Members { added: vec!["orders.list".into()], removed: vec!["orders.get".into()] });
        assert_eq!(difference.imports, Members { added: vec!["c".into()], removed: vec!["a".into()] });
        let text = anstream::adapter::strip_str(&difference.render()).to_string();
        for part in ["size -100 bytes", "50 → 80", "– → 1", "low → medium", "-orders.get", "+orders.list", "-  \"type\": \"object\"", "+  import b;"]
        {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(!text.contains('\u{1b}') && !text.contains("bob"), "{text}");
    }

    #[test]
    fn the_same_is_the_same() {
        let one = whole(1, 900, json!({"risk_tier": "low"}), "world a {}\n");
        let difference = between(&one, &one);
        assert!(difference.fields.is_empty() && difference.texts.is_empty());
        assert!(difference.render().contains("the component is the same"));
    }
}
