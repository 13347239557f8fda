//! Joins data segments. An instance copies each of them when it starts, through
//! a call of its own; AssemblyScript makes one for each text that a guest knows.

use std::borrow::Cow;

use wasm_encoder::{ConstExpr, DataCountSection, DataSection, Module, RawSection};
use wasmparser::{BinaryReaderError, Data, DataKind, Operator, Parser, Payload, TypeRef};

/// Zeros between two segments that are cheaper to copy than a second segment is to begin.
const GAP_MAX: u32 = 64;
/// What a module may grow by: zeros that its author left out are not free.
const ZEROS_MAX: u32 = 16 << 10;

/// The module with as few data segments as it needs, or as it is where joining
/// them could be seen: segments that overlap or that code names, and memories
/// that are not the module's own. To be valid already.
pub(crate) fn joined(module: &[u8]) -> Cow<'_, [u8]> {
    match parts(module) {
        Ok(Some(parts)) if parts.segments.len() > 1 => Cow::Owned(parts.write(module)),
        Ok(_) | Err(_) => Cow::Borrowed(module),
    }
}

/// What a module is made of.
#[derive(Default)]
struct Parts<'m> {
    /// In their order: number, and where the contents are.
    sections: Vec<(u8, std::ops::Range<usize>)>,
    segments: Vec<Segment<'m>>,
}

/// Bytes at a place in the one memory.
struct Segment<'m> {
    at: u32,
    bytes: Cow<'m, [u8]>,
}

/// None where segments have to stay as they are.
fn parts(module: &[u8]) -> Result<Option<Parts<'_>>, BinaryReaderError> {
    let (mut parts, mut has_count) = (Parts::default(), false);
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        if let Some((id, range)) = payload.as_section() {
            parts.sections.push((id, range));
        }
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    if matches!(import?.ty, TypeRef::Memory(_)) {
                        return Ok(None);
                    }
                }
            }
            Payload::MemorySection(memories) if memories.count() > 1 => return Ok(None),
            Payload::DataCountSection { .. } => has_count = true,
            // Without their number, no code can name a segment.
            Payload::CodeSectionEntry(body) if has_count => {
                for operator in body.get_operators_reader()? {
                    if matches!(operator?, Operator::MemoryInit { .. } | Operator::DataDrop { .. }) {
                        return Ok(None);
                    }
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    let Some(segment) = Segment::of(segment?)? else { return Ok(None) };
                    parts.segments.push(segment);
                }
            }
            _ => {}
        }
    }
    let apart = parts.segments.windows(2).all(|pair| pair[0].end() <= u64::from(pair[1].at));
    Ok(apart.then_some(parts))
}

impl<'m> Segment<'m> {
    /// None where its place is not a number, or it has none.
    fn of(data: Data<'m>) -> Result<Option<Self>, BinaryReaderError> {
        let DataKind::Active { memory_index: 0, offset_expr } = data.kind else { return Ok(None) };
        let mut operators = offset_expr.get_operators_reader();
        let at = match (operators.read()?, operators.read()?) {
            (Operator::I32Const { value }, Operator::End) => value.cast_unsigned(),
            _ => return Ok(None),
        };
        Ok(Some(Self { at, bytes: Cow::Borrowed(data.data) }))
    }

    fn end(&self) -> u64 {
        u64::from(self.at) + self.bytes.len() as u64
    }

    /// Takes the next one in where it is near; says how many zeros lie between them.
    fn take(&mut self, next: &Self, zeros_left: u32) -> Option<u32> {
        let gap = u32::try_from(u64::from(next.at) - self.end()).ok().filter(|gap| *gap <= GAP_MAX.min(zeros_left))?;
        let bytes = self.bytes.to_mut();
        bytes.resize(bytes.len() + gap as usize, 0);
        bytes.extend_from_slice(&next.bytes);
        Some(gap)
    }
}

impl Parts<'_> {
    fn write(self, module: &[u8]) -> Vec<u8> {
        let (mut joined, mut zeros_left) = (Vec::<Segment<'_>>::new(), ZEROS_MAX);
        for segment in self.segments {
            match joined.last_mut().and_then(|last| last.take(&segment, zeros_left)) {
                Some(zeros) => zeros_left -= zeros,
                None => joined.push(segment),
            }
        }
        let mut out = Module::new();
        for (id, range) in self.sections {
            if id == wasm_encoder::SectionId::DataCount as u8 {
                out.section(&DataCountSection { count: u32::try_from(joined.len()).unwrap_or(u32::MAX) });
            } else if id == wasm_encoder::SectionId::Data as u8 {
                let mut section = DataSection::new();
                for segment in &joined {
                    section.active(0, &ConstExpr::i32_const(segment.at.cast_signed()), segment.bytes.iter().copied());
                }
                out.section(&section);
            } else {
                out.section(&RawSection { id, data: &module[range] });
            }
        }
        out.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(text: &str) -> Vec<u8> {
        wat::parse_str(text).unwrap()
    }

    /// What memory holds once all segments are copied, in their order.
    fn image(module: &[u8]) -> Vec<u8> {
        let mut memory = vec![0; 4 << 10];
        for segment in parts(module).unwrap().unwrap().segments {
            memory[segment.at as usize..][..segment.bytes.len()].copy_from_slice(&segment.bytes);
        }
        memory
    }

    #[test]
    fn neighbours_are_joined_and_the_memory_is_the_same() {
        let before = module(
            r#"(module (memory 1) (data (i32.const 8) "one") (data (i32.const 11) "two") (data (i32.const 70) "three") (data (i32.const 1024) "far")
                (func (export "f") (drop (i32.const 7))) (@custom "name" "x"))"#,
        );
        let after = joined(&before);
        assert!(wasmparser::Validator::new().validate_all(&after).is_ok());
        assert_eq!(parts(&after).unwrap().unwrap().segments.len(), 2);
        assert_eq!(image(&after), image(&before));
        assert!(after.windows(4).any(|window| window == b"name"), "other sections stay");
        assert_eq!(joined(&after).as_ref(), after.as_ref(), "once is enough");
    }

    #[test]
    fn what_could_be_seen_stays() {
        for text in [
            r#"(module (memory 1) (data $a (i32.const 0) "a") (data (i32.const 1) "b") (func (data.drop $a)))"#,
            r#"(module (memory 1) (data "passive") (data (i32.const 1) "b") (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1))))"#,
            r#"(module (memory 1) (data (i32.const 0) "long") (data (i32.const 2) "over it"))"#,
            r#"(module (memory 1) (data (i32.const 9) "after") (data (i32.const 2) "before"))"#,
            r#"(module (import "m" "memory" (memory 1)) (data (i32.const 0) "a") (data (i32.const 1) "b"))"#,
            r#"(module (import "m" "g" (global i32)) (memory 1) (data (global.get 0) "a") (data (i32.const 1) "b"))"#,
            r#"(module (memory 1) (data (i32.const 0) "alone"))"#,
        ] {
            let bytes = module(text);
            assert_eq!(joined(&bytes).as_ref(), bytes, "{text}");
        }
        for bytes in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0\x0b\xff"] {
            assert_eq!(joined(bytes).as_ref(), bytes);
        }
    }

    #[test]
    fn it_grows_by_little() {
        let far: String = (0..1_000).map(|at| format!("(data (i32.const {}) \"x\")", at * 65)).collect();
        let before = module(&format!("(module (memory 1) {far})"));
        let after = joined(&before);
        assert!(wasmparser::Validator::new().validate_all(&after).is_ok());
        assert!(after.len() <= before.len() + ZEROS_MAX as usize);
        assert!(parts(&after).unwrap().unwrap().segments.len() < 800);
    }

    /// The number of segments is told before code that copies or fills memory.
    #[test]
    fn a_told_number_of_segments_follows() {
        let mut with_count = Module::new();
        let plain = module(r#"(module (memory 1) (func nop) (data (i32.const 0) "a") (data (i32.const 1) "b"))"#);
        for (id, range) in parts(&plain).unwrap().unwrap().sections {
            if id == wasm_encoder::SectionId::Code as u8 {
                with_count.section(&DataCountSection { count: 2 });
            }
            with_count.section(&RawSection { id, data: &plain[range] });
        }
        let after = joined(&with_count.finish()).into_owned();
        assert!(wasmparser::Validator::new().validate_all(&after).is_ok());
        assert_eq!(parts(&after).unwrap().unwrap().segments.len(), 1);
    }
}
