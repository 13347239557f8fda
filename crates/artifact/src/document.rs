//! Documents: JSON objects that say their `schema`. Only the major that this
//! program knows is read: a newer one could mean something else by a name.

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The major version of every document's form.
pub const SCHEMA: u64 = 1;

/// Why some bytes are not the document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Not JSON, or without a whole number as `schema`.
    #[error("not a document of the store: {0}")]
    Malformed(#[source] serde_json::Error),
    /// Written by another generation of the platform.
    #[error("the document has schema {found}, this program reads schema {SCHEMA}; use a program of the version that wrote it")]
    UnknownSchema {
        /// What it says.
        found: u64,
    },
    /// Schema 1, but not what is expected here.
    #[error("the document's content is not as expected: {0}")]
    Content(#[source] serde_json::Error),
    /// The value does not serialise to an object.
    #[error("a document must be a JSON object")]
    NotAnObject,
}

#[derive(Deserialize)]
struct Head {
    schema: u64,
}

#[derive(Deserialize)]
struct OptionalHead {
    schema: Option<u64>,
}

/// `value` as a document. Where the value has no field `schema`, it is put in front.
///
/// # Errors
/// When the value is no object, cannot be JSON, or claims another schema.
pub fn encode<T: Serialize>(value: &T) -> Result<Bytes, DocumentError> {
    let text = serde_json::to_vec(value).map_err(DocumentError::Content)?;
    let Some(rest) = text.strip_prefix(b"{") else {
        return Err(DocumentError::NotAnObject);
    };
    let head: OptionalHead = serde_json::from_slice(&text).map_err(DocumentError::Content)?;
    match head.schema {
        Some(SCHEMA) => Ok(text.into()),
        Some(found) => Err(DocumentError::UnknownSchema { found }),
        None => {
            let comma = if rest == b"}" { "" } else { "," };
            let head = format!("{{\"schema\":{SCHEMA}{comma}");
            Ok([head.as_bytes(), rest].concat().into())
        }
    }
}

/// The value in a document. A `T` that does not carry `schema` must not refuse unknown fields.
///
/// # Errors
/// Tells a newer generation's document from a damaged one.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DocumentError> {
    // A list would be taken for the fields in their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(DocumentError::NotAnObject);
    }
    let head: Head = serde_json::from_slice(bytes).map_err(DocumentError::Malformed)?;
    if head.schema != SCHEMA {
        return Err(DocumentError::UnknownSchema { found: head.schema });
    }
    serde_json::from_slice(bytes).map_err(DocumentError::Content)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Plain {
        name: String,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Carries {
        schema: u64,
        name: String,
    }

    #[test]
    fn documents_say_their_schema() {
        let plain = Plain { name: "a \"b\"".into() };
        let bytes = encode(&plain).unwrap();
        assert_eq!(bytes, r#"{"schema":1,"name":"a \"b\""}"#);
        assert_eq!(decode::<Plain>(&bytes).unwrap(), plain);
        assert_eq!(decode::<Carries>(&bytes).unwrap(), Carries { schema: 1, name: plain.name });
        assert_eq!(encode(&BTreeMap::<String, u8>::new()).unwrap(), r#"{"schema":1}"#);
    }

    #[test]
    fn a_value_that_carries_it_keeps_it_once() {
        let value = Carries { schema: 1, name: "n".into() };
        assert_eq!(encode(&value).unwrap(), r#"{"schema":1,"name":"n"}"#);
        assert!(matches!(encode(&Carries { schema: 2, name: "n".into() }), Err(DocumentError::UnknownSchema { found: 2 })));
    }

    #[test]
    fn only_objects_are_documents() {
        assert!(matches!(encode(&[1]), Err(DocumentError::NotAnObject)));
        assert!(matches!(encode(&"text"), Err(DocumentError::NotAnObject)));
    }

    #[test]
    fn an_unknown_schema_is_refused_by_name() {
        let newer = decode::<Plain>(br#"{"schema":2,"renamed":"n"}"#).unwrap_err();
        assert!(newer.to_string().contains("schema 2, this program reads schema 1"), "{newer}");
    }

    #[test]
    fn damage_is_told_from_novelty() {
        for torn in [&b"{\"schema\":1,\"na"[..], b"", b"\0\0\0", b"{\"name\":\"n\"}", b"{\"schema\":\"1\"}", b"{\"schema\":1.5}", b"1"] {
            assert!(matches!(decode::<Plain>(torn), Err(DocumentError::Malformed(_))), "{torn:?}");
        }
        assert!(matches!(decode::<Plain>(br#"{"schema":1}"#), Err(DocumentError::Content(_))));
        assert!(matches!(decode::<Plain>(br#" [1,"n"]"#), Err(DocumentError::NotAnObject)));
    }
}
