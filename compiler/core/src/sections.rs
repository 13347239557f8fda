//! Leaves out debug sections. Their texts name an author's files, and no trap needs them; function names stay.

use crate::leb::number;

/// Modules and components alike: magic number, then version and layer.
const HEADER_BYTES: usize = 8;
const CUSTOM: u8 = 0;
/// Of a component: a nested module, a nested component.
const NESTED: [u8; 2] = [1, 4];
/// Deeper ones are refused by the prescan, which comes first.
const DEPTH_MAX: usize = 16;

/// `bytes` without debug sections, nested ones included; as they are where they cannot be read.
pub(crate) fn without_debug(bytes: &[u8]) -> Vec<u8> {
    rewrite(bytes, 0).unwrap_or_else(|| bytes.to_vec())
}

fn rewrite(bytes: &[u8], depth: usize) -> Option<Vec<u8>> {
    let (header, mut rest) = bytes.split_at_checked(HEADER_BYTES)?;
    let component = header[6] == 1;
    let mut out = header.to_vec();
    while let Some((&id, after)) = rest.split_first() {
        let (size, after) = number(after)?;
        let (body, after) = after.split_at_checked(size)?;
        rest = after;
        if id == CUSTOM && is_debug(body) {
            continue;
        }
        out.push(id);
        if component && NESTED.contains(&id) && depth < DEPTH_MAX {
            let nested = rewrite(body, depth + 1)?;
            put_number(&mut out, nested.len());
            out.extend_from_slice(&nested);
        } else {
            put_number(&mut out, size);
            out.extend_from_slice(body);
        }
    }
    Some(out)
}

fn is_debug(custom: &[u8]) -> bool {
    let name = number(custom).and_then(|(length, after)| after.get(..length)).unwrap_or_default();
    name.starts_with(b".debug_") || name == b"sourceMappingURL" || name == b"external_debug_info"
}

fn put_number(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_sections_go_and_names_stay() {
        let text = r#"(component (core module (@custom ".debug_info" "path") (@custom "name" "x") (func)) (@custom "sourceMappingURL" "u"))"#;
        let bytes = wat::parse_str(text).unwrap();
        let stripped = without_debug(&bytes);
        let holds = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        assert!(holds(&bytes, b".debug_info") && !holds(&stripped, b".debug_info"));
        assert!(holds(&stripped, b"name") && !holds(&stripped, b"sourceMappingURL"));
        assert!(wasmparser::Validator::new().validate_all(&stripped).is_ok());
    }

    #[test]
    fn what_cannot_be_read_stays_as_it_is() {
        for bytes in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\xff", b"\0asm\x0d\0\x01\0\x01\x05abc"] {
            assert_eq!(without_debug(bytes), bytes);
        }
    }

    #[test]
    fn nothing_changes_without_debug_sections() {
        let bytes = wat::parse_str("(component (core module (memory 1)) (core module))").unwrap();
        assert_eq!(without_debug(&bytes), bytes);
    }
}
