//! One test case of an extension: what goes in, what must come out.

use std::sync::Arc;

use extensions_engine::Failure;
use extensions_json::{Schema, SchemaError, Violation};
use extensions_types::{CallLabel, ErrorCode, Limits};
use serde::Deserialize;
use serde_json::Value;

use crate::difference::Difference;

/// A case file, as docs/extensions.md describes it.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its `name`, or its file's.
    pub name: String,
    /// Its file, relative to the extension's folder: `tests/above.json`.
    pub file: String,
    /// The input, given as JSON.
    pub input: Value,
    /// The hook point or task.
    pub point: Option<CallLabel>,
    /// Context fields other than the defaults.
    pub context: ContextFields,
    /// Limits tighter than the extension's own.
    pub limits: CaseLimits,
    /// What must come out.
    pub expect: Expect,
    /// The host calls that the extension must make, in order, with their answers.
    pub host_calls: Vec<ScriptedCall>,
}

/// Context fields that a case sets.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs, reason = "the fields of ExecutionContext in runtime.proto")]
pub struct ContextFields {
    pub tenant_id: Option<String>,
    pub org_id: Option<String>,
    pub user_id: Option<String>,
    pub actor_type: Option<String>,
    pub session_id: Option<String>,
    pub correlation_id: Option<String>,
    pub env: Option<String>,
}

/// Limits that a case tightens; what is absent stays the extension's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaseLimits {
    /// CPU time, in milliseconds.
    pub cpu_millis: Option<u32>,
    /// Memories and tables, in MiB.
    pub memory_mb: Option<u32>,
    /// Wall time, in milliseconds.
    pub timeout_ms: Option<u32>,
}

/// What must come out.
#[derive(Debug, Clone)]
pub enum Expect {
    /// This JSON, numbers compared by value.
    Output(Value),
    /// An output that matches this schema.
    Schema(Arc<Schema>),
    /// This failure.
    Error(ExpectedError),
}

/// A failure that must come.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedError {
    /// A code of docs/errors.md.
    pub code: String,
    /// A part of its text.
    #[serde(default)]
    pub contains: String,
}

/// A host call and its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedCall {
    /// The platform API.
    pub service: String,
    /// Its method.
    pub method: String,
    /// The request that must be made; any when absent.
    pub request: Option<Value>,
    /// The answer.
    pub answer: Option<Value>,
    /// Or the failure: `denied`, `not_found` or `failed`.
    pub error: Option<ScriptedError>,
}

/// A failing answer of a scripted host call.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the variants of call-error in wit/")]
pub enum ScriptedError {
    Denied,
    NotFound,
    Failed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    name: Option<String>,
    input: Value,
    #[serde(alias = "task")]
    point: Option<CallLabel>,
    #[serde(default)]
    context: ContextFields,
    #[serde(default)]
    limits: CaseLimits,
    expect: ExpectText,
    #[serde(default)]
    host_calls: Vec<ScriptedCall>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ExpectText {
    Output(Value),
    Schema(Value),
    Error(ExpectedError),
}

/// Why a case is refused.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// Not JSON, or not of a case's form.
    #[error("{0}")]
    Syntax(#[from] serde_json::Error),
    /// The expected code is not one.
    #[error("`{0}` is no error code; docs/errors.md lists them")]
    Code(String),
    /// The expected schema is not one.
    #[error("expect.schema: {0}")]
    Schema(#[from] SchemaError),
}

/// A case asks for more than the extension has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("limits.{field} is {value}; a case only tightens: 1 to {max}, the extension's own")]
pub struct CaseLimitError {
    field: &'static str,
    value: u32,
    max: u32,
}

impl CaseLimits {
    /// The extension's limits with what the case tightens.
    ///
    /// # Errors
    /// When one would be zero or wider.
    pub fn within(&self, own: Limits) -> Result<Limits, CaseLimitError> {
        let tighter = |field, wanted: Option<u32>, max| match wanted {
            Some(value) if value == 0 || value > max => Err(CaseLimitError { field, value, max }),
            wanted => Ok(wanted.unwrap_or(max)),
        };
        Ok(Limits {
            cpu_millis: tighter("cpu_millis", self.cpu_millis, own.cpu_millis)?,
            memory_mb: tighter("memory_mb", self.memory_mb, own.memory_mb)?,
            timeout_ms: tighter("timeout_ms", self.timeout_ms, own.timeout_ms)?,
            ..own
        })
    }
}

impl ScriptedCall {
    /// `service.method`.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.service, self.method)
    }
}

impl Case {
    /// Reads a case file's text; `stem` is its file's name without `.json`, and its own when it has none.
    ///
    /// # Errors
    /// Says which field is wrong.
    pub fn parse(text: &[u8], stem: String) -> Result<Self, CaseError> {
        let Text { name, input, point, context, limits, expect, host_calls } = serde_json::from_slice(text)?;
        let expect = match expect {
            ExpectText::Output(output) => Expect::Output(output),
            ExpectText::Schema(schema) => Expect::Schema(Arc::new(Schema::compile(&schema)?)),
            ExpectText::Error(error) if error.code.parse::<ErrorCode>().is_err() => return Err(CaseError::Code(error.code)),
            ExpectText::Error(error) => Expect::Error(error),
        };
        let file = format!("tests/{stem}.json");
        Ok(Self { name: name.unwrap_or(stem), file, input, point, context, limits, expect, host_calls })
    }

    /// Compares what came out with what must; none when it is right.
    #[must_use]
    pub fn difference(&self, got: &Result<Value, Failure>) -> Option<Difference> {
        match (&self.expect, got) {
            (Expect::Output(want), Ok(got)) => Difference::between("the output", want, got),
            (Expect::Schema(schema), Ok(got)) => match schema.validate(got.to_string().as_bytes()) {
                Ok(()) => None,
                Err(violation) => Some(mismatch(&violation, got)),
            },
            (Expect::Output(_) | Expect::Schema(_), Err(failure)) => Some(Difference::of(format!("expected an output, got {failure}"))),
            (Expect::Error(want), Ok(got)) => Some(Difference::of(format!("expected {}, got the output {got}", want.code))),
            (Expect::Error(want), Err(failure)) if failure.code.as_str() != want.code => {
                Some(Difference::of(format!("expected {}, got {failure}", want.code)))
            }
            (Expect::Error(want), Err(failure)) if !failure.message.contains(&want.contains) => {
                Some(Difference::of(format!("expected a text with `{}`, got {failure}", want.contains)))
            }
            (Expect::Error(_), Err(_)) => None,
        }
    }
}

fn mismatch(violation: &Violation, got: &Value) -> Difference {
    let text = violation.to_string();
    // The schema names the place in front of each reason.
    let path = text.split_once(": ").map(|(path, _)| path).filter(|path| path.starts_with('/')).map(str::to_owned);
    Difference { message: format!("the output does not match the schema: {text}"), path, diff: format!("{got:#}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn case(expect: Value) -> Case {
        let text = json!({"input": {}, "expect": expect}).to_string();
        Case::parse(text.as_bytes(), "file".into()).unwrap()
    }

    #[test]
    fn outputs_are_compared() {
        let case = case(json!({"output": {"a": 1}}));
        assert_eq!((case.name.as_str(), case.file.as_str()), ("file", "tests/file.json"));
        assert_eq!(case.difference(&Ok(json!({"a": 1.0}))), None);
        assert_eq!(case.difference(&Ok(json!({"a": 2}))).unwrap().path.as_deref(), Some("/a"));
        assert!(case.difference(&Err(Failure::new(ErrorCode::Trap, "x"))).is_some());
    }

    #[test]
    fn errors_compare_by_code_and_text() {
        let case = case(json!({"error": {"code": "REJECTED", "contains": "tier"}}));
        assert_eq!(case.difference(&Err(Failure::new(ErrorCode::Rejected, "no such tier"))), None);
        assert!(case.difference(&Err(Failure::new(ErrorCode::Rejected, "no"))).is_some());
        assert!(case.difference(&Err(Failure::new(ErrorCode::Trap, "tier"))).is_some());
        assert!(case.difference(&Ok(json!({}))).is_some());
    }

    #[test]
    fn a_schema_takes_whatever_matches_it() {
        let case = case(json!({"schema": {"type": "object", "properties": {"price": {"type": "integer", "maximum": 10}}, "required": ["price"]}}));
        assert_eq!(case.difference(&Ok(json!({"price": 10, "more": true}))), None);
        let difference = case.difference(&Ok(json!({"price": 11}))).unwrap();
        assert_eq!(difference.path.as_deref(), Some("/price"), "{difference}");
        assert!(case.difference(&Ok(json!({}))).is_some());
        assert!(case.difference(&Err(Failure::new(ErrorCode::Trap, "x"))).is_some());
    }

    #[test]
    fn codes_and_schemas_must_exist() {
        let parse = |text: &str| Case::parse(text.as_bytes(), String::new());
        assert!(matches!(parse(r#"{"input": {}, "expect": {"error": {"code": "NOPE"}}}"#), Err(CaseError::Code(_))));
        assert!(matches!(parse(r#"{"input": {}, "expect": {"schema": {"type": "thing"}}}"#), Err(CaseError::Schema(_))));
        assert!(matches!(parse(r#"{"input": {}, "expect": {"output": 1, "schema": {}}}"#), Err(CaseError::Syntax(_))));
    }

    #[test]
    fn limits_only_tighten() {
        let own = Limits::default();
        let limits = CaseLimits { cpu_millis: Some(10), ..CaseLimits::default() };
        assert_eq!(limits.within(own), Ok(Limits { cpu_millis: 10, ..own }));
        let wide = CaseLimits { memory_mb: Some(own.memory_mb + 1), ..CaseLimits::default() };
        assert!(wide.within(own).unwrap_err().to_string().contains("limits.memory_mb is 65"));
        assert!(CaseLimits { timeout_ms: Some(0), ..CaseLimits::default() }.within(own).is_err());
    }
}
