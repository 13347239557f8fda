//! Where in a file something is, in words: functions by index and, where the file says it, by name.

use wasmparser::{KnownCustom, Name, Parser, Payload};

/// A function of some module: its index, and a byte of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FunctionAt {
    pub(crate) index: u32,
    pub(crate) offset: usize,
}

/// `function 17 (evaluate)`. Looks the name up in the whole file: for findings only.
pub(crate) fn function(bytes: &[u8], at: FunctionAt) -> String {
    match name(bytes, at) {
        Some(name) => format!("function {} ({name})", at.index),
        None => format!("function {}", at.index),
    }
}

/// Names stand behind the code of the same module.
fn name(bytes: &[u8], at: FunctionAt) -> Option<&str> {
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match payload {
            Payload::CustomSection(section) if section.data_offset() > at.offset => {
                if let KnownCustom::Name(names) = section.as_known() {
                    return names.into_iter().map_while(Result::ok).find_map(|names| of(names, at.index));
                }
            }
            Payload::End(end) if end > at.offset => return None,
            _ => {}
        }
    }
    None
}

fn of(names: Name<'_>, wanted: u32) -> Option<&str> {
    let Name::Function(map) = names else { return None };
    map.into_iter().map_while(Result::ok).find(|naming| naming.index == wanted).map(|naming| naming.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_the_same_module() {
        let text = "(component (core module (func $one) (func $two)) (core module (func $three)) (core module (func)))";
        let bytes = wat::parse_str(text).unwrap();
        let mut seen = Vec::new();
        let mut index = 0;
        for payload in Parser::new(0).parse_all(&bytes).map_while(Result::ok) {
            match payload {
                Payload::CodeSectionStart { .. } => index = 0,
                Payload::CodeSectionEntry(body) => {
                    seen.push(function(&bytes, FunctionAt { index, offset: body.range().start }));
                    index += 1;
                }
                _ => {}
            }
        }
        assert_eq!(seen, ["function 0 (one)", "function 1 (two)", "function 0 (three)", "function 0"]);
    }
}
