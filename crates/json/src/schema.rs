//! JSON schemas of extensions: compiled under bounds, validated at a known cost.
//!
//! A schema comes from a tenant and runs on the host, where nothing can
//! interrupt it. So its size, depth and expansion are bounded when it is
//! compiled, patterns are linear-time, references stay inside the document,
//! and each validation is refused beforehand if it could cost too much.

use std::collections::BTreeMap;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

/// A schema's text may be this large.
const BYTES_MAX: usize = 64 << 10;
/// A schema may nest this deep.
const DEPTH_MAX: usize = 32;
/// Subschemas after every reference has been replaced by its target: a chain
/// of doubled references grows exponentially.
const EXPANSION_MAX: u64 = 4_096;
/// These ask their neighbours again what they have looked at, who ask theirs:
/// each level multiplies the work of those below it (by up to 5, measured).
const LOOKS_AGAIN: [&str; 2] = ["unevaluatedProperties", "unevaluatedItems"];
/// How often what stands beside or below such a keyword counts.
const LOOKS_AGAIN_FACTOR: u64 = 8;
/// Subschemas times input bytes of one validation: about 50 ms here.
pub const COST_MAX: u64 = 32 << 20;
/// Automata of patterns may take this many bytes each.
const PATTERN_BYTES_MAX: usize = 256 << 10;
/// Above it a mismatch is told without its places: a list of what each branch of
/// an `anyOf` says of each item takes some hundred bytes for one of them.
const REASONS_COST_MAX: u64 = 128 << 10;
/// Violations that are reported; the rest is counted by nobody.
const REPORTED_MAX: usize = 5;

/// Why a schema is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Too many bytes.
    #[error("the schema has {0} bytes, at most {BYTES_MAX} are allowed")]
    TooLarge(usize),
    /// Too deep.
    #[error("the schema is nested deeper than {DEPTH_MAX}")]
    TooDeep,
    /// A reference out of the document, or a keyword that moves its base.
    #[error("`{0}` is not allowed: only `$ref` to a place in the same schema (`#/$defs/…`) is")]
    Foreign(String),
    /// A reference to nowhere.
    #[error("`$ref: {0}` points to nothing in the schema")]
    Dangling(String),
    /// Recursion, or references that multiply.
    #[error("the schema's references are recursive or multiply beyond {EXPANSION_MAX} subschemas")]
    TooComplex,
    /// Not a JSON schema.
    #[error("not a valid JSON schema: {0}")]
    Invalid(String),
}

/// A value that does not match.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Where and why, the first few.
    #[error("{0}")]
    Mismatch(String),
    /// Validating would cost too much.
    #[error("{bytes} bytes are too many for a schema of {subschemas} subschemas")]
    TooCostly {
        /// The value's size.
        bytes: usize,
        /// The schema's expanded size.
        subschemas: u64,
    },
}

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    validator: Validator,
    subschemas: u64,
}

impl Schema {
    /// Compiles a schema of draft 2020-12 (or the draft that it names).
    ///
    /// # Errors
    /// When it is not a schema or exceeds a bound.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        let bytes = schema.to_string().len();
        if bytes > BYTES_MAX {
            return Err(SchemaError::TooLarge(bytes));
        }
        check_depth(schema, 0)?;
        let subschemas = expansion(schema)?;
        let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(patterns)
            .offline()
            .build(schema)
            .map_err(|error| SchemaError::Invalid(error.to_string()))?;
        Ok(Self { validator, subschemas })
    }

    /// An upper bound of a validation's work, in subschemas times bytes.
    #[must_use]
    pub fn cost(&self, bytes: usize) -> u64 {
        self.subschemas.saturating_mul(bytes as u64)
    }

    /// Validates a JSON text that [`crate::check()`] has passed.
    ///
    /// # Errors
    /// Names the first mismatches with their places, or refuses the cost.
    pub fn validate(&self, text: &[u8]) -> Result<(), Violation> {
        if self.cost(text.len()) > COST_MAX {
            return Err(Violation::TooCostly { bytes: text.len(), subschemas: self.subschemas });
        }
        let value: Value = serde_json::from_slice(text).map_err(|error| Violation::Mismatch(error.to_string()))?;
        if self.validator.is_valid(&value) {
            return Ok(());
        }
        if self.cost(text.len()) > REASONS_COST_MAX {
            return Err(Violation::Mismatch("it does not match the schema; it is too large to say where".to_owned()));
        }
        let describe = |error: jsonschema::ValidationError<'_>| {
            let place = error.instance_path().to_string();
            let text: String = error.masked().to_string().chars().take(200).collect();
            if place.is_empty() { text } else { format!("{place}: {text}") }
        };
        let reasons: Vec<_> = self.validator.iter_errors(&value).take(REPORTED_MAX).map(describe).collect();
        Err(Violation::Mismatch(reasons.join("; ")))
    }
}

/// The first of these answers that an extension with this output schema could not
/// give; none where it has none, or one that does not compile.
#[must_use]
pub fn first_unfit<'v, K>(output: Option<&Value>, answers: impl IntoIterator<Item = (K, &'v Value)>) -> Option<(K, Violation)> {
    let schema = Schema::compile(output?).ok()?;
    answers.into_iter().find_map(|(key, answer)| Some((key, schema.validate(answer.to_string().as_bytes()).err()?)))
}

fn check_depth(value: &Value, depth: usize) -> Result<(), SchemaError> {
    if depth > DEPTH_MAX {
        return Err(SchemaError::TooDeep);
    }
    children(value).try_for_each(|child| check_depth(child, depth + 1))
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Box::new(std::iter::empty()),
    }
}

/// How many subschemas the schema has once every reference is its target.
fn expansion(root: &Value) -> Result<u64, SchemaError> {
    let mut known = BTreeMap::new();
    let size = expand(root, root, &mut known)?;
    // Parts that are only referred to count where they are used, and once more here.
    if size > EXPANSION_MAX { Err(SchemaError::TooComplex) } else { Ok(size.max(1)) }
}

/// Sizes of reference targets; none while a target is being sized, which is recursion.
type Sizes<'s> = BTreeMap<&'s str, Option<u64>>;

fn expand<'s>(root: &'s Value, node: &'s Value, known: &mut Sizes<'s>) -> Result<u64, SchemaError> {
    let mut size = 1u64;
    if let Value::Object(fields) = node {
        if let Some(keyword) = ["$id", "$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor"].iter().find(|key| fields.contains_key(**key)) {
            return Err(SchemaError::Foreign((*keyword).to_owned()));
        }
        if let Some(Value::String(target)) = fields.get("$ref") {
            size = size.saturating_add(expand_target(root, target, known)?);
        }
    }
    for child in children(node) {
        size = size.saturating_add(expand(root, child, known)?);
    }
    if LOOKS_AGAIN.iter().any(|keyword| node.get(keyword).is_some()) {
        size = size.saturating_mul(LOOKS_AGAIN_FACTOR);
    }
    if size > EXPANSION_MAX { Err(SchemaError::TooComplex) } else { Ok(size) }
}

fn expand_target<'s>(root: &'s Value, target: &'s str, known: &mut Sizes<'s>) -> Result<u64, SchemaError> {
    match known.get(target) {
        Some(Some(size)) => return Ok(*size),
        Some(None) => return Err(SchemaError::TooComplex),
        None => {}
    }
    let Some(pointer) = target.strip_prefix('#') else {
        return Err(SchemaError::Foreign(format!("$ref: {target}")));
    };
    let node = root.pointer(pointer).ok_or_else(|| SchemaError::Dangling(target.to_owned()))?;
    known.insert(target, None);
    let size = expand(root, node, known)?;
    known.insert(target, Some(size));
    Ok(size)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn validates_and_says_where() {
        let schema = Schema::compile(&json!({"type": "object", "required": ["net"], "properties": {"net": {"type": "number"}}})).unwrap();
        assert_eq!(schema.validate(br#"{"net": 1.5}"#), Ok(()));
        let Err(Violation::Mismatch(text)) = schema.validate(br#"{"net": "secret"}"#) else { panic!("accepted") };
        assert!(text.starts_with("/net: ") && !text.contains("secret"), "{text}");
    }

    #[test]
    fn the_first_unfit_answer_is_named() {
        let (schema, good, bad) = (json!({"type": "number"}), json!(1), json!("x"));
        assert!(matches!(first_unfit(Some(&schema), [("a", &good), ("b", &bad)]), Some(("b", Violation::Mismatch(_)))));
        assert_eq!(first_unfit(Some(&schema), [("a", &good)]), None);
        assert_eq!(first_unfit(None, [("b", &bad)]), None);
    }

    #[test]
    fn references_stay_inside_and_do_not_multiply() {
        let compile = |schema: Value| Schema::compile(&schema).map(|_| ());
        assert_eq!(compile(json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}})), Ok(()));
        assert!(matches!(compile(json!({"$ref": "https://example.com/x"})), Err(SchemaError::Foreign(_))));
        assert!(matches!(compile(json!({"$ref": "file:///etc/passwd"})), Err(SchemaError::Foreign(_))));
        assert!(matches!(compile(json!({"$id": "https://example.com/x"})), Err(SchemaError::Foreign(_))));
        assert!(matches!(compile(json!({"$ref": "#/$defs/none"})), Err(SchemaError::Dangling(_))));
        assert_eq!(compile(json!({"$ref": "#"})), Err(SchemaError::TooComplex));
        let mut defs = serde_json::Map::new();
        for i in 0..40 {
            let next = json!({"$ref": format!("#/$defs/d{}", i + 1)});
            defs.insert(format!("d{i}"), json!({"allOf": [next.clone(), next]}));
        }
        defs.insert("d40".into(), json!({}));
        assert_eq!(compile(json!({"$ref": "#/$defs/d0", "$defs": defs})), Err(SchemaError::TooComplex));
    }

    #[test]
    fn size_depth_and_patterns_are_bounded() {
        let large = json!({"description": "x".repeat(BYTES_MAX)});
        assert!(matches!(Schema::compile(&large), Err(SchemaError::TooLarge(_))));
        let deep = (0..40).fold(json!({}), |inner, _| json!({"not": inner}));
        assert_eq!(Schema::compile(&deep).err(), Some(SchemaError::TooDeep));
        assert!(Schema::compile(&json!({"pattern": "(?=a)b"})).is_err(), "lookaround needs backtracking");
        assert!(Schema::compile(&json!({"pattern": "((a{1000}){1000}){1000}"})).is_err(), "a huge automaton");
        assert!(Schema::compile(&json!({"type": "nonsense"})).is_err());
    }

    #[test]
    fn a_costly_validation_is_refused_before_it_starts() {
        let properties: serde_json::Map<String, Value> = (0..1_000).map(|i| (format!("p{i}"), json!({"type": "string"}))).collect();
        let schema = Schema::compile(&json!({"additionalProperties": {"anyOf": [{"properties": properties}]}})).unwrap();
        let text = vec![b' '; 1 << 20];
        assert!(matches!(schema.validate(&text), Err(Violation::TooCostly { .. })));
    }

    /// `levels` schemas in each other, each of which looks again at what those within saw.
    fn looking_again(keyword: &str, way: &str, levels: usize) -> Value {
        let innermost = json!({"properties": {"a": true}, "prefixItems": [true]});
        (0..levels).fold(innermost, |inner, _| match way {
            "if" => json!({"if": inner, "then": true, keyword: false}),
            _ => json!({way: [inner], keyword: false}),
        })
    }

    /// A chain of 15 takes minutes for an object of one member.
    #[test]
    fn keywords_that_look_again_multiply() {
        for keyword in LOOKS_AGAIN {
            for way in ["allOf", "anyOf", "oneOf", "if"] {
                assert!(Schema::compile(&looking_again(keyword, way, 2)).is_ok(), "{keyword} in {way}, twice");
                assert_eq!(Schema::compile(&looking_again(keyword, way, 5)).err(), Some(SchemaError::TooComplex), "{keyword} in {way}");
            }
        }
        let chain = (0..5).map(|at| (format!("d{at}"), json!({"$ref": format!("#/$defs/d{}", at + 1), "unevaluatedProperties": false})));
        let defs: serde_json::Map<String, Value> = chain.chain([("d5".to_owned(), json!({}))]).collect();
        assert_eq!(Schema::compile(&json!({"$ref": "#/$defs/d0", "$defs": defs})).err(), Some(SchemaError::TooComplex), "by reference");
    }

    #[test]
    fn reasons_are_given_while_they_are_few() {
        let branches: Vec<Value> = (0..16).map(|number| json!({"const": number})).collect();
        let schema = Schema::compile(&json!({"anyOf": [{"items": {"anyOf": branches}}]})).unwrap();
        let Err(Violation::Mismatch(few)) = schema.validate(b"[99]") else { panic!("accepted") };
        assert!(!few.contains("too large"), "{few}");
        let many = format!("[{}99]", "99,".repeat(100_000));
        let Err(Violation::Mismatch(many)) = schema.validate(many.as_bytes()) else { panic!("accepted") };
        assert!(many.contains("too large to say where"), "{many}");
    }
}
