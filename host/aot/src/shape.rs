//! Looks at a component's shape before it is compiled.
//!
//! The compiler's validator takes time that grows with the square of what is
//! nested: 5,000 components that nobody uses kept it busy for six seconds.
//! Published components were counted more strictly; this is for whatever else
//! a host may be handed. One pass over section headers, nothing is recursed into.

use wasmparser::{Parser, Payload};

/// Modules and components inside of a component, at any depth. What may be
/// published has 32 at most; this many cost milliseconds.
const NESTED_MAX: usize = 512;

/// A component that is refused by its shape.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("it holds more than {NESTED_MAX} modules and components")]
pub(crate) struct TooMany;

/// Counts what is nested. What does not parse is left to the compiler, which says where.
pub(crate) fn check(component: &[u8]) -> Result<(), TooMany> {
    let is_nested = |payload: &Payload<'_>| matches!(payload, Payload::ModuleSection { .. } | Payload::ComponentSection { .. });
    let payloads = Parser::new(0).parse_all(component).map_while(Result::ok);
    if payloads.filter(is_nested).nth(NESTED_MAX).is_some() { Err(TooMany) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(components: usize) -> Vec<u8> {
        wat::parse_str(format!("(component {})", "(component)".repeat(components))).unwrap()
    }

    #[test]
    fn what_is_nested_is_counted_wherever_it_stands() {
        assert_eq!(check(&holding(NESTED_MAX)), Ok(()));
        assert_eq!(check(&holding(NESTED_MAX + 1)), Err(TooMany));
        let head = b"\0asm\x0d\0\x01\0";
        let deep = (0..4 * NESTED_MAX).fold(head.to_vec(), |inner, _| {
            let mut size = Vec::new();
            let mut left = inner.len();
            while left >= 0x80 {
                size.push((left & 0x7f) as u8 | 0x80);
                left >>= 7;
            }
            size.push(left as u8);
            [head.as_slice(), &[4], &size, &inner].concat()
        });
        assert_eq!(check(&deep), Err(TooMany));
        assert_eq!(check(&deep[..deep.len() / 2]), Err(TooMany), "what comes before the damage counts");
        assert_eq!(check(b"nothing"), Ok(()), "the compiler says what is wrong with it");
    }
}
