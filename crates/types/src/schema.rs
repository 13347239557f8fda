//! The major version of stored documents.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// `"schema": 1` of a stored document. Reading any other major fails: what
/// this program does not know, it does not guess.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct SchemaV1;

impl SchemaV1 {
    /// The number in the document.
    pub const NUMBER: u32 = 1;
}

impl Serialize for SchemaV1 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(Self::NUMBER)
    }
}

impl<'de> Deserialize<'de> for SchemaV1 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            Self::NUMBER => Ok(Self),
            other => Err(D::Error::custom(format_args!("document schema {other} is unknown; this program reads schema {}", Self::NUMBER))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_known_major_is_read() {
        assert_eq!(serde_json::to_string(&SchemaV1).unwrap(), "1");
        assert_eq!(serde_json::from_str::<SchemaV1>("1").unwrap(), SchemaV1);
        let error = serde_json::from_str::<SchemaV1>("2").unwrap_err().to_string();
        assert!(error.contains("document schema 2 is unknown; this program reads schema 1"), "{error}");
        assert!(serde_json::from_str::<SchemaV1>("0").is_err());
        assert!(serde_json::from_str::<SchemaV1>("\"1\"").is_err());
    }
}
