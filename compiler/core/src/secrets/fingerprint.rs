//! What a waiver names a secret by, without telling it.

use extensions_types::Waiver;

use crate::digest::sha256_hex;

/// Hexadecimal digits kept: enough to tell secrets apart, and no more to test guesses with than the source itself gives.
const DIGITS: usize = 16;
/// The longest text that a waiver is looked for in, part by part.
const RUN_BYTES_MAX: usize = 512;
/// Parts compared in one scan: some 50 ms. What lies beyond is refused.
const PARTS_MAX: usize = 100_000;

/// `<16 hex digits>:<bytes>`.
pub(super) fn of(value: &str) -> String {
    format!("{}:{}", &sha256_hex(value.as_bytes())[..DIGITS], value.len())
}

/// The waivers that a scan of data goes by.
#[derive(Debug)]
pub(super) struct Waived<'w> {
    waivers: &'w [Waiver],
    parts_left: usize,
}

impl<'w> Waived<'w> {
    pub(super) fn new(waivers: &'w [Waiver]) -> Self {
        Self { waivers, parts_left: PARTS_MAX }
    }

    /// Whether some waiver is about `run`, or about a part of it: in a module's
    /// data, texts stand without anything between them.
    pub(super) fn holds(&mut self, run: &str) -> bool {
        let waivers = self.waivers.iter().filter(|waiver| waiver.rule == super::RULE);
        for waiver in waivers {
            if of(run) == waiver.fingerprint || is_part(run, &waiver.fingerprint, &mut self.parts_left) {
                return true;
            }
        }
        false
    }
}

fn is_part(run: &str, fingerprint: &str, parts_left: &mut usize) -> bool {
    let length = fingerprint.split_once(':').and_then(|(_, length)| length.parse::<usize>().ok()).unwrap_or_default();
    if length == 0 || length > run.len() || run.len() > RUN_BYTES_MAX {
        return false;
    }
    let parts = run.len() - length + 1;
    let Some(left) = parts_left.checked_sub(parts) else { return false };
    *parts_left = left;
    (0..parts).any(|start| run.get(start..start + length).is_some_and(|part| of(part) == fingerprint))
}
