//! Secrets in a component's data segments and custom sections, and in files that are no text.

use extensions_types::Waiver;
use wasmparser::{Parser, Payload};

use super::{
    Secret,
    assigned::in_url,
    fingerprint::Waived,
    harmless::{is_hexadecimal, is_placeholder},
    random::{self, is_random},
    shapes,
};
use crate::finding::{Finding, Findings};

/// Custom sections that hold no text of an author.
const CUSTOM_SKIPPED: [&str; 3] = ["name", "producers", "target_features"];

/// Scans the data segments and custom sections of a core module or component.
#[must_use]
pub fn scan_data(bytes: &[u8]) -> Vec<Finding> {
    in_data(bytes, &[])
}

/// The same, without what the source asks to be excused from.
pub(crate) fn in_data(bytes: &[u8], waivers: &[Waiver]) -> Vec<Finding> {
    let mut findings = Findings::default();
    let mut waived = Waived::new(waivers);
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match payload {
            Payload::DataSection(section) => {
                for (number, segment) in section.into_iter().map_while(Result::ok).enumerate() {
                    findings.extend(in_bytes(segment.data, &mut waived, |offset| format!("data segment {number} + {offset}")));
                }
            }
            Payload::CustomSection(section) if !CUSTOM_SKIPPED.contains(&section.name()) && !section.name().starts_with(".debug_") => {
                let name = section.name();
                findings.extend(in_bytes(section.data(), &mut waived, |offset| format!("custom section {name} + {offset}")));
            }
            _ => {}
        }
    }
    findings.into_vec()
}

/// Scans a file that is no text, or too large for one.
pub(super) fn in_file(name: &str, bytes: &[u8]) -> Vec<Finding> {
    if bytes.starts_with(b"\0asm") {
        return in_data(bytes, &[])
            .into_iter()
            .map(|finding| {
                let place = format!("{name}, {}", finding.place);
                finding.at(place)
            })
            .collect();
    }
    in_bytes(bytes, &mut Waived::new(&[]), |offset| format!("{name} + {offset}"))
}

fn in_bytes(bytes: &[u8], waived: &mut Waived<'_>, place: impl Fn(usize) -> String) -> Vec<Finding> {
    let mut findings = Findings::default();
    for (offset, text) in texts(bytes) {
        for secret in in_text(text) {
            if !waived.holds(secret.value) {
                findings.add(secret.finding(place(offset + secret.start)));
            }
        }
    }
    findings.into_vec()
}

/// Runs of printable ASCII that are long enough to hold a secret, with where they begin.
fn texts(bytes: &[u8]) -> impl Iterator<Item = (usize, &str)> {
    /// The shortest of what is looked for.
    const TEXT_BYTES_MIN: usize = 12;
    let printable = |byte: u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    let mut start = 0;
    bytes.split(move |&byte| !printable(byte)).filter_map(move |run| {
        let at = start;
        start += run.len() + 1;
        (run.len() >= TEXT_BYTES_MIN).then(|| std::str::from_utf8(run).ok().map(|text| (at, text))).flatten()
    })
}

fn in_text(text: &str) -> Vec<Secret<'_>> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let mut place = 0;
    // Where the running run of token characters began.
    let mut run = 0;
    while place < bytes.len() {
        if let Some(secret) = shapes::at(text, place, true).or_else(|| (bytes[place] == b':').then(|| in_url(text, place)).flatten()) {
            place = secret.end();
            run = place;
            found.push(secret);
            continue;
        }
        if !random::is_of_tokens(bytes[place]) {
            found.extend(random_run(text, run, place));
            run = place + 1;
        }
        place += 1;
    }
    found.extend(random_run(text, run, place));
    found
}

fn random_run(text: &str, start: usize, end: usize) -> Option<Secret<'_>> {
    let value = text.get(start..end).filter(|value| value.len() >= random::RUN_BYTES_MIN)?;
    (is_random(value) && !is_hexadecimal(value) && !is_placeholder(value)).then_some(Secret { what: "a text that looks random", value, start })
}
