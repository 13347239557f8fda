//! The values of a JSON array, as slices of its text.
//!
//! Finds where each begins and ends, and no more: whether it is JSON the engine
//! checks, for each as for the input of a call. Goes in steps, so that a large
//! body never holds a thread up.

use bytes::Bytes;
use extensions_admission::BATCH_INPUTS_MAX;

use crate::refused::Refused;

/// About a tenth of a millisecond; then the thread's other connections have a turn.
const STEP_BYTES: usize = 64 << 10;

/// Why a text is no array of inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoArray {
    #[error("the body must be a JSON array of inputs: `[…, …]`")]
    NotAnArray,
    #[error("the array of inputs ends too early, or in the wrong way")]
    Unfinished,
    #[error("there is more after the array of inputs")]
    Trailing,
    #[error("a value is missing between two commas, or at the array's end (input {0})")]
    NoValue(usize),
    #[error("a batch has at most {BATCH_INPUTS_MAX} inputs")]
    TooMany,
}

/// The array's values, however long it is.
pub(super) async fn values(text: &Bytes) -> Result<Vec<Bytes>, Refused> {
    let mut split = Split::new(text);
    while split.step(STEP_BYTES).map_err(|why| Refused::bad_request(why.to_string()))? {
        tokio::task::yield_now().await;
    }
    split.finish().map_err(|why| Refused::bad_request(why.to_string()))
}

/// How far a text has been gone through.
struct Split<'t> {
    text: &'t Bytes,
    at: usize,
    place: Place,
    /// Brackets that are open, the array's own included.
    depth: usize,
    /// The value that is being read: its begin, and its end so far.
    value: Option<(usize, usize)>,
    values: Vec<Bytes>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The array has not begun.
    Before,
    /// Between texts.
    Outside,
    /// Within a text.
    Text,
    /// After a backslash within a text.
    Escaped,
    /// The array has ended.
    After,
}

impl<'t> Split<'t> {
    fn new(text: &'t Bytes) -> Self {
        Self { text, at: 0, place: Place::Before, depth: 0, value: None, values: Vec::new() }
    }

    /// Goes on for so many bytes; whether there are more.
    fn step(&mut self, bytes: usize) -> Result<bool, NoArray> {
        let text = self.text;
        let end = text.len().min(self.at + bytes);
        for &byte in &text[self.at..end] {
            self.take(byte)?;
            self.at += 1;
        }
        Ok(end < text.len())
    }

    fn take(&mut self, byte: u8) -> Result<(), NoArray> {
        match self.place {
            Place::Text => match byte {
                b'"' => self.place = Place::Outside,
                b'\\' => self.place = Place::Escaped,
                _ => return Ok(()),
            },
            Place::Escaped => self.place = Place::Text,
            Place::Outside => return self.take_outside(byte),
            Place::Before | Place::After if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => return Ok(()),
            Place::Before if byte == b'[' => (self.place, self.depth) = (Place::Outside, 1),
            Place::Before => return Err(NoArray::NotAnArray),
            Place::After => return Err(NoArray::Trailing),
        }
        self.extend();
        Ok(())
    }

    fn take_outside(&mut self, byte: u8) -> Result<(), NoArray> {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => return Ok(()),
            b',' if self.depth == 1 => return self.end_value(),
            b']' | b'}' if self.depth == 1 => return self.end_array(byte),
            b'"' => self.place = Place::Text,
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' => self.depth -= 1,
            _ => {}
        }
        // A bracket or a text begins a value as any other byte does.
        self.value.get_or_insert((self.at, self.at));
        self.extend();
        Ok(())
    }

    /// The value goes on to this byte.
    fn extend(&mut self) {
        if let Some((_, end)) = &mut self.value {
            *end = self.at + 1;
        }
    }

    fn end_value(&mut self) -> Result<(), NoArray> {
        let (from, to) = self.value.take().ok_or(NoArray::NoValue(self.values.len()))?;
        if self.values.len() == BATCH_INPUTS_MAX {
            return Err(NoArray::TooMany);
        }
        self.values.push(self.text.slice(from..to));
        Ok(())
    }

    fn end_array(&mut self, byte: u8) -> Result<(), NoArray> {
        if byte != b']' {
            return Err(NoArray::Unfinished);
        }
        let is_empty = self.values.is_empty() && self.value.is_none();
        if !is_empty {
            self.end_value()?;
        }
        self.place = Place::After;
        Ok(())
    }

    fn finish(self) -> Result<Vec<Bytes>, NoArray> {
        match self.place {
            Place::After => Ok(self.values),
            Place::Before => Err(NoArray::NotAnArray),
            Place::Outside | Place::Text | Place::Escaped => Err(NoArray::Unfinished),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    /// In steps of every size the same.
    fn split(text: &str) -> Result<Vec<String>, NoArray> {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let in_steps = |step| {
            let mut split = Split::new(&bytes);
            while split.step(step)? {}
            Ok(split.finish()?.iter().map(|value| String::from_utf8(value.to_vec()).unwrap()).collect())
        };
        let whole = in_steps(usize::MAX >> 1);
        for step in [1, 2, 3, 7] {
            assert_eq!(in_steps(step), whole, "{text}");
        }
        whole
    }

    #[test]
    fn values_are_where_a_json_parser_sees_them() {
        let texts = [
            "[]",
            " [ ] ",
            "[1]",
            "\t[ 1 ,\n2.5e-3 , -0 ]\r\n",
            r#"[{"a": [1, {"b": "]},\"["}], "c": "\\"}, [[], [2, [3]]], "x, y]", null, true]"#,
            r#"["\\", "\\\"", "é,🦀", "\u005d"]"#,
            r#"["", {}, [], [ ], { }]"#,
        ];
        for text in texts {
            let parsed: Vec<&RawValue> = serde_json::from_str(text).unwrap();
            assert_eq!(split(text).unwrap(), parsed.iter().map(|value| value.get()).collect::<Vec<_>>(), "{text}");
        }
    }

    #[test]
    fn what_is_no_array_is_said() {
        use NoArray as N;
        for text in ["", "  ", "{}", "1", "\"[]\"", "x[1]"] {
            assert_eq!(split(text), Err(N::NotAnArray), "{text}");
        }
        for text in ["[", "[1", "[1,", "[\"]", "[\"\\\"]", "[1}", "[[1]", "[{]"] {
            assert_eq!(split(text), Err(N::Unfinished), "{text}");
        }
        assert_eq!(
            [split("[,1]"), split("[1,,2]"), split("[1,]"), split("[1],")],
            [N::NoValue(0), N::NoValue(1), N::NoValue(1), N::Trailing].map(Err)
        );
    }

    /// What does not balance ends up in a value, which the engine refuses.
    #[test]
    fn no_byte_between_the_brackets_is_lost() {
        assert_eq!(split("[1 2]").unwrap(), ["1 2"]);
        assert_eq!(split("[{], [}]").unwrap(), ["{]", "[}"]);
    }

    #[test]
    fn inputs_are_bounded_while_they_are_found() {
        let array = |inputs: usize| format!("[{}]", vec!["0"; inputs].join(","));
        assert_eq!(split(&array(BATCH_INPUTS_MAX)).unwrap().len(), BATCH_INPUTS_MAX);
        assert_eq!(split(&array(BATCH_INPUTS_MAX + 1)), Err(NoArray::TooMany));
        let endless = Bytes::from(vec![b'['; 1 << 20].iter().chain(&[b','; 8]).copied().collect::<Vec<_>>());
        let mut split = Split::new(&endless);
        while split.step(STEP_BYTES).unwrap() {}
        assert_eq!(split.finish(), Err(NoArray::Unfinished));
    }

    #[test]
    fn values_are_not_copied() {
        let text = Bytes::from_static(b"[1, {\"a\":2}]");
        let mut split = Split::new(&text);
        assert!(!split.step(1 << 10).unwrap());
        assert!(split.finish().unwrap().iter().all(|value| text.as_ptr_range().contains(&value.as_ptr())));
    }
}
