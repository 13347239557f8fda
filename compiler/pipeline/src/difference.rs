//! What came out beside what should have: the first place that differs, and the lines around it.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// A value is shown in a sentence up to this many characters; the lines below it have the rest.
const SHOWN_CHARS_MAX: usize = 120;
/// Lines around a change.
const CONTEXT: usize = 2;
/// A diff that nobody would read to its end is cut here.
const DIFF_BYTES_MAX: usize = 16 << 10;

/// Why a case failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What differs, in one sentence.
    pub message: String,
    /// Where, as a JSON pointer into the output or into a host call's request; none where it is not about a place.
    pub path: Option<String>,
    /// Lines that differ: `-` is what the case expects, `+` what came out. Empty where there is nothing to compare.
    pub diff: String,
}

impl Difference {
    /// One that is not about a place.
    pub(crate) fn of(message: impl Into<String>) -> Self {
        Self { message: message.into(), path: None, diff: String::new() }
    }

    /// Compares two values; none where they are the same.
    pub(crate) fn between(what: &str, want: &Value, got: &Value) -> Option<Self> {
        let first = first(want, got)?;
        let place = if first.path.is_empty() { String::new() } else { format!(" at {}", first.path) };
        let message = match (first.want, first.got) {
            (Some(want), Some(got)) => format!("{what} differs{place}: expected {}, got {}", shown(want), shown(got)),
            (Some(want), None) => format!("{what} differs{place}: expected {}, got nothing", shown(want)),
            (None, got) => format!("{what} differs{place}: expected nothing, got {}", got.map(shown).unwrap_or_default()),
        };
        Some(Self { message, path: Some(first.path), diff: lines(want, got) })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if self.diff.is_empty() { Ok(()) } else { write!(f, "\n{}", self.diff.trim_end()) }
    }
}

/// Where two values part, and what stands there.
struct First<'v> {
    path: String,
    want: Option<&'v Value>,
    got: Option<&'v Value>,
}

/// The first place that differs, in the order of the expected value. 1 and 1.0 are the same number.
fn first<'v>(want: &'v Value, got: &'v Value) -> Option<First<'v>> {
    let below = |part: &str, first: First<'v>| First { path: format!("/{}{}", part.replace('~', "~0").replace('/', "~1"), first.path), ..first };
    let compare = |part: &str, want: Option<&'v Value>, got: Option<&'v Value>| match (want, got) {
        (Some(want), Some(got)) => first(want, got).map(|first| below(part, first)),
        (want, got) => Some(below(part, First { path: String::new(), want, got })),
    };
    match (want, got) {
        (Value::Number(a), Value::Number(b)) if a == b || a.as_f64() == b.as_f64() => None,
        (Value::Array(want), Value::Array(got)) => (0..want.len().max(got.len())).find_map(|at| compare(&at.to_string(), want.get(at), got.get(at))),
        (Value::Object(want), Value::Object(got)) => {
            let expected = || want.iter().find_map(|(key, want)| compare(key, Some(want), got.get(key)));
            expected().or_else(|| got.iter().find(|(key, _)| !want.contains_key(*key)).and_then(|(key, got)| compare(key, None, Some(got))))
        }
        (want, got) if want == got => None,
        (want, got) => Some(First { path: String::new(), want: Some(want), got: Some(got) }),
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn lines(want: &Value, got: &Value) -> String {
    let (want, got) = (format!("{want:#}\n"), format!("{got:#}\n"));
    let mut text = similar::TextDiff::from_lines(&want, &got).unified_diff().context_radius(CONTEXT).header("expected", "got").to_string();
    if text.len() > DIFF_BYTES_MAX {
        text.truncate(text.floor_char_boundary(DIFF_BYTES_MAX));
        text.push_str("\n…");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(want: Value, got: Value) -> String {
        Difference::between("the output", &want, &got).unwrap().message
    }

    #[test]
    fn numbers_compare_by_value_and_members_by_name() {
        assert_eq!(Difference::between("it", &json!({"a": 1, "b": [2.0]}), &json!({"b": [2], "a": 1.0})), None);
    }

    #[test]
    fn the_first_place_is_named() {
        assert_eq!(message(json!({"a": [1, {"b/c": 2}]}), json!({"a": [1, {"b/c": 3}]})), "the output differs at /a/1/b~1c: expected 2, got 3");
        assert_eq!(message(json!({"a": 1}), json!({})), "the output differs at /a: expected 1, got nothing");
        assert_eq!(message(json!([1]), json!([1, null])), "the output differs at /1: expected nothing, got null");
        assert_eq!(message(json!(1), json!("1")), "the output differs: expected 1, got \"1\"");
        assert_eq!(Difference::between("it", &json!([1]), &json!([2])).unwrap().path.as_deref(), Some("/0"));
    }

    #[test]
    fn lines_show_both_sides_and_end() {
        let difference = Difference::between("the output", &json!({"a": 1, "b": [2.0]}), &json!({"a": 1, "b": [3]})).unwrap();
        assert!(difference.diff.contains("-    2.0") && difference.diff.contains("+    3"), "{difference}");
        let long = Difference::between("it", &json!("x".repeat(100_000)), &json!("é".repeat(100_000))).unwrap();
        assert!(long.message.len() < 600 && long.diff.len() < DIFF_BYTES_MAX + 10, "{}", long.message);
    }
}
