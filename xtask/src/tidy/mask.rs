//! Rust source with comments and literals blanked, line by line, so that rules
//! meet code only. No parser: it need not understand what it does not judge.

/// What the reader is inside of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Code,
    LineComment,
    BlockComment { depth: usize },
    Text,
    RawText { hashes: usize },
}

/// Blanks everything that is not code; newlines and columns stay.
pub(super) fn code_only(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut inside = Inside::Code;
    let mut at = 0;
    while at < chars.len() {
        let (next, taken) = step(inside, &chars, at);
        for &c in &chars[at..at + taken] {
            let code = inside == Inside::Code && next == Inside::Code && taken == 1;
            out.push(if c == '\n' || code { c } else { ' ' });
        }
        inside = next;
        at += taken;
    }
    out
}

/// What follows at `at`, and how many characters that takes.
fn step(inside: Inside, chars: &[char], at: usize) -> (Inside, usize) {
    let here = |text: &str| text.chars().enumerate().all(|(i, c)| chars.get(at + i) == Some(&c));
    match inside {
        Inside::Code => code_step(chars, at),
        Inside::LineComment if here("\n") => (Inside::Code, 1),
        Inside::BlockComment { depth } if here("*/") => (if depth == 1 { Inside::Code } else { Inside::BlockComment { depth: depth - 1 } }, 2),
        Inside::BlockComment { depth } if here("/*") => (Inside::BlockComment { depth: depth + 1 }, 2),
        Inside::Text if here("\\") => (inside, 2.min(chars.len() - at)),
        Inside::Text if here("\"") => (Inside::Code, 1),
        Inside::RawText { hashes } if here("\"") && (1..=hashes).all(|i| chars.get(at + i) == Some(&'#')) => (Inside::Code, 1 + hashes),
        Inside::LineComment | Inside::BlockComment { .. } | Inside::Text | Inside::RawText { .. } => (inside, 1),
    }
}

fn code_step(chars: &[char], at: usize) -> (Inside, usize) {
    match (chars[at], chars.get(at + 1)) {
        ('/', Some('/')) => (Inside::LineComment, 2),
        ('/', Some('*')) => (Inside::BlockComment { depth: 1 }, 2),
        ('"', _) => (Inside::Text, 1),
        ('r', Some('"' | '#')) if starts_word(chars, at) => raw_text(chars, at),
        ('\'', _) => (Inside::Code, char_literal(chars, at)),
        _ => (Inside::Code, 1),
    }
}

/// Whether the `r` at `at` begins a literal: `r"`, `br#"`, but not `for"`.
fn starts_word(chars: &[char], at: usize) -> bool {
    let is_word = |at: usize| chars[at].is_alphanumeric() || chars[at] == '_';
    let before = at.checked_sub(1).filter(|&at| is_word(at));
    before.is_none_or(|at| matches!(chars[at], 'b' | 'c') && at.checked_sub(1).is_none_or(|at| !is_word(at)))
}

fn raw_text(chars: &[char], at: usize) -> (Inside, usize) {
    let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    match chars.get(at + 1 + hashes) {
        Some('"') => (Inside::RawText { hashes }, 2 + hashes),
        _ => (Inside::Code, 1), // a raw identifier: r#type
    }
}

/// Characters of a char literal; 1 for a lifetime.
fn char_literal(chars: &[char], at: usize) -> usize {
    if chars.get(at + 1) == Some(&'\\') {
        // Past the escaped character, which may itself be a quote.
        return chars[at..].iter().skip(3).position(|&c| c == '\'').map_or(1, |more| more + 4);
    }
    if chars.get(at + 2) == Some(&'\'') { 3 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_vanish_code_stays() {
        let cases = [
            ("a // b {\nc", "a       \nc"),
            ("a /* { /* } */ { */ b", "a                   b"),
            (r#"f("{\"}", x)"#, "f(      , x)"),
            (r##"r#"a"{"# + y"##, "         + y"),
            ("r#type", "r#type"),
            (r"'{' '\'' '\u{7d}' &'a x", r"                  &'a x"),
            ("b'{' b\"{\"", "b    b   "),
        ];
        for (source, wanted) in cases {
            assert_eq!(code_only(source).trim_end(), wanted.trim_end(), "{source}");
        }
    }

    #[test]
    fn lines_stay_where_they_were() {
        let source = "\"one\ntwo\" three\n/* four\n*/ five";
        let masked = code_only(source);
        assert_eq!(masked.lines().map(str::trim).collect::<Vec<_>>(), ["", "three", "", "five"]);
    }
}
