//! Lengths: past 450 lines a file hides a second noun, past 70 a function a
//! pure leaf. Tests are not counted: a table of cases may be long.

use super::mask;
use crate::finding::Finding;

const FILE_LINES_MAX: usize = 450;
const FUNCTION_LINES_MAX: usize = 70;

/// A block of lines, both counted from 0 and included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    first: usize,
    last: usize,
}

impl Span {
    fn lines(self) -> usize {
        self.last - self.first + 1
    }
}

/// Finds files and functions that are too long.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    if is_test(path) || is_generated(text) {
        return Vec::new();
    }
    let masked = mask::code_only(text);
    let tests = test_modules(&masked);
    let tested = |line: usize| tests.iter().any(|span| (span.first..=span.last).contains(&line));
    let mut findings = Vec::new();
    let lines = (0..text.lines().count()).filter(|&line| !tested(line)).count();
    if lines > FILE_LINES_MAX {
        let problem = format!("{lines} source lines, at most {FILE_LINES_MAX}");
        findings.push(Finding::new(path, "length", problem, "look for a second noun and give it a file of its own"));
    }
    for (name, span) in functions(&masked) {
        if span.lines() > FUNCTION_LINES_MAX && !tested(span.first) {
            let problem = format!("`{name}` has {} lines, at most {FUNCTION_LINES_MAX}", span.lines());
            findings.push(Finding::new(path, "length", problem, "look for a pure leaf and make it a function").at(span.first + 1));
        }
    }
    findings
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

fn is_generated(text: &str) -> bool {
    text.starts_with("//! Generated from ")
}

/// Inline modules under `#[cfg(test)]`.
fn test_modules(masked: &str) -> Vec<Span> {
    let starts = masked.match_indices("#[cfg(test)]");
    let modules = starts.filter_map(|(at, attribute)| {
        let mut rest = masked[at + attribute.len()..].trim_start();
        while rest.starts_with("#[") {
            rest = rest.split_once(']')?.1.trim_start();
        }
        let rest = rest.strip_prefix("pub").map_or(rest, str::trim_start);
        rest.starts_with("mod ").then(|| block(masked, at, masked.len() - rest.len())).flatten()
    });
    modules.collect()
}

/// Functions with a body, nested ones as well.
fn functions(masked: &str) -> Vec<(&str, Span)> {
    let starts = masked.match_indices("fn ").filter(|&(at, _)| !masked[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
    let named = starts.filter_map(|(at, _)| {
        let rest = masked[at + 3..].trim_start();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let span = block(masked, at, at + 3)?;
        (end > 0).then_some((&rest[..end], span))
    });
    named.collect()
}

/// The lines from byte `start` to the end of the block that opens after `from`;
/// none where a `;` comes first.
fn block(masked: &str, start: usize, from: usize) -> Option<Span> {
    let (mut braces, mut others) = (0_usize, 0_usize);
    for (at, c) in masked[from..].char_indices() {
        match c {
            '(' | '[' => others += 1,
            ')' | ']' => others = others.saturating_sub(1),
            ';' if braces == 0 && others == 0 => return None,
            '{' => braces += 1,
            '}' if braces <= 1 => return Some(Span { first: line_of(masked, start), last: line_of(masked, from + at) }),
            '}' => braces -= 1,
            _ => {}
        }
    }
    None
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        check(path, text).into_iter().map(|finding| finding.problem).collect()
    }

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}(a: [u8; 2]) {{\n{}}}\n", "    call();\n".repeat(lines - 2))
    }

    #[test]
    fn long_functions_are_named_with_their_lines() {
        let text = format!("{}{}", function("short", 70), function("long", 71));
        assert_eq!(problems("a/src/x.rs", &text), ["`long` has 71 lines, at most 70"]);
        assert_eq!(check("a/src/x.rs", &text)[0].line, Some(71));
    }

    #[test]
    fn long_files_are_found_without_their_tests() {
        let code = "const A: u8 = 1;\n".repeat(FILE_LINES_MAX);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function("case", 90));
        assert!(problems("a/src/x.rs", &format!("{code}{tests}")).is_empty());
        assert_eq!(problems("a/src/x.rs", &format!("{code}{tests}// one more\n")), ["451 source lines, at most 450"]);
    }

    #[test]
    fn declarations_and_function_types_have_no_body() {
        let masked = mask::code_only("trait A { fn a(&self);\n fn b() {} }\nstruct S { f: fn (u8) -> u8 }");
        let names: Vec<_> = functions(&masked).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["b"]);
    }

    #[test]
    fn generated_files_and_tests_may_be_long() {
        assert!(problems("a/src/x.rs", &format!("//! Generated from x.\n{}", function("long", 99))).is_empty());
        assert!(problems("a/tests/x.rs", &function("long", 99)).is_empty());
    }
}
