//! Sizes and counts before anything heavier: one pass over the sections, in
//! time linear in the bytes, and nothing is allocated by what they claim.

mod body;
mod counts;
mod types;
mod walk;

pub(crate) use counts::{Counts, Sizes};

use crate::{
    finding::{Code, Finding, Step},
    limits::{COMPONENT_BYTES_MAX, INPUT_BYTES_MAX},
    place,
};

/// What a scan saw, and what speaks against it.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) counts: Counts,
    pub(crate) findings: Vec<Finding>,
}

/// Scans the bytes as they came.
pub(crate) fn input(bytes: &[u8]) -> Scan {
    if bytes.len() > INPUT_BYTES_MAX {
        return refused(too_large(bytes.len(), INPUT_BYTES_MAX));
    }
    if !bytes.starts_with(b"\0asm") {
        return refused(not_wasm());
    }
    scan(bytes)
}

/// Scans a finished component: an input that passed may still have grown too large.
pub(crate) fn component(bytes: &[u8]) -> Scan {
    if bytes.len() > COMPONENT_BYTES_MAX {
        return refused(too_large(bytes.len(), COMPONENT_BYTES_MAX));
    }
    scan(bytes)
}

/// The finding for what is no WebAssembly at all.
pub(crate) fn not_wasm() -> Finding {
    let remedy = "give the .wasm file that `ext build` or a toolchain wrote";
    Finding::new(Step::Prescan, Code::NotWasm, "no WebAssembly module or component", remedy)
}

fn refused(finding: Finding) -> Scan {
    Scan { counts: Counts::default(), findings: vec![finding] }
}

fn too_large(bytes: usize, max: usize) -> Finding {
    let message = format!("it has {bytes} bytes, at most {max} are accepted");
    Finding::new(Step::Prescan, Code::TooLarge, message, "build it optimised for size, with LTO and without debug information")
}

/// Counts everything and names each number that is too high.
fn scan(bytes: &[u8]) -> Scan {
    let (counts, broken) = walk::walk(bytes);
    let mut findings = Vec::new();
    if let Some(error) = broken {
        let message = format!("its sections do not hold together: {}", error.message());
        let remedy = "build it again; the file may be cut off or damaged";
        findings.push(Finding::new(Step::Prescan, Code::Malformed, message, remedy).at(format!("byte {}", error.offset())));
    }
    for row in counts.rows().into_iter().filter(|row| row.number > row.max) {
        let remedy = "a small rule needs far fewer: look for what a dependency brings along";
        let finding = Finding::new(Step::Prescan, Code::TooMany, format!("{} {}, at most {} are accepted", row.number, row.what, row.max), remedy);
        findings.push(match row.at {
            Some(at) => finding.at(place::function(bytes, at)),
            None => finding,
        });
    }
    Scan { counts, findings }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE_BYTES: u64 = 64 << 10;

    fn seen(text: &str) -> (Counts, Vec<String>) {
        let Scan { counts, findings } = scan(&wat::parse_str(text).unwrap());
        (counts, findings.into_iter().map(|finding| format!("{} | {}", finding.message, finding.place)).collect())
    }

    #[test]
    fn a_component_is_counted_with_all_that_is_nested() {
        let (counts, findings) = seen(
            "(component (core module (memory 3) (table 5 funcref) (func $f (drop (memory.grow (i32.const 1)))) (start $f)) (component (core module)))",
        );
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!((counts.modules, counts.components, counts.depth_max), (2, 1, 2));
        assert_eq!((counts.memory_bytes, counts.start_functions, counts.grows_memory), (3 * PAGE_BYTES, 1, true));
    }

    #[test]
    fn each_number_that_is_too_high_is_named() {
        let (_, findings) = seen("(component (core module (memory 5000) (memory 1) (memory 1) (table 30000 funcref)))");
        assert_eq!(findings.len(), 3, "{findings:?}");
        assert!(findings.iter().any(|finding| finding.contains("3 memories, at most 2")));
    }

    #[test]
    fn what_is_wrong_with_a_function_names_it() {
        let locals = "(local i64)".repeat(6_000);
        let deep = format!("{}{}", "(block ".repeat(5_000), ")".repeat(5_000));
        let text = format!("(module (import \"a\" \"b\" (func)) (func) (func $wide {locals}) (func $deep {deep}))");
        let (_, findings) = seen(&text);
        assert_eq!(
            findings,
            [
                "6000 locals in one function, at most 5000 are accepted | function 2 (wide)",
                "5000 blocks within blocks, at most 4000 are accepted | function 3 (deep)"
            ]
        );
    }

    #[test]
    fn deep_nesting_is_refused_unread() {
        let deep = format!("{}{}", "(component ".repeat(60), ")".repeat(60));
        let (counts, findings) = seen(&deep);
        assert_eq!((counts.depth_max, findings.len()), (crate::limits::NESTING_MAX + 1, 1));
    }

    #[test]
    fn long_names_and_groups_of_types_are_counted() {
        let long = "n".repeat(2_000);
        let (_, findings) = seen(&format!("(module (func (export \"{long}\")))"));
        assert_eq!(findings, ["2000 bytes in one name, at most 1024 are accepted | "]);
        let (_, findings) = seen("(module (rec (type (struct)) (type (struct))))");
        assert_eq!(findings, ["1 recursion groups and types for garbage collection, at most 0 are accepted | "]);
    }

    #[test]
    fn a_cut_off_file_is_malformed() {
        let bytes = wat::parse_str("(module (memory 1) (func))").unwrap();
        assert_eq!(input(&bytes[..bytes.len() - 1]).findings[0].code, Code::Malformed);
    }

    #[test]
    fn a_huge_file_is_refused_unread() {
        assert_eq!(input(&vec![0; INPUT_BYTES_MAX + 1]).findings[0].code, Code::TooLarge);
    }
}
