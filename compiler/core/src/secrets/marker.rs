//! The marker that asks for a waiver.

/// How it begins, in whatever comment the language has.
const MARKER: &str = "ext:allow-secret";
/// Characters of a reason that are kept.
const REASON_CHARS_MAX: usize = 200;
/// Characters that end comments.
const ENDS: [&str; 3] = ["*/", "-->", "\"\"\""];

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker<'l> {
    Reason(&'l str),
    WithoutReason,
}

/// The marker in `line`, if there is one.
pub(super) fn of(line: &str) -> Option<Marker<'_>> {
    let (_, after) = line.split_once(MARKER)?;
    let mut reason = after.trim();
    for end in ENDS {
        reason = reason.strip_suffix(end).unwrap_or(reason).trim_end();
    }
    let reason = reason.trim_start_matches(':').trim();
    let end = reason.char_indices().nth(REASON_CHARS_MAX).map_or(reason.len(), |(end, _)| end);
    // One character is no reason.
    Some(if reason.chars().nth(1).is_none() { Marker::WithoutReason } else { Marker::Reason(&reason[..end]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_says_why() {
        assert_eq!(of("let a = 1; // ext:allow-secret a test vector of RFC 7515"), Some(Marker::Reason("a test vector of RFC 7515")));
        assert_eq!(of("/* ext:allow-secret: public key id */"), Some(Marker::Reason("public key id")));
        assert_eq!(of("# ext:allow-secret"), Some(Marker::WithoutReason));
        assert_eq!(of("let a = 1;"), None);
    }
}
