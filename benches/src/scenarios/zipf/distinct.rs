//! Components that differ from each other in code and data, and their machine code.
//!
//! Compiling ten thousand takes an hour and measures the compiler. So one
//! component is compiled; then a constant of its code and some letters of its
//! data, each found once in the component and once in its machine code, are
//! written over in both. One of the results is compiled, too: the scenario goes
//! on only where the compiler says the very same bytes.

use anyhow::{Context as _, ensure};
use extensions_aot::{Compiler, digest};
use extensions_engine_config::Profile;
use extensions_host::THIS_BINARY;
use extensions_types::Sha256;

use crate::stage::Guest;

/// WebAssembly's `i32.const`.
const I32_CONST: u8 = 0x41;
/// Constants that take three bytes in a component and four in machine code.
const THREE_BYTES: std::ops::Range<u32> = 1 << 13..1 << 20;
/// The first of the new constants: above 16 bits, whose instructions differ.
const FIRST: u32 = 100_000;
/// Letters of the data that are written over.
const LETTERS: usize = 8;
/// What a constant is worth is tried by compiling: at most so often.
const TRIES_MAX: usize = 8;

/// A component and its code, and where they may differ.
#[derive(Debug)]
pub(super) struct Distinct {
    component: Vec<u8>,
    code: Vec<u8>,
    constant: Place,
    letters: Place,
}

/// Where the same thing stands in both.
#[derive(Debug, Clone, Copy)]
struct Place {
    component: usize,
    code: usize,
}

/// One of them.
#[derive(Debug)]
pub(super) struct One {
    pub(super) digest: Sha256,
    pub(super) component: Vec<u8>,
    pub(super) code: Vec<u8>,
}

impl Distinct {
    pub(super) fn of(guest: &Guest) -> anyhow::Result<Self> {
        let component = guest.component().to_vec();
        let code = compiled(&component)?;
        let letters = letters(&component, &code).context("no text stands once in the component and once in its code")?;
        let constants = (0..component.len()).filter_map(|at| constant(&component, &code, at));
        for constant in constants.take(TRIES_MAX) {
            let distinct = Self { component: component.clone(), code: code.clone(), constant, letters };
            let one = distinct.number(1);
            if compiled(&one.component).is_ok_and(|code| code == one.code) {
                return Ok(distinct);
            }
        }
        anyhow::bail!("no constant of the component can be changed in its code")
    }

    /// The component of that number.
    pub(super) fn number(&self, number: u32) -> One {
        let (mut component, mut code) = (self.component.clone(), self.code.clone());
        let value = FIRST + number;
        let [a, b, c, _] = value.to_le_bytes().map(u32::from);
        let bits = a | b << 8 | c << 16;
        // Seven bits in each byte, the first two saying that more follow.
        let short = [bits & 0x7f | 0x80, bits >> 7 & 0x7f | 0x80, bits >> 14 & 0x7f].map(|byte| byte.to_le_bytes()[0]);
        component[self.constant.component..][..short.len()].copy_from_slice(&short);
        code[self.constant.code..][..4].copy_from_slice(&value.to_le_bytes());
        let letters = format!("{number:0LETTERS$}");
        component[self.letters.component..][..LETTERS].copy_from_slice(letters.as_bytes());
        code[self.letters.code..][..LETTERS].copy_from_slice(letters.as_bytes());
        One { digest: digest(&component), component, code }
    }
}

fn compiled(component: &[u8]) -> anyhow::Result<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let compiler = Compiler::new(THIS_BINARY.into(), Profile::default());
    let code = runtime.block_on(compiler.compile(component)).code?;
    ensure!(!code.is_empty(), "no code");
    Ok(code)
}

/// A constant at `at`, where nothing else looks like it.
fn constant(component: &[u8], code: &[u8], at: usize) -> Option<Place> {
    let &[I32_CONST, a, b, c] = component.get(at..at + 4)? else { return None };
    if a & 0x80 == 0 || b & 0x80 == 0 || c & 0xc0 != 0 {
        return None;
    }
    let value = u32::from(a & 0x7f) | u32::from(b & 0x7f) << 7 | u32::from(c) << 14;
    only(component, &component[at..at + 4]).filter(|_| THREE_BYTES.contains(&value))?;
    Some(Place { component: at + 1, code: only(code, &value.to_le_bytes())? })
}

/// Letters within a long text of the data.
fn letters(component: &[u8], code: &[u8]) -> Option<Place> {
    const WHOLE: usize = 4 * LETTERS;
    let is_text = |window: &&[u8]| window.iter().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'/' | b' ' | b'_' | b'.'));
    component.windows(WHOLE).filter(is_text).find_map(|text| {
        let (in_component, in_code) = (only(component, text)?, only(code, text)?);
        Some(Place { component: in_component + LETTERS, code: in_code + LETTERS })
    })
}

/// Where `part` stands, if it stands there once.
fn only(whole: &[u8], part: &[u8]) -> Option<usize> {
    let mut found = whole.windows(part.len()).enumerate().filter(|(_, window)| *window == part).map(|(at, _)| at);
    let at = found.next()?;
    found.next().is_none().then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_twice_is_not_found() {
        assert_eq!(only(b"abcabd", b"abd"), Some(3));
        assert_eq!(only(b"abcabd", b"ab"), None);
        assert_eq!(only(b"abcabd", b"x"), None);
    }

    #[test]
    fn components_and_their_code_are_changed_alike() {
        let text = b"a text of the data that is as long as it has to be";
        let component = [&[I32_CONST, 0xe8, 0x87, 0x04][..], text].concat();
        let code = [&66_536_u32.to_le_bytes()[..], text].concat();
        let (constant, letters) = (constant(&component, &code, 0).unwrap(), letters(&component, &code).unwrap());
        let distinct = Distinct { component, code, constant, letters };
        let one = distinct.number(7);
        assert_eq!(one.component[..4], [I32_CONST, 0xa7, 0x8d, 0x06]);
        assert_eq!(one.code[..4], 100_007_u32.to_le_bytes());
        assert_eq!(one.component[4..], one.code[4..]);
        assert!(one.code.windows(LETTERS).any(|window| window == b"00000007"));
        assert_ne!(one.digest, distinct.number(8).digest);
    }
}
