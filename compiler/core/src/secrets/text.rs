//! Secrets in source files, line by line, and the markers beside them.

use extensions_types::Waiver;

use super::{
    FILE_BYTES_MAX, RULE, Scanned, Secret,
    assigned::{self, in_url},
    fingerprint,
    harmless::{is_asset, is_digest, is_hexadecimal, is_lock_file, is_placeholder},
    marker::{self, Marker},
    random::{self, is_random},
    shapes,
};
use crate::finding::{Code, Finding, Findings, Step};

/// Lines that are longer hold assets: only well-known shapes are looked for.
const LINE_BYTES_MAX: usize = 4 << 10;
/// Quotes of literals in the languages that guests are written in, and in their configuration.
const QUOTES: [u8; 3] = [b'"', b'\'', b'`'];

/// Scans the source file `file`, whose name stands in places: `src/lib.rs:12`.
#[must_use]
pub fn scan_text(file: &str, text: &str) -> Scanned {
    let mut found = Scan { file, findings: Findings::default(), waivers: Vec::new() };
    if text.len() > FILE_BYTES_MAX {
        return Scanned { findings: super::data::in_file(file, text.as_bytes()), waivers: Vec::new() };
    }
    let mut before = None;
    let mut offset = 0;
    let mut read_to = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let own = marker::of(line);
        let literals = !is_lock_file(file) && line.len() <= LINE_BYTES_MAX;
        for secret in in_line(text, offset, line, literals) {
            // A key of many lines is one.
            if secret.start >= read_to {
                read_to = secret.end();
                found.add(secret, own.or(before), number + 1);
            }
        }
        before = own;
        offset += line.len();
    }
    Scanned { findings: found.findings.into_vec(), waivers: found.waivers }
}

struct Scan<'f> {
    file: &'f str,
    findings: Findings,
    waivers: Vec<Waiver>,
}

impl Scan<'_> {
    fn add(&mut self, secret: Secret<'_>, marker: Option<Marker<'_>>, line: usize) {
        let place = format!("{}:{line}", self.file);
        match marker {
            None => self.findings.add(secret.finding(place)),
            Some(Marker::Reason(reason)) => {
                let fingerprint = fingerprint::of(secret.value);
                self.waivers.push(Waiver { rule: RULE.to_owned(), place, reason: reason.to_owned(), fingerprint });
            }
            Some(Marker::WithoutReason) => {
                let message = "`ext:allow-secret` without a reason";
                self.findings.add(Finding::new(Step::Policy, Code::BadMarker, message, "say behind it why this may stand in the source").at(place));
            }
        }
    }
}

/// The secrets of one line, which begins at `offset` of the text.
fn in_line<'t>(text: &'t str, offset: usize, line: &'t str, literals: bool) -> Vec<Secret<'t>> {
    let mut found = Vec::new();
    let mut place = 0;
    let bytes = line.as_bytes();
    while place < bytes.len() {
        let at = offset + place;
        let shaped = shapes::at(text, at, false).or_else(|| (bytes[place] == b':').then(|| in_url(text, at)).flatten());
        if let Some(secret) = shaped {
            place = secret.end() - offset;
            found.push(secret);
            continue;
        }
        if literals
            && QUOTES.contains(&bytes[place])
            && let Some(value) = literal(line, place)
        {
            let what = judged(&line[..place], value);
            if let Some(what) = what {
                found.push(Secret { what, value, start: at + 1 });
                place += value.len() + 1;
            }
        }
        place += 1;
    }
    if literals && found.is_empty() {
        found.extend(unquoted(line, offset));
    }
    found
}

/// What stands between the quote at `place` and the next of its kind on the line.
fn literal(line: &str, place: usize) -> Option<&str> {
    let rest = line.get(place + 1..)?;
    let end = rest.as_bytes().iter().position(|&byte| byte == line.as_bytes()[place])?;
    rest.get(..end)
}

fn judged(before: &str, value: &str) -> Option<&'static str> {
    if is_placeholder(value) {
        return None;
    }
    if assigned::is_of_secret(before, value) {
        return Some("a value that its name calls a secret");
    }
    let random = value.len() >= random::LITERAL_BYTES_MIN && is_random(value);
    let harmless = || is_hexadecimal(value) || is_digest(before, value) || is_asset(before);
    (random && !harmless()).then_some("a string that looks random")
}

/// `NAME=value` of environment files and settings, without quotes.
fn unquoted(line: &str, offset: usize) -> Option<Secret<'_>> {
    let (name, value) = line.split_once('=')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let name = name.trim().trim_start_matches("export ");
    let trimmed = value.trim();
    if name.is_empty() || !name.chars().all(plain) || trimmed.contains(['"', '\'', '`', '(', ')', ';', '{', ' ']) {
        return None;
    }
    let before = &line[..line.len() - value.len()];
    let start = offset + before.len() + value.len() - value.trim_start().len();
    judged(before, trimmed).map(|what| Secret { what, value: trimmed, start })
}
