//! Which keys a settings type accepts: asked of itself.
//!
//! A type that refuses unknown keys says, when it meets one, which it knows.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// No key is named so, and it stands before every key.
const UNKNOWN: &str = " unknown";
/// A section in a section in a list; deeper is a mistake of this module.
const DEPTH_MAX: usize = 8;

/// What a settings type accepts: paths with dots, and `[]` behind lists of sections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Keys with a value of their own.
    pub keys: BTreeSet<String>,
    /// Sections that refuse unknown keys.
    pub sections: BTreeSet<String>,
}

/// Every key that `T` accepts.
#[must_use]
pub fn accepted<T: DeserializeOwned>() -> Accepted {
    let mut found = Accepted::default();
    explore::<T>(&mut Vec::new(), &mut found);
    found
}

#[derive(Debug, Clone)]
enum Step {
    Key(String),
    Element,
}

fn explore<T: DeserializeOwned>(path: &mut Vec<Step>, found: &mut Accepted) {
    assert!(path.len() < DEPTH_MAX, "settings are nested too deeply: {}", shown(path));
    if let Some(fields) = fields::<T>(path) {
        return descend::<T>(path, &fields, found);
    }
    path.push(Step::Element);
    let of_element = fields::<T>(path);
    if let Some(fields) = &of_element {
        descend::<T>(path, fields, found);
    }
    path.pop();
    if of_element.is_none() {
        found.keys.insert(shown(path));
    }
}

fn descend<T: DeserializeOwned>(path: &mut Vec<Step>, fields: &[String], found: &mut Accepted) {
    if !path.is_empty() {
        found.sections.insert(shown(path));
    }
    for field in fields {
        path.push(Step::Key(field.clone()));
        explore::<T>(path, found);
        path.pop();
    }
}

/// The fields of the section at `path`; none where there is no section.
fn fields<T: DeserializeOwned>(path: &[Step]) -> Option<Vec<String>> {
    let mut value = Value::Table(Table::from_iter([(UNKNOWN.to_owned(), Value::Integer(0))]));
    for step in path.iter().rev() {
        value = match step {
            Step::Key(key) => Value::Table(Table::from_iter([(key.clone(), value)])),
            Step::Element => Value::Array(vec![value]),
        };
    }
    let message = match value.try_into::<T>() {
        Ok(_) => return None,
        Err(error) => error.message().to_owned(),
    };
    let known = message.strip_prefix("unknown field ")?.strip_prefix(&format!("`{UNKNOWN}`"))?;
    Some(known.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

fn shown(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.push_str(&format!(".{key}")),
            Step::Element => text.push_str("[]"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "read by serde alone")]
    struct Outer {
        required: String,
        #[serde(default)]
        section: Option<Section>,
        #[serde(default)]
        list: Vec<Section>,
        #[serde(default)]
        words: Vec<String>,
        #[serde(default)]
        level: Option<Level>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    #[allow(dead_code, reason = "read by serde alone")]
    struct Section {
        one: u8,
        inner: Inner,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    #[allow(dead_code, reason = "read by serde alone")]
    struct Inner {
        single: bool,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Level {
        Low,
    }

    #[test]
    fn a_type_says_what_it_accepts() {
        let found = accepted::<Outer>();
        let keys = ["level", "list[].inner.single", "list[].one", "required", "section.inner.single", "section.one", "words"];
        assert_eq!(found.keys.iter().map(String::as_str).collect::<Vec<_>>(), keys);
        assert_eq!(found.sections.iter().map(String::as_str).collect::<Vec<_>>(), ["list[]", "list[].inner", "section", "section.inner"]);
        let _ = Level::Low;
    }
}
