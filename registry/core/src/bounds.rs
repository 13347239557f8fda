//! How large what comes from outside may be, and the checks of texts.

use crate::Refusal;

/// Versions of an extension that are held at a time. Retention makes room.
pub const VERSIONS_MAX: usize = 1_000;
/// Bytes of a reason: a paragraph, repeated in history and in listings.
pub const WHY_BYTES_MAX: usize = 1_024;
/// Bytes of an extension's description: it stands in every version's record.
pub const DESCRIPTION_BYTES_MAX: usize = 1_024;
/// Tags of a version, as extension.toml allows.
pub const TAGS_MAX: usize = 16;
/// Bytes of one tag.
pub const TAG_BYTES_MAX: usize = 64;
/// Bytes of a source bundle.
pub const SOURCE_BYTES_MAX: u64 = 8 << 20;
/// Bytes of a component.
pub const COMPONENT_BYTES_MAX: u64 = 4 << 20;
/// Findings kept of a failed build; the first ones are those that matter.
pub const FINDINGS_MAX: usize = 16;
/// Bytes kept of each text of a finding: an event stays below 64 KiB.
pub const FINDING_BYTES_MAX: usize = 512;
/// Bytes of a tool chain's name in history.
pub const TOOLCHAIN_BYTES_MAX: usize = 256;
/// Pins of one entry.
pub const PINS_MAX: usize = 64;
/// Distinct versions that the pins of one entry may name: each brings a
/// definition of up to 64 KiB into the entry, which a host reads whole.
pub const PINNED_VERSIONS_MAX: usize = 8;
/// Waivers of one version.
pub const WAIVERS_MAX: usize = 16;
/// Bytes kept of a waiver's place and of its reason: they stand in the head.
pub const WAIVER_BYTES_MAX: usize = 256;
/// Compiles of one version, those that the registry issues again included.
pub const ATTEMPTS_MAX: u32 = 20;
/// Approvals kept of one review: more than any tier asks for.
pub const APPROVALS_MAX: usize = 8;
/// People who ever pushed a version: each is remembered, since they may not approve.
pub const PUSHERS_MAX: usize = 2_000;
/// Changes of one extension within the time that command ids are kept; it
/// bounds the state. A person is far below, a program in a loop is not.
pub const COMMANDS_PER_DAY_MAX: usize = 10_000;
/// Of these, what authors may use up: the rest is for whoever must react to them.
pub const AUTHOR_COMMANDS_PER_DAY_MAX: usize = 8_000;
/// Bytes of where a command came from: an address.
pub const FROM_BYTES_MAX: usize = 128;

/// Checks a text that people will read.
pub(crate) fn check_text(what: &str, text: &str, max: usize) -> Result<(), Refusal> {
    if text.len() > max {
        return Err(Refusal::bad(format!("{what} has {} bytes, at most {max} are kept; shorten it", text.len())));
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(Refusal::bad(format!("{what} holds a control character; send plain text")));
    }
    Ok(())
}

/// At most `max` bytes of `text`, cut between characters.
pub(crate) fn cut(mut text: String, max: usize) -> String {
    text.truncate(text.floor_char_boundary(max));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_plain_and_short() {
        assert!(check_text("the reason", "Straße\n\tok", 20).is_ok());
        let long = check_text("the reason", "abcd", 3).unwrap_err();
        assert_eq!(long.to_string(), "BAD_REQUEST: the reason has 4 bytes, at most 3 are kept; shorten it");
        for hostile in ["a\u{1b}[2J", "a\0", "a\r"] {
            let refused = check_text("the reason", hostile, 20).unwrap_err();
            assert_eq!(refused.to_string(), "BAD_REQUEST: the reason holds a control character; send plain text");
        }
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("aé".into(), 2), "a");
        assert_eq!(cut("aé".into(), 3), "aé");
    }
}
