//! Answers an extension's host calls as its case scripts them, and tells where the two part.

use std::sync::{Mutex, PoisonError};

use extensions_engine::{HostCallError, HostCalls};
use extensions_types::HostCallName;
use serde_json::Value;

use crate::{
    case::{ScriptedCall, ScriptedError},
    difference::Difference,
};

/// A case's host calls while it runs.
#[derive(Debug)]
pub(crate) struct Script {
    calls: Vec<ScriptedCall>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    made: usize,
    /// The first call that is not the scripted one: those after it follow from it.
    difference: Option<Difference>,
}

impl Script {
    pub(crate) fn new(calls: &[ScriptedCall]) -> Self {
        Self { calls: calls.to_vec(), state: Mutex::default() }
    }

    /// Where the extension left the script; none when it made every call as written.
    pub(crate) fn difference(&self) -> Option<Difference> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.difference.clone().or_else(|| {
            let call = self.calls.get(state.made)?;
            let left = self.calls.len() - state.made;
            let more = if left > 1 { format!(", nor {} after it", left - 1) } else { String::new() };
            Some(Difference::of(format!("host call {} ({}) was not made{more}", state.made + 1, call.name())))
        })
    }

    /// Whether a call was made that is not the scripted one.
    pub(crate) fn was_left(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).difference.is_some()
    }

    /// What differs between the scripted call and the one that is made.
    fn compare(&self, at: usize, name: &HostCallName, request: &[u8]) -> Result<&ScriptedCall, Difference> {
        let number = at + 1;
        let text = || String::from_utf8_lossy(request).chars().take(200).collect::<String>();
        let Some(call) = self.calls.get(at) else {
            return Err(Difference::of(format!("host call {number}: the case scripts no further call; {name} was called with {}", text())));
        };
        if call.name() != name.as_str() {
            return Err(Difference::of(format!("host call {number}: the case scripts {}; {name} was called with {}", call.name(), text())));
        }
        let Some(want) = &call.request else { return Ok(call) };
        let got: Value = serde_json::from_slice(request)
            .map_err(|error| Difference::of(format!("host call {number} ({name}): the request is not JSON: {error}")))?;
        match Difference::between(&format!("the request of host call {number} ({name})"), want, &got) {
            None => Ok(call),
            Some(difference) => Err(difference),
        }
    }
}

impl HostCalls for Script {
    fn call(&self, name: &HostCallName, request: &[u8]) -> Result<Vec<u8>, HostCallError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let call = match self.compare(state.made, name, request) {
            Ok(call) => call,
            Err(difference) => {
                let denied = HostCallError::Denied(difference.message.clone());
                state.difference.get_or_insert(difference);
                return Err(denied);
            }
        };
        state.made += 1;
        let scripted = || "as the case scripts".to_owned();
        match call.error {
            Some(ScriptedError::Denied) => Err(HostCallError::Denied(scripted())),
            Some(ScriptedError::NotFound) => Err(HostCallError::NotFound(scripted())),
            Some(ScriptedError::Failed) => Err(HostCallError::Failed(scripted())),
            None => Ok(call.answer.clone().unwrap_or(Value::Null).to_string().into_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn script(calls: Value) -> Script {
        Script::new(&serde_json::from_value::<Vec<ScriptedCall>>(calls).unwrap())
    }

    fn name(text: &str) -> HostCallName {
        HostCallName::parse(text).unwrap()
    }

    #[test]
    fn answers_come_in_order() {
        let script = script(json!([
            {"service": "orders", "method": "get", "request": {"id": 1}, "answer": {"total": 5}},
            {"service": "orders", "method": "get", "error": "not_found"},
        ]));
        assert_eq!(script.call(&name("orders.get"), b"{\"id\": 1.0}"), Ok(br#"{"total":5}"#.to_vec()));
        assert_eq!(script.difference().unwrap().message, "host call 2 (orders.get) was not made");
        assert!(matches!(script.call(&name("orders.get"), b"{}"), Err(HostCallError::NotFound(_))));
        assert_eq!(script.difference(), None);
        assert!(matches!(script.call(&name("orders.get"), b"{}"), Err(HostCallError::Denied(_))));
        assert!(script.difference().unwrap().message.starts_with("host call 3: the case scripts no further call"));
    }

    #[test]
    fn another_request_is_shown_where_it_differs_and_the_first_difference_stays() {
        let script = script(json!([{"service": "orders", "method": "get", "request": {"id": 1, "deep": [1]}, "answer": {}}]));
        assert!(matches!(script.call(&name("orders.get"), br#"{"id": 1, "deep": [2]}"#), Err(HostCallError::Denied(_))));
        assert!(matches!(script.call(&name("orders.list"), b"{}"), Err(HostCallError::Denied(_))));
        let difference = script.difference().unwrap();
        assert_eq!(difference.message, "the request of host call 1 (orders.get) differs at /deep/0: expected 1, got 2");
        assert_eq!(difference.path.as_deref(), Some("/deep/0"));
    }
}
