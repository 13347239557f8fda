//! One pass over a JSON text: UTF-8, grammar, depth. Keeps nothing of it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Arrays and objects may nest this deep: what common parsers accept.
pub const DEPTH_MAX: u32 = 128;

/// Why a text is not acceptable JSON; says where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(String);

/// What the outermost value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `{…}`
    Object,
    /// Anything else.
    Other,
}

/// Checks that `text` is exactly one JSON value in UTF-8, at most
/// [`DEPTH_MAX`] deep, and says what its outermost value is.
///
/// # Errors
/// Names the first fault with its line and column.
pub fn check(text: &[u8]) -> Result<Shape, JsonError> {
    plain(text).map_or_else(|| exactly(text), Ok)
}

/// A valid text that needs no close look, as nearly all are: each call's input
/// and answer come through here. None says nothing of the text.
fn plain(text: &[u8]) -> Option<Shape> {
    let text = str::from_utf8(text).ok().filter(|text| is_plain(text.as_bytes()))?;
    // Passes over the text and makes nothing of it, not even numbers.
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let is_object = text.trim_ascii_start().starts_with('{');
    Some(if is_object { Shape::Object } else { Shape::Other })
}

/// Whether the grammar says all there is to say: nothing can nest too deep, no
/// escape can stand for half a character, and no number can be too large.
/// Written over bytes without branches, for the vector instructions.
fn is_plain(text: &[u8]) -> bool {
    /// A sum of as many flags fits into a byte.
    const SUMMED: usize = 255;
    /// A number without exponent is too large from 309 digits on, which fill one such block at least.
    const DIGITS: usize = 128;
    // Two characters that differ in one bit.
    let nests = |block: &[u8]| usize::from(block.iter().map(|byte| u8::from(byte | 0x20 == b'{')).sum::<u8>());
    let pairs = text.iter().zip(text.iter().skip(1));
    let exponents = pairs.fold(0, |any, (digit, e)| any | (u8::from(digit.is_ascii_digit()) & u8::from(e | 0x20 == b'e')));
    exponents == 0
        && !text.contains(&b'\\')
        && text.chunks(SUMMED).map(nests).sum::<usize>() <= DEPTH_MAX as usize
        && !text.chunks_exact(DIGITS).any(|block| block.iter().all(u8::is_ascii_digit))
}

/// Looks at everything.
fn exactly(text: &[u8]) -> Result<Shape, JsonError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    // The seed below counts the depth itself, to the exact bound.
    reader.disable_recursion_limit();
    let describe = |error: serde_json::Error| JsonError(error.to_string());
    let shape = Value { depth: 0 }.deserialize(&mut reader).map_err(describe)?;
    reader.end().map_err(describe)?;
    Ok(shape)
}

/// A value `depth` containers deep.
#[derive(Clone, Copy)]
struct Value {
    depth: u32,
}

impl Value {
    fn inner<E: Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return Err(E::custom(format_args!("nested deeper than {DEPTH_MAX}")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Value {
    type Value = Shape;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let inner = self.inner()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(Shape::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Shape, A::Error> {
        let inner = self.inner()?;
        while fields.next_key_seed(Key)?.is_some() {
            fields.next_value_seed(inner)?;
        }
        Ok(Shape::Object)
    }
}

/// An object's key: read as text, so that its UTF-8 is checked too.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = IgnoredAny;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<IgnoredAny, D::Error> {
        deserializer.deserialize_str(IgnoredAny)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nested(open: &str, close: &str, depth: usize) -> String {
        format!("{}1{}", open.repeat(depth), close.repeat(depth))
    }

    #[test]
    fn depth_is_bounded_exactly() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            assert!(check(nested(open, close, 128).as_bytes()).is_ok(), "{open}");
            let error = check(nested(open, close, 129).as_bytes()).unwrap_err();
            assert!(error.to_string().contains("nested deeper than 128"), "{error}");
        }
        assert!(check("[".repeat(1 << 20).as_bytes()).is_err(), "a bomb ends at the bound, not at the stack's end");
    }

    #[test]
    fn only_one_value_in_utf8_passes() {
        for wrong in ["", " ", "{", "{}{}", "[1,]", "nul", "{\"a\":1,}", "'a'", "NaN", "1e999", "\"\\ud800\"", "\u{feff}{}"] {
            assert!(check(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        for bytes in [&b"\"\xff\""[..], b"{\"\xc3\x28\":1}", b"{\"a\":\"\xed\xa0\x80\"}", b"\"a\x00b\""] {
            assert!(check(bytes).is_err(), "{bytes:?}");
        }
        assert_eq!(check(b" {\"a\":[1,null,\"\\u00e9\"]} "), Ok(Shape::Object));
        assert_eq!(check(b"[{}]"), Ok(Shape::Other));
    }

    #[test]
    fn what_is_not_plain_is_looked_at_closely() {
        let digits = |number: usize| format!("{{\"a\":{}}}", "9".repeat(number));
        assert!(check(digits(308).as_bytes()).is_ok());
        assert!(check(digits(309).as_bytes()).is_err() && check(digits(1_000).as_bytes()).is_err());
        let brackets = format!("\"{}\"", "[".repeat(1_000));
        assert_eq!(check(brackets.as_bytes()), Ok(Shape::Other), "depth in a text is none");
        assert_eq!(check(b"{\"id\":\"5e999\"}"), Ok(Shape::Object), "a number in a text is none");
        assert!(plain(b" {\"a\":[1.50,null,true,\"x\"]}").is_some());
    }

    proptest! {
        #[test]
        fn agrees_with_a_full_parse(bytes in prop::collection::vec(prop::sample::select(b"{}[]\",:0.eE-+ntrufals\\ \x80\xc3".to_vec()), 0..24)) {
            prop_assert_eq!(check(&bytes).is_ok(), serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
        }
    }
}
