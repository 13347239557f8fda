//! Reads what TinyGo says about the author's code.

use crate::diagnostic::{Diagnostic, bounded};

/// More messages than anyone reads at once.
const DIAGNOSTICS_MAX: usize = 64;

/// The messages that name a place, or what is wrong with the whole program. TinyGo only tells
/// errors. Nothing else of `stderr` is of the author's making.
pub(super) fn diagnostics(stderr: &str) -> Vec<Diagnostic> {
    stderr.lines().filter_map(one).take(DIAGNOSTICS_MAX).collect()
}

fn one(line: &str) -> Option<Diagnostic> {
    let error = |message: &str, file: Option<&str>, number| Diagnostic {
        level: "error".to_owned(),
        message: bounded(message.to_owned()),
        file: file.map(|file| file.trim_start_matches("./").to_owned()),
        line: number,
        rendered: bounded(line.to_owned()),
    };
    if let Some((file, number, message)) = place(line) {
        return Some(error(message, Some(file), Some(number)));
    }
    // The linker knows no places: `wasm-ld: error: lto.tmp: undefined symbol: f`.
    let (tool, message) = line.split_once(": error: ")?;
    tool.ends_with("wasm-ld").then(|| error(message, None, None))
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
    Some((file, number, message.trim()))
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
    fn the_linker_is_heard_too() {
        let told = diagnostics("wasm-ld: error: lto.tmp: undefined symbol: f\nfailed to run tool: wasm-ld\n");
        assert_eq!((told.len(), told[0].message.as_str(), told[0].line), (1, "lto.tmp: undefined symbol: f", None));
    }

    #[test]
    fn floods_are_bounded() {
        assert_eq!(diagnostics(&"a.go:1:1: x\n".repeat(1_000)).len(), DIAGNOSTICS_MAX);
    }
}
