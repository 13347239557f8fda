//! Types, judged by their bytes: their readers recurse into what is nested and
//! allocate what a group claims, so they come later.

use std::ops::Range;

use super::counts::Counts;
use crate::leb::number;

/// `func`, in the encoding of core types.
const FUNC: u8 = 0x60;
/// Opens the type of a component, of an instance.
const OPENERS: [u8; 2] = [0x41, 0x42];
/// Types of values that a host runs: numbers, vectors, references to functions and host values.
const VALUES: [u8; 7] = [0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f];

/// Counts the bytes of a component's types and what may nest in them; gives
/// the number of nested ones. A byte that looks like an opener counts as one:
/// names are lowercase, so few of the others do.
pub(super) fn nested_types(counts: &mut Counts, bytes: &[u8], section: Range<usize>) -> u64 {
    let section = bytes.get(section).unwrap_or_default();
    let openers = section.iter().filter(|byte| OPENERS.contains(byte)).count() as u64;
    counts.component_type_bytes += section.len() as u64;
    counts.sizes.types += section.len() as u64;
    counts.nested_types += openers;
    openers
}

/// 1 when the section holds anything but plain function types, else 0. What
/// stands behind it is not read.
pub(super) fn foreign(bytes: &[u8], section: Range<usize>) -> u64 {
    u64::from(plain_functions(bytes.get(section).unwrap_or_default()) == Some(false))
}

/// None when it ends early.
fn plain_functions(section: &[u8]) -> Option<bool> {
    let (count, mut rest) = number(section)?;
    for _ in 0..count {
        let (&form, after) = rest.split_first()?;
        if form != FUNC {
            return Some(false);
        }
        rest = after;
        for _ in 0..2 {
            let (length, after) = number(rest)?;
            let (values, after) = after.split_at_checked(length)?;
            if !values.iter().all(|value| VALUES.contains(value)) {
                return Some(false);
            }
            rest = after;
        }
    }
    Some(true)
}
