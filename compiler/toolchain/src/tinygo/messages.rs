//! Reads what TinyGo says about the author's code.

use crate::diagnostic::{Diagnostic, bounded};

/// More messages than anyone reads at once.
const DIAGNOSTICS_MAX: usize = 64;

/// The messages that name a place, or what is wrong with the whole program. TinyGo only tells
/// errors. Nothing else of `stderr` is of the author's making.
pub(super) fn diagnostics(stderr: &str) -> Vec<Diagnostic> {
    stderr.lines().filter_map(one).take(DIAGNOSTICS_MAX).collect()
}

/// What the linker says that stack and static data need, where they are more than the memory given.
pub(super) fn memory_needed(stderr: &str) -> Option<u64> {
    let (_, rest) = stderr.split_once("initial memory too small, ")?;
    rest.split_once(" bytes needed")?.0.parse().ok()
}

fn one(line: &str) -> Option<Diagnostic> {
    let error = |message: &str, file: Option<&str>, number, rendered: &str| Diagnostic {
        level: "error".to_owned(),
        message: bounded(message.to_owned()),
        file: file.map(str::to_owned),
        line: number,
        rendered: bounded(rendered.to_owned()),
    };
    if let Some((file, number, message)) = place(line) {
        let file = file.trim_start_matches("./");
        return Some(error(message, Some(file), Some(number), &format!("{file}:{number}: {message}")));
    }
    // The linker knows no places: `wasm-ld: error: lto.tmp: undefined symbol: f`.
    let (tool, message) = line.split_once(": error: ")?;
    tool.ends_with("wasm-ld").then(|| error(message, None, None, line))
}

/// `main.go:7:2: message`, the column being optional.
fn place(line: &str) -> Option<(&str, u32, &str)> {
    let (file, rest) = line.split_once(".go:")?;
    let file = &line[..file.len() + ".go".len()];
    let (number, rest) = rest.split_once(':')?;
    let number = number.parse().ok()?;
    let message = match rest.split_once(':') {
        Some((column, message)) if column.bytes().all(|byte| byte.is_ascii_digit()) => message,
        _ => rest,
    };
    Some((file, number, useful(message.trim())))
}

/// Without where a cache of ours lies, and without advice that a build cannot follow.
fn useful(message: &str) -> &str {
    let message = message.split_once(" is not in std (").map_or(message, |(package, _)| &message[..package.len() + " is not in std".len()]);
    message.strip_suffix("; to add it:").unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_their_places() {
        let told = diagnostics("# example.com/rule\nmain.go:7:2: undefined: x\n./sub/b.go:12: \"os\" imported and not used\n\nplain words\n");
        let told: Vec<_> = told.iter().map(|one| (one.file.as_deref(), one.line, one.message.as_str())).collect();
        assert_eq!(told, [(Some("main.go"), Some(7), "undefined: x"), (Some("sub/b.go"), Some(12), "\"os\" imported and not used")]);
    }

    #[test]
    fn a_missing_package_is_named_without_our_paths() {
        let told = diagnostics(
            "main.go:5:2: package net/http is not in std (/opt/goroot/src/net/http)\nmain.go:6:2: no required module provides package a.b/c; to add it:\n\tgo get a.b/c\n",
        );
        let told: Vec<_> = told.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(told, ["package net/http is not in std", "no required module provides package a.b/c"]);
    }

    #[test]
    fn the_linker_is_heard_too() {
        let told = diagnostics("wasm-ld: error: lto.tmp: undefined symbol: f\nfailed to run tool: wasm-ld\n");
        assert_eq!((told.len(), told[0].message.as_str(), told[0].line), (1, "lto.tmp: undefined symbol: f", None));
    }

    #[test]
    fn the_linker_says_how_much_memory_it_needs() {
        assert_eq!(memory_needed("wasm-ld: error: initial memory too small, 455952 bytes needed\n"), Some(455_952));
        assert_eq!(memory_needed("wasm-ld: error: undefined symbol: f\n"), None);
    }

    #[test]
    fn floods_are_bounded() {
        assert_eq!(diagnostics(&"a.go:1:1: x\n".repeat(1_000)).len(), DIAGNOSTICS_MAX);
    }
}
