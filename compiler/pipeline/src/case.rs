//! One test case of an extension: what goes in, what must come out.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use extensions_engine::{Failure, HostCallError, HostCalls};
use extensions_types::{CallLabel, ErrorCode, HostCallName};
use serde::Deserialize;
use serde_json::Value;

/// A case file, as docs/extensions.md describes it.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its `name`, or its file's.
    pub name: String,
    /// The input, given as JSON.
    pub input: Value,
    /// The hook point or task.
    pub point: Option<CallLabel>,
    /// Context fields other than the defaults.
    pub context: ContextFields,
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

/// What must come out.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expect {
    /// This JSON, numbers compared by value.
    Output(Value),
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
    expect: Expect,
    #[serde(default)]
    host_calls: Vec<ScriptedCall>,
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
}

impl Case {
    /// Reads a case file's text; `file` names it when it has no name.
    ///
    /// # Errors
    /// Says which field is wrong.
    pub fn parse(text: &[u8], file: String) -> Result<Self, CaseError> {
        let text: Text = serde_json::from_slice(text)?;
        if let Expect::Error(error) = &text.expect
            && error.code.parse::<ErrorCode>().is_err()
        {
            return Err(CaseError::Code(error.code.clone()));
        }
        let Text { name, input, point, context, expect, host_calls } = text;
        Ok(Self { name: name.unwrap_or(file), input, point, context, expect, host_calls })
    }

    /// Compares what came out with what must; none when it is right.
    #[must_use]
    pub fn difference(&self, got: &Result<Value, Failure>) -> Option<String> {
        match (&self.expect, got) {
            (Expect::Output(want), Ok(got)) if same(want, got) => None,
            (Expect::Output(want), Ok(got)) => Some(diff(want, got)),
            (Expect::Output(_), Err(failure)) => Some(format!("expected an output, got {failure}")),
            (Expect::Error(want), Ok(got)) => Some(format!("expected {}, got the output {got}", want.code)),
            (Expect::Error(want), Err(failure)) if failure.code.as_str() != want.code => Some(format!("expected {}, got {failure}", want.code)),
            (Expect::Error(want), Err(failure)) if !failure.message.contains(&want.contains) => {
                Some(format!("expected a text with `{}`, got {failure}", want.contains))
            }
            (Expect::Error(_), Err(_)) => None,
        }
    }
}

/// JSON equality where 1 and 1.0 are the same number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b))),
        (a, b) => a == b,
    }
}

/// Lines that differ: `-` is what the case expects, `+` what came out.
fn diff(want: &Value, got: &Value) -> String {
    let (want, got) = (format!("{want:#}"), format!("{got:#}"));
    similar::TextDiff::from_lines(&want, &got).unified_diff().context_radius(2).header("expected", "got").to_string()
}

/// Answers host calls from a case's script.
#[derive(Debug)]
pub(crate) struct Script {
    calls: Mutex<VecDeque<ScriptedCall>>,
}

impl Script {
    pub(crate) fn new(calls: &[ScriptedCall]) -> Self {
        Self { calls: Mutex::new(calls.iter().cloned().collect()) }
    }

    /// Scripted calls that were not made.
    pub(crate) fn left(&self) -> usize {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl HostCalls for Script {
    fn call(&self, name: &HostCallName, request: &[u8]) -> Result<Vec<u8>, HostCallError> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(call) = calls.pop_front() else {
            return Err(HostCallError::Denied(format!("the case scripts no further host call; {name} was called")));
        };
        let scripted = format!("{}.{}", call.service, call.method);
        if scripted != name.as_str() {
            return Err(HostCallError::Denied(format!("the case scripts {scripted} next; {name} was called")));
        }
        let request: Value = serde_json::from_slice(request).map_err(|error| HostCallError::Failed(error.to_string()))?;
        if call.request.as_ref().is_some_and(|want| !same(want, &request)) {
            return Err(HostCallError::Denied(format!("the case scripts another request to {name} than {request}")));
        }
        match call.error {
            Some(ScriptedError::Denied) => Err(HostCallError::Denied("as the case scripts".to_owned())),
            Some(ScriptedError::NotFound) => Err(HostCallError::NotFound("as the case scripts".to_owned())),
            Some(ScriptedError::Failed) => Err(HostCallError::Failed("as the case scripts".to_owned())),
            None => Ok(call.answer.unwrap_or(Value::Null).to_string().into_bytes()),
        }
    }
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
    fn outputs_compare_by_value_and_differ_by_line() {
        let case = case(json!({"output": {"a": 1, "b": [2.0]}}));
        assert_eq!(case.difference(&Ok(json!({"b": [2], "a": 1.0}))), None);
        let text = case.difference(&Ok(json!({"a": 1, "b": [3]}))).unwrap();
        assert!(text.contains("-    2.0") && text.contains("+    3"), "{text}");
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
    fn a_code_must_exist() {
        let text = br#"{"input": {}, "expect": {"error": {"code": "NOPE"}}}"#;
        assert!(matches!(Case::parse(text, String::new()), Err(CaseError::Code(_))));
    }

    #[test]
    fn a_script_answers_in_order_and_denies_the_rest() {
        let calls: Vec<ScriptedCall> = serde_json::from_value(json!([
            {"service": "orders", "method": "get", "request": {"id": 1}, "answer": {"total": 5}},
            {"service": "orders", "method": "get", "error": "not_found"},
        ]))
        .unwrap();
        let script = Script::new(&calls);
        let name = HostCallName::parse("orders.get").unwrap();
        assert_eq!(script.call(&name, b"{\"id\": 1}"), Ok(br#"{"total":5}"#.to_vec()));
        assert!(matches!(script.call(&name, b"{}"), Err(HostCallError::NotFound(_))));
        assert!(matches!(script.call(&name, b"{}"), Err(HostCallError::Denied(_))));
        assert_eq!(script.left(), 0);
    }
}
