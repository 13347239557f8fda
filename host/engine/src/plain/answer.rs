//! What a plain module answers, read as its kind's verdict, result or error.

use bytes::Bytes;
use extensions_types::{ErrorCode, Kind};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    bindings::types::{HookError, Message, Severity, Verdict},
    call::Failure,
    guest::Guest,
    outcome,
};

/// The key of an answer that is an error, where it has no other.
const ERROR: &str = "$error";

/// The answer on the wire, as the worlds of the kinds give it.
pub(crate) fn outcome(kind: Kind, json: Vec<u8>, guest: &Guest) -> Result<Bytes, Failure> {
    let most = guest.limits().output_bytes;
    if json.len() > most as usize {
        return Err(outcome::output_limit(most));
    }
    let error = hook_error(&json)?;
    match kind {
        Kind::DomainHook => outcome::of_verdict(error.map_or_else(|| verdict(&json).map(Ok), |error| Ok(Err(error)))?, guest),
        Kind::ProcessHook | Kind::AgentTool => outcome::of_json(error.map_or(Ok(json), Err), kind == Kind::ProcessHook, guest),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireVerdict<'j> {
    ok: bool,
    #[serde(default)]
    messages: Vec<WireMessage>,
    #[serde(borrow, default, rename = "derivedFields")]
    derived_fields: Option<&'j RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireMessage {
    code: String,
    severity: WireSeverity,
    text: String,
    path: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireSeverity {
    Info,
    Warning,
    Error,
}

/// `{"ok", "messages", "derivedFields"}`, of which the last two may be absent.
fn verdict(json: &[u8]) -> Result<Verdict, Failure> {
    let wire: WireVerdict<'_> = serde_json::from_slice(json).map_err(|error| invalid(format_args!("the answer is no verdict: {error}")))?;
    let messages = wire.messages.into_iter().map(|message| Message {
        code: message.code,
        severity: match message.severity {
            WireSeverity::Info => Severity::Info,
            WireSeverity::Warning => Severity::Warning,
            WireSeverity::Error => Severity::Error,
        },
        text: message.text,
        path: message.path,
    });
    let derived_fields = wire.derived_fields.map_or("{}", RawValue::get).as_bytes().to_vec();
    Ok(Verdict { ok: wire.ok, messages: messages.collect(), derived_fields })
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

    #[test]
    fn a_verdict_may_be_short() {
        let short = verdict(br#"{"ok":false}"#).unwrap();
        assert!(!short.ok && short.messages.is_empty() && short.derived_fields == b"{}");
        let long = br#"{"messages":[{"code":"C","severity":"warning","text":"t\n","path":"/a"}],"derivedFields":{"b": 1.50},"ok":true}"#;
        let long = verdict(long).unwrap();
        assert_eq!((long.ok, long.messages[0].text.as_str(), &*long.derived_fields), (true, "t\n", &b"{\"b\": 1.50}"[..]));
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
            r#"{"ok":true,"messages":[{"code":"C","text":"t","path":""}]}"#,
            r#"{"ok":true,"messages":[{"code":"C","severity":"fatal","text":"t","path":""}]}"#,
        ] {
            assert_eq!(verdict(json.as_bytes()).unwrap_err().code, ErrorCode::InvalidOutput, "{json}");
        }
        let utf8 = verdict(b"{\"ok\":true,\"derivedFields\":{\"a\":\"\xff\"}}");
        assert_eq!(utf8.unwrap_err().code, ErrorCode::InvalidOutput);
    }
}
