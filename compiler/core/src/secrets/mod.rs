//! Keys, tokens and passwords in source files and in a component's data.
//!
//! What is found, in this order, each byte of text belonging to one finding:
//! - private keys in PEM form;
//! - tokens and keys of well-known shape: clouds, code hosts, chat, payment, JWTs;
//! - URLs with a password: `postgres://user:password@host`;
//! - `password`, `secret`, `token`, `api_key`… with a literal assigned (source only);
//! - strings that look random: 20 bytes or more of letters and digits in no order
//!   (source: quoted literals; data: runs of 40 and more).
//!
//! What is let pass, since each would cry wolf more often than wolf:
//! - placeholders: `changeme`, `example`, `xxxx`, `<token>`, `${TOKEN}`, `{{token}}`, values of one repeated character or
//!   under 8 bytes, and the examples of vendors' own documents (those that say `EXAMPLE`);
//! - uuids, and hexadecimal strings unless a name beside them asks for a secret: digests,
//!   checksums, commits and test vectors of hash functions are public, and hexadecimal;
//! - `sha256-…`, `sha512-…`, `h1:…` and values beside a name such as `digest`, `checksum`, `integrity`, `hash`, `sum`;
//! - lock files (`Cargo.lock`, `go.sum`, `package-lock.json`…), which hold digests: only well-known shapes count there;
//! - images and fonts as `data:` URLs and lines of more than 4 KiB without a well-known shape: assets, not configuration;
//! - alphabets and tables: runs with three neighbours of the alphabet in a row, words in camel or snake case.
//!
//! A marker `ext:allow-secret REASON` on the same or the previous line asks for a
//! waiver instead, which a reviewer grants or not; without a reason it is a finding
//! itself. No finding shows a secret: its first 4 characters and its length only.
//! Time is linear in the bytes; nothing recurses or backtracks.

mod assigned;
mod data;
mod fingerprint;
mod harmless;
mod marker;
mod random;
mod shapes;
mod text;

use extensions_types::Waiver;

use crate::finding::{Code, Finding, Findings, Step};

pub(crate) use data::in_data;
pub use data::scan_data;
pub use text::scan_text;

/// The rule's name in waivers: the code of its findings.
pub const RULE: &str = Code::EmbeddedSecret.as_str();
/// Source files are read up to this size; what is larger is an asset.
const FILE_BYTES_MAX: usize = 1 << 20;
/// As many as a version may ask for; more are findings.
const WAIVERS_MAX: usize = 16;

/// What was found in sources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Secrets that refuse the version.
    pub findings: Vec<Finding>,
    /// Secrets that a marker asks to let pass.
    pub waivers: Vec<Waiver>,
}

/// A secret in a text, by bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Secret<'t> {
    what: &'static str,
    value: &'t str,
    start: usize,
}

/// Scans every file of a source bundle. Files that are no text are scanned as data is.
pub fn scan_files<'f>(files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Scanned {
    let mut findings = Findings::default();
    let mut waivers: Vec<Waiver> = Vec::new();
    for (name, bytes) in files {
        let found = match std::str::from_utf8(bytes) {
            Ok(text) => scan_text(name, text),
            Err(_) => Scanned { findings: data::in_file(name, bytes), waivers: Vec::new() },
        };
        findings.extend(found.findings);
        for waiver in found.waivers {
            if waivers.iter().any(|known| known.fingerprint == waiver.fingerprint) {
                continue;
            }
            if waivers.len() == WAIVERS_MAX {
                let message = format!("more than {WAIVERS_MAX} markers ask to let a secret pass");
                findings.add(Finding::new(Step::Policy, Code::BadMarker, message, "take the secrets out").at(waiver.place));
                continue;
            }
            waivers.push(waiver);
        }
    }
    Scanned { findings: findings.into_vec(), waivers }
}

impl Secret<'_> {
    fn finding(&self, place: String) -> Finding {
        let remedy = "take it out and change it where it is valid, since it was in files; configuration belongs to the caller's service. \
            If it is none, write `ext:allow-secret REASON` on the line before: a reviewer decides";
        Finding::new(Step::Policy, Code::EmbeddedSecret, format!("{}: {}", self.what, shown(self.value)), remedy).at(place)
    }

    fn end(&self) -> usize {
        self.start + self.value.len()
    }
}

/// The first 4 characters and the length.
fn shown(value: &str) -> String {
    let first: String = value.chars().take(4).collect();
    format!("`{first}…` ({} characters)", value.chars().count())
}
