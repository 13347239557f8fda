//! What making an instance of a component does before anything is called.

use extensions_types::Sha256;
use wasmparser::{DataKind, Parser, Payload};

/// What making an instance does. Kept beside the code, since it is asked at
/// each load, when the component itself may be far away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Start {
    /// Whether it runs guest code: such an instance is made on a fiber, so that its start can be sliced.
    pub runs_code: bool,
    /// Bytes that are copied into its memories: one copy that nothing interrupts.
    pub data_bytes: u32,
}

/// How a [`Start`] is written down.
pub(crate) const START_BYTES: usize = 1 + size_of::<u32>();

impl Start {
    /// What making an instance of `component` does.
    #[must_use]
    pub fn of(component: &[u8]) -> Self {
        let mut start = Self::default();
        for payload in Parser::new(0).parse_all(component) {
            match payload {
                // What does not parse has not been compiled either; the fiber is the safe side.
                Err(_) | Ok(Payload::StartSection { .. } | Payload::ComponentStartSection { .. }) => start.runs_code = true,
                Ok(Payload::DataSection(segments)) => {
                    for segment in segments.into_iter().flatten() {
                        if matches!(segment.kind, DataKind::Active { .. }) {
                            start.data_bytes = start.data_bytes.saturating_add(u32::try_from(segment.data.len()).unwrap_or(u32::MAX));
                        }
                    }
                }
                Ok(_) => {}
            }
        }
        start
    }

    pub(crate) fn to_bytes(self) -> [u8; START_BYTES] {
        let [a, b, c, d] = self.data_bytes.to_le_bytes();
        [self.runs_code.into(), a, b, c, d]
    }

    pub(crate) fn from_bytes([runs_code, data_bytes @ ..]: [u8; START_BYTES]) -> Self {
        Self { runs_code: runs_code != 0, data_bytes: u32::from_le_bytes(data_bytes) }
    }
}

/// What a MAC or signature of code covers: whose engine, which component, which code, and how it starts.
/// Every part has a fixed length, so that no two claims have one text.
pub(crate) fn claim(engine: &[u8; 32], component: Sha256, code: Sha256, start: [u8; START_BYTES]) -> Vec<u8> {
    [engine.as_slice(), component.as_bytes(), code.as_bytes(), &start].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_functions_are_found_wherever_they_stand() {
        let quiet = wat::parse_str("(component (core module (func (export \"f\"))))").unwrap();
        let start = wat::parse_str("(component (core module (func $f) (start $f)))").unwrap();
        assert!(!Start::of(&quiet).runs_code);
        assert!(Start::of(&start).runs_code);
        assert!(Start::of(&start[..start.len() - 3]).runs_code, "half a component");
    }

    #[test]
    fn data_that_is_copied_is_counted_over_all_modules_and_passive_data_is_not() {
        let text = r#"(component
            (core module (memory 1) (data (i32.const 0) "1234") (data (i32.const 9) "56") (data "passive"))
            (component (core module (memory 1) (data (i32.const 0) "789"))))"#;
        assert_eq!(Start::of(&wat::parse_str(text).unwrap()).data_bytes, 9);
    }

    #[test]
    fn what_is_written_reads_back() {
        for start in [Start::default(), Start { runs_code: true, data_bytes: 7 }, Start { runs_code: false, data_bytes: u32::MAX }] {
            assert_eq!(Start::from_bytes(start.to_bytes()), start);
        }
    }
}
