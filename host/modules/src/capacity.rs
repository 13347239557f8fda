//! How much loaded code may take of what a host has a bounded amount of.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What mapped code takes of the kernel: headers, code and data are mapped
/// apart, for only code may run; and wasmtime keeps the file open.
const MAPPINGS_OF_COMPONENT: u64 = 3;
const DESCRIPTORS_OF_COMPONENT: u64 = 1;
/// The kernel's default, where it does not tell.
const MAPPINGS_DEFAULT: u64 = 65_530;
/// Of mappings and descriptors this part is for code: the rest is for memory slots, stacks and connections.
const PART_FOR_CODE: u64 = 2;
/// Mapped files: their pages are the kernel's, which takes them back when memory is short.
const MAPPED_BYTES_MAX: u64 = 8 << 30;
/// Own memory that loaded versions hold: what the engine knows of their code, and their schemas.
const HELD_BYTES_MAX: u64 = 512 << 20;
/// A version holds so much whatever its size …
const HELD_BYTES_MIN: u64 = 12 << 10;
/// … and a byte more for so many bytes of code: names, types, trap tables. Measured: 18 KiB for 328 KiB of code.
const CODE_FOR_HELD_BYTE: u64 = 16;

/// All there is of each thing; no version weighs more.
pub(crate) const WHOLE: u64 = 1 << 40;

/// The most that loaded versions may hold together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Capacity {
    components: u64,
    mapped_bytes: u64,
    held_bytes: u64,
}

impl Capacity {
    /// What this process may have.
    pub(crate) fn here() -> Self {
        let told = fs::read_to_string("/proc/sys/vm/max_map_count").ok();
        let mappings = told.and_then(|text| text.trim().parse().ok()).unwrap_or(MAPPINGS_DEFAULT);
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Self::of(mappings, descriptors)
    }

    fn of(mappings: u64, descriptors: u64) -> Self {
        let components = (mappings / PART_FOR_CODE / MAPPINGS_OF_COMPONENT).min(descriptors / PART_FOR_CODE / DESCRIPTORS_OF_COMPONENT);
        Self { components: components.max(1), mapped_bytes: MAPPED_BYTES_MAX, held_bytes: HELD_BYTES_MAX }
    }

    /// How many small versions fit.
    pub(crate) fn versions(&self) -> u64 {
        self.components.min(self.held_bytes / HELD_BYTES_MIN)
    }

    /// What a version with so much code weighs: the largest part that it takes of any of the bounds,
    /// of [`WHOLE`]. Where such parts add up to no more than the whole, no bound is passed.
    pub(crate) fn share(&self, code_bytes: u64) -> u64 {
        let part = |takes: u64, of: u64| u64::try_from(u128::from(takes) * u128::from(WHOLE) / u128::from(of)).unwrap_or(WHOLE);
        let held = HELD_BYTES_MIN + code_bytes / CODE_FOR_HELD_BYTE;
        part(1, self.components).max(part(code_bytes, self.mapped_bytes)).max(part(held, self.held_bytes)).clamp(1, WHOLE)
    }
}

/// Lets this process open as many files as it may: a loaded component keeps one, and so does a connection.
/// How many that is; the limit stays as it was where the system refuses.
pub fn raise_descriptor_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files cannot be raised: fewer versions stay loaded");
            limit.current
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DESCRIPTORS_DEFAULT: u64 = 1_024;
    /// As the kernel has them, with the open files of a common service manager.
    const COMMON: (u64, u64) = (MAPPINGS_DEFAULT, 524_288);

    #[test]
    fn ten_thousand_small_components_fit_into_the_kernels_defaults() {
        let capacity = Capacity::of(COMMON.0, COMMON.1);
        assert!(capacity.versions() > 10_000);
        assert!(capacity.share(328 << 10) * 10_000 <= WHOLE);
    }

    #[test]
    fn few_descriptors_or_mappings_mean_few_versions() {
        assert_eq!(Capacity::of(COMMON.0, DESCRIPTORS_DEFAULT).versions(), DESCRIPTORS_DEFAULT / PART_FOR_CODE);
        assert_eq!(Capacity::of(6_000, COMMON.1).versions(), 1_000);
        assert_eq!(Capacity::of(0, 0).versions(), 1, "one at a time still serves");
    }

    proptest! {
        #[test]
        fn what_weighs_no_more_than_the_whole_keeps_every_bound(codes in proptest::collection::vec(0_u64..300 << 20, 0..2_000)) {
            let capacity = Capacity::of(COMMON.0, COMMON.1);
            let mut taken = (0, 0, 0, 0);
            for code in codes {
                let next = (taken.0 + capacity.share(code), taken.1 + 1, taken.2 + code, taken.3 + HELD_BYTES_MIN + code / CODE_FOR_HELD_BYTE);
                if next.0 > WHOLE {
                    break;
                }
                taken = next;
            }
            // A part is rounded down by less than one in 2^40.
            prop_assert!(taken.1 <= capacity.components && taken.2 <= capacity.mapped_bytes + 1 && taken.3 <= capacity.held_bytes + 1);
        }
    }
}
