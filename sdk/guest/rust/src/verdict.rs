//! A domain hook's answer, built step by step.

use serde::Serialize;

use crate::{HookError, bindings::domain_hook};

/// How grave a message is.
pub use crate::bindings::imports::ameide::extensions::types::{Message, Severity};

/// What a domain hook says about one entity. It is ok until the first
/// [`error`](Self::error); [`refuse`](Self::refuse) says no without a message.
#[derive(Debug, Default)]
#[must_use = "a verdict counts only when the hook returns it"]
pub struct Verdict {
    refused: bool,
    messages: Vec<Message>,
    /// Each field with its value as JSON text, in the order they were set.
    fields: Vec<(String, Vec<u8>)>,
    /// The first value that is no JSON; it fails the hook at its end.
    unfit: Option<String>,
}

impl Verdict {
    /// A verdict that lets the command go on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says no, and why. `path` is a JSON pointer into the entity, empty for the whole of it.
    pub fn error(mut self, code: impl Into<String>, text: impl Into<String>, path: impl Into<String>) -> Self {
        self.refused = true;
        self.message(Severity::Error, code, text, path)
    }

    /// Says what the user should look at; the command goes on.
    pub fn warning(self, code: impl Into<String>, text: impl Into<String>, path: impl Into<String>) -> Self {
        self.message(Severity::Warning, code, text, path)
    }

    /// Says what the user may like to know.
    pub fn info(self, code: impl Into<String>, text: impl Into<String>, path: impl Into<String>) -> Self {
        self.message(Severity::Info, code, text, path)
    }

    /// Says no without a message of its own.
    pub fn refuse(mut self) -> Self {
        self.refused = true;
        self
    }

    /// Asks the caller to set `field` of the entity; the last value of a field wins.
    pub fn set(mut self, field: impl Into<String>, value: impl Serialize) -> Self {
        let field = field.into();
        match serde_json::to_vec(&value) {
            Ok(json) => match self.fields.iter_mut().find(|(name, _)| *name == field) {
                Some((_, known)) => *known = json,
                None => self.fields.push((field, json)),
            },
            Err(error) if self.unfit.is_none() => self.unfit = Some(format!("derived field {field}: {error}")),
            Err(_) => {}
        }
        self
    }

    /// Whether the command may go on.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        !self.refused
    }

    /// What has been said so far, in order.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The JSON text of a field that was set.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let (_, json) = self.fields.iter().find(|(known, _)| known == name)?;
        str::from_utf8(json).ok()
    }

    fn message(mut self, severity: Severity, code: impl Into<String>, text: impl Into<String>, path: impl Into<String>) -> Self {
        self.messages.push(Message { code: code.into(), severity, text: text.into(), path: path.into() });
        self
    }

    /// The verdict as the component returns it.
    pub(crate) fn into_wit(self) -> Result<domain_hook::Verdict, HookError> {
        if let Some(unfit) = self.unfit {
            return Err(HookError::Failed(unfit));
        }
        let mut derived_fields = vec![b'{'];
        for (index, (name, json)) in self.fields.iter().enumerate() {
            if index > 0 {
                derived_fields.push(b',');
            }
            serde_json::to_writer(&mut derived_fields, name).map_err(|error| HookError::Failed(error.to_string()))?;
            derived_fields.push(b':');
            derived_fields.extend_from_slice(json);
        }
        derived_fields.push(b'}');
        Ok(domain_hook::Verdict { ok: !self.refused, messages: self.messages, derived_fields })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn an_error_refuses_and_a_warning_does_not() {
        assert!(Verdict::new().warning("W", "w", "").info("I", "i", "").is_ok());
        let verdict = Verdict::new().warning("W", "w", "/a").error("E", "e", "/b");
        assert!(!verdict.is_ok());
        let paths: Vec<_> = verdict.messages().iter().map(|message| message.path.as_str()).collect();
        assert_eq!(paths, ["/a", "/b"]);
        assert!(!Verdict::new().refuse().is_ok());
    }

    #[test]
    fn fields_become_one_json_object_and_the_last_value_wins() {
        let verdict = Verdict::new().set("a\"b", 1).set("total", 1.5).set("a\"b", "two");
        assert_eq!(verdict.field("total"), Some("1.5"));
        let wit = verdict.into_wit().unwrap();
        assert_eq!(wit.derived_fields, br#"{"a\"b":"two","total":1.5}"#);
        assert_eq!(Verdict::new().into_wit().unwrap().derived_fields, b"{}");
    }

    #[test]
    fn a_value_that_is_no_json_fails_the_hook() {
        let keyed_by_list = HashMap::from([(vec![1], 2)]);
        let error = Verdict::new().set("map", keyed_by_list).into_wit().unwrap_err();
        assert!(matches!(error, HookError::Failed(text) if text.starts_with("derived field map")));
    }
}
