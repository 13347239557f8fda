//! What a component may ask for and hold, beyond fitting its world.

use crate::{
    Expected,
    finding::{Code, Finding, Step},
    limits::START_FUNCTIONS_MAX,
    prescan::Counts,
    secrets,
};

const MIB: u64 = 1 << 20;

/// Everything that policy has against `bytes`, a component or the module that becomes one.
pub(crate) fn judge(bytes: &[u8], counts: &Counts, expected: Expected<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(memory(counts, expected.memory_mb));
    findings.extend(starts(counts));
    findings.extend(secrets::in_data(bytes, expected.waivers));
    findings
}

/// An instance that starts beyond its limit fails at every call.
fn memory(counts: &Counts, limit_mb: Option<u32>) -> Option<Finding> {
    let limit = u64::from(limit_mb?);
    if counts.memory_bytes <= limit * MIB {
        return None;
    }
    let starts = counts.memory_bytes.div_ceil(MIB);
    let message = format!("it starts with {starts} MiB of memory, its definition allows {limit}");
    let remedy = format!("link it with less initial memory, or set `memory_mb = {starts}` under [limits] in extension.toml");
    Some(Finding::new(Step::Policy, Code::MemoryLimit, message, remedy))
}

/// They run before every call, since an instance is used once.
fn starts(counts: &Counts) -> Option<Finding> {
    let number = counts.start_functions;
    if number <= START_FUNCTIONS_MAX {
        return None;
    }
    let message = format!("{number} functions run when an instance is made, at most {START_FUNCTIONS_MAX} are accepted");
    Some(Finding::new(Step::Policy, Code::TooMany, message, "leave out constructors that run before the first call"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_at_the_start_is_held_against_the_definition() {
        let counts = Counts { memory_bytes: 3 * MIB + 1, ..Counts::default() };
        let with = |memory_mb| Expected { memory_mb, ..Expected::default() };
        assert_eq!(judge(b"", &counts, with(None)), []);
        assert_eq!(judge(b"", &counts, with(Some(4))), []);
        let found = judge(b"", &counts, with(Some(3)));
        assert_eq!((found[0].code, found.len()), (Code::MemoryLimit, 1));
        assert!(found[0].message.contains("4 MiB") && found[0].remedy.contains("memory_mb = 4"));
    }

    #[test]
    fn many_start_functions_are_refused() {
        let counts = |start_functions| Counts { start_functions, ..Counts::default() };
        assert_eq!(judge(b"", &counts(START_FUNCTIONS_MAX), Expected::default()), []);
        assert_eq!(judge(b"", &counts(START_FUNCTIONS_MAX + 1), Expected::default()).len(), 1);
    }
}
