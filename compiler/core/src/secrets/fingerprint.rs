//! What a waiver names a secret by, without telling it.

use extensions_types::Waiver;

use crate::digest::sha256_hex;

/// Hexadecimal digits kept: enough to tell secrets apart, and no more to test guesses with than the source itself gives.
const DIGITS: usize = 16;
/// The longest text that a waiver is looked for in.
const RUN_BYTES_MAX: usize = 4 << 10;

/// `<16 hex digits>:<bytes>`.
pub(super) fn of(value: &str) -> String {
    format!("{}:{}", &sha256_hex(value.as_bytes())[..DIGITS], value.len())
}

/// Whether some waiver is about `run`, or about a part of it: in a module's
/// data, texts stand without anything between them.
pub(super) fn is_waived(run: &str, waivers: &[Waiver]) -> bool {
    run.len() <= RUN_BYTES_MAX && waivers.iter().filter(|waiver| waiver.rule == super::RULE).any(|waiver| is_part(run, &waiver.fingerprint))
}

fn is_part(run: &str, fingerprint: &str) -> bool {
    let Some(length) = fingerprint.split_once(':').and_then(|(_, length)| length.parse::<usize>().ok()) else { return false };
    if length == 0 || length > run.len() {
        return false;
    }
    (0..=run.len() - length).any(|start| run.get(start..start + length).is_some_and(|part| of(part) == fingerprint))
}
