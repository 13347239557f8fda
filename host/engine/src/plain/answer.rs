//! What a plain module answers, read as its kind's verdict, result or error.

use std::borrow::Cow;

use bytes::Bytes;
use extensions_json::Shape;
use extensions_types::{ErrorCode, Kind};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{bindings::types::HookError, call::Failure, guest::Guest, outcome};

/// The key of an answer that is an error, where it has no other.
const ERROR: &str = "$error";

/// The answer on the wire, as the worlds of the kinds give it.
pub(crate) fn outcome(kind: Kind, json: Vec<u8>, guest: &Guest) -> Result<Bytes, Failure> {
    let most = guest.limits().output_bytes;
    let within = |json: Vec<u8>| if json.len() > most as usize { Err(outcome::output_limit(most)) } else { Ok(json) };
    let json = within(json)?;
    match (hook_error(&json)?, kind) {
        (Some(error), Kind::DomainHook) => outcome::of_verdict(Err(error), guest),
        (None, Kind::DomainHook) => Ok(within(verdict(json)?)?.into()),
        (error, Kind::ProcessHook | Kind::AgentTool) => outcome::of_json(error.map_or(Ok(json), Err), kind == Kind::ProcessHook, guest),
    }
}

/// A verdict as it may be: read to be checked, and then passed on as it lies.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireVerdict<'j> {
    #[serde(rename = "ok")]
    _ok: bool,
    #[serde(borrow, default, deserialize_with = "present")]
    messages: Option<Vec<WireMessage<'j>>>,
    #[serde(borrow, rename = "derivedFields", default, deserialize_with = "present")]
    derived_fields: Option<&'j RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireMessage<'j> {
    #[serde(borrow, rename = "code")]
    _code: Cow<'j, str>,
    #[serde(rename = "severity")]
    _severity: WireSeverity,
    #[serde(borrow, rename = "text")]
    _text: Cow<'j, str>,
    #[serde(borrow, rename = "path")]
    _path: Cow<'j, str>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireSeverity {
    Info,
    Warning,
    Error,
}

/// Absent is not null, which is neither a list nor an object.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// `{"ok", "messages", "derivedFields"}`, of which the last two may be absent:
/// they are on the wire all the same.
fn verdict(mut json: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let wire: WireVerdict<'_> = serde_json::from_slice(&json).map_err(|error| invalid(format_args!("the answer is no verdict: {error}")))?;
    if let Some(fields) = wire.derived_fields {
        match extensions_json::check(fields.get().as_bytes()) {
            Ok(Shape::Object) => {}
            Ok(Shape::Other) => return Err(invalid("derivedFields must be a JSON object")),
            Err(error) => return Err(invalid(format_args!("derivedFields are not JSON: {error}"))),
        }
    }
    let (messages, derived_fields) = (wire.messages.is_none(), wire.derived_fields.is_none());
    if messages || derived_fields {
        // It is one object, and `ok` stands in it: what is missing goes before its last brace.
        json.truncate(json.iter().rposition(|&byte| byte == b'}').unwrap_or_default());
        json.extend_from_slice(if messages { b",\"messages\":[]" } else { b"" });
        json.extend_from_slice(if derived_fields { b",\"derivedFields\":{}" } else { b"" });
        json.push(b'}');
    }
    Ok(json)
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireError {
    Rejected(String),
    InvalidInput(String),
    Failed(String),
}

/// The error that an answer is, if its only key is `$error`.
fn hook_error(json: &[u8]) -> Result<Option<HookError>, Failure> {
    if !may_be_error(json) {
        return Ok(None);
    }
    // What is no JSON, or no object of text keys, is refused by whoever reads the answer.
    let Ok(keys) = serde_json::from_slice::<ErrorKeys<'_>>(json) else { return Ok(None) };
    let (Some(error), 0) = (keys.error, keys.others) else { return Ok(None) };
    if keys.errors > 1 {
        return Err(invalid(format_args!("`{ERROR}` is there more than once")));
    }
    let error: WireError = serde_json::from_str(error.get())
        .map_err(|error| invalid(format_args!("`{ERROR}` holds one of rejected, invalid_input and failed, each with a text: {error}")))?;
    Ok(Some(match error {
        WireError::Rejected(text) => HookError::Rejected(text),
        WireError::InvalidInput(text) => HookError::InvalidInput(text),
        WireError::Failed(text) => HookError::Failed(text),
    }))
}

/// A look at the first key's first character; nearly every answer ends here.
/// The key may be written with escapes.
fn may_be_error(json: &[u8]) -> bool {
    let after = |bytes: &'_ [u8], expected: u8| -> Option<usize> {
        let at = bytes.iter().position(|byte| !byte.is_ascii_whitespace())?;
        (bytes[at] == expected).then_some(at + 1)
    };
    let first = || {
        let object = &json[after(json, b'{')?..];
        object.get(after(object, b'"')?).copied()
    };
    matches!(first(), Some(b'$' | b'\\'))
}

/// How often an object has the key `$error`, with its last value, and how many others it has.
#[derive(Default)]
struct ErrorKeys<'j> {
    error: Option<&'j RawValue>,
    errors: usize,
    others: usize,
}

impl<'de> Deserialize<'de> for ErrorKeys<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Keys)
    }
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = ErrorKeys<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<ErrorKeys<'de>, A::Error> {
        let mut keys = ErrorKeys::default();
        while let Some(key) = fields.next_key::<String>()? {
            if key == ERROR {
                keys.error = Some(fields.next_value()?);
                keys.errors += 1;
            } else {
                fields.next_value::<IgnoredAny>()?;
                keys.others += 1;
            }
        }
        Ok(keys)
    }
}

fn invalid(text: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorCode::InvalidOutput, text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(json: &str) -> Result<Option<String>, ErrorCode> {
        hook_error(json.as_bytes()).map(|error| error.map(|error| format!("{error:?}"))).map_err(|failure| failure.code)
    }

    #[test]
    fn an_object_with_the_one_key_is_an_error() {
        for (json, expected) in [
            (r#"{"$error": {"rejected": "no"}}"#, "Rejected(\"no\")"),
            (" {\n\t\"$error\":{\"invalid_input\":\"\"}} ", "InvalidInput(\"\")"),
            (r#"{"\u0024error":{"failed":"x"}}"#, "Failed(\"x\")"),
        ] {
            let got = error(json).unwrap().unwrap();
            assert!(got.contains(expected.trim_end_matches(')')), "{got} of {json}");
        }
    }

    #[test]
    fn other_objects_are_answers() {
        for json in [
            "{}",
            "[]",
            "",
            "{",
            "1",
            r#"{"error":1}"#,
            r#"{"$other":1}"#,
            r#"{"a":1,"$error":{}}"#,
            r#"{"$error":{"failed":"x"},"a":1}"#,
            r#"{"$error":"#,
        ] {
            assert_eq!(error(json), Ok(None), "{json}");
        }
    }

    #[test]
    fn a_damaged_error_is_no_answer() {
        for json in [
            r#"{"$error":"no"}"#,
            r#"{"$error":{}}"#,
            r#"{"$error":{"denied":"x"}}"#,
            r#"{"$error":{"failed":1}}"#,
            r#"{"$error":{"failed":"x","rejected":"y"}}"#,
            r#"{"$error":{"failed":"x"},"$error":{"failed":"y"}}"#,
        ] {
            assert_eq!(error(json), Err(ErrorCode::InvalidOutput), "{json}");
        }
    }

    fn wire(json: impl AsRef<[u8]>) -> Result<String, ErrorCode> {
        verdict(json.as_ref().to_vec()).map(|wire| String::from_utf8(wire).unwrap()).map_err(|failure| failure.code)
    }

    #[test]
    fn a_verdict_may_be_short() {
        assert_eq!(wire(r#"{"ok":false}"#).unwrap(), r#"{"ok":false,"messages":[],"derivedFields":{}}"#);
        assert_eq!(wire("{\"messages\":[],\"ok\":true }\n").unwrap(), "{\"messages\":[],\"ok\":true ,\"derivedFields\":{}}");
        assert_eq!(wire(r#"{"derivedFields":{"a":"}"},"ok":true}"#).unwrap(), r#"{"derivedFields":{"a":"}"},"ok":true,"messages":[]}"#);
        let whole = r#" {"messages":[{"code":"C","severity":"warning","text":"t\n","path":"/a"}],"derivedFields":{"b": 1.50},"ok":true} "#;
        assert_eq!(wire(whole).unwrap(), whole, "it is passed on as it lies");
    }

    #[test]
    fn what_is_no_verdict_is_named() {
        for json in [
            "",
            "{}",
            "true",
            r#"{"ok":1}"#,
            r#"{"ok":true,"derived_fields":{}}"#,
            r#"{"ok":true,"ok":false}"#,
            r#"{"ok":true}x"#,
            r#"{"ok":true,"derivedFields":null}"#,
            r#"{"ok":true,"messages":null}"#,
            r#"{"ok":true,"derivedFields":[]}"#,
            r#"{"ok":true,"messages":[{"code":"C","text":"t","path":""}]}"#,
            r#"{"ok":true,"messages":[{"code":"C","severity":"fatal","text":"t","path":""}]}"#,
            r#"{"ok":true,"messages":[{"code":"C","severity":"info","text":1,"path":""}]}"#,
        ] {
            assert_eq!(wire(json), Err(ErrorCode::InvalidOutput), "{json}");
        }
        let deep = format!(r#"{{"ok":true,"derivedFields":{}1{}}}"#, "{\"a\":".repeat(200), "}".repeat(200));
        for bytes in [&b"{\"ok\":true,\"derivedFields\":{\"a\":\"\xff\"}}"[..], b"{\"ok\":true,\"messages\":[{\"code\":\"\xff\"}]}", deep.as_bytes()]
        {
            assert_eq!(wire(bytes), Err(ErrorCode::InvalidOutput));
        }
    }
}
