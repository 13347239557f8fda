//! The one wasmtime configuration of compiler and host, and its compatibility hash.
//!
//! Code compiled under one configuration runs only under the same one, so
//! nobody else builds a [`wasmtime::Config`]. Reasons stand at each setting;
//! docs/decisions/ has the figures.

mod cpu;
mod pool;

use std::fmt;

use wasmtime::{Config, Engine, OptLevel, Strategy, WasmFeatures};

pub use cpu::{MissingCpuFeatures, check_cpu};
pub use pool::PoolSize;

/// How guest memory accesses are kept in bounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bounds {
    /// Guard pages and signals: the fastest.
    #[default]
    Guards,
    /// Explicit checks, which bring Cranelift's Spectre mitigation for the
    /// heap; about 1 µs a call for compact guests.
    Hardened,
}

/// How an instance's memory is reset before its slot is used again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MemoryReset {
    /// The first [`KEEP_RESIDENT_BYTES`] by writing, the rest by decommit.
    #[default]
    Keep,
    /// Only pages that the kernel saw written. Leaks swapped-out pages in
    /// wasmtime 48, so hosts use it only where swap is impossible.
    Scan,
}

/// Everything that decides which precompiled code an engine can run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Profile {
    /// Part of the compatibility hash.
    pub bounds: Bounds,
}

impl Profile {
    /// Every profile there is.
    pub const ALL: [Self; 2] = [Self { bounds: Bounds::Guards }, Self { bounds: Bounds::Hardened }];

    /// The profile's name in settings and on the compile child's command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.bounds {
            Bounds::Guards => "guards",
            Bounds::Hardened => "hardened",
        }
    }

    /// The profile of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }
}

/// Slots are reset by a memset up to here: just above the memory of a guest
/// in our SDKs' compact layout (64 KiB stack, 40 KiB arena, data, headroom).
pub const KEEP_RESIDENT_BYTES: usize = 384 << 10;
/// A fiber's stack; the guest may use [`WASM_STACK_BYTES`] of it.
pub const FIBER_STACK_BYTES: usize = 1 << 20;
/// A guest that recurses deeper traps.
pub const WASM_STACK_BYTES: usize = 512 << 10;

/// Whatever wasmtime says against a configuration.
#[derive(Debug, thiserror::Error)]
#[error("wasmtime refuses the configuration")]
pub struct ConfigError(#[source] wasmtime::Error);

/// The engine of a compile child: the same code, no pool, nothing to run on.
///
/// # Errors
/// When wasmtime refuses the configuration.
pub fn compile_engine(profile: Profile) -> Result<Engine, ConfigError> {
    Engine::new(&base(profile)?).map_err(ConfigError)
}

/// The engine of a host that runs at most `pool` instances at once.
///
/// # Errors
/// When wasmtime refuses the configuration or the address space is short.
pub fn host_engine(profile: Profile, reset: MemoryReset, pool: PoolSize) -> Result<Engine, ConfigError> {
    let mut config = base(profile)?;
    config.allocation_strategy(wasmtime::InstanceAllocationStrategy::Pooling(pool.config(reset)));
    Engine::new(&config).map_err(ConfigError)
}

fn base(profile: Profile) -> Result<Config, ConfigError> {
    let mut config = Config::new();
    config.strategy(Strategy::Cranelift).cranelift_opt_level(OptLevel::Speed);
    cpu::target(&mut config).map_err(ConfigError)?;
    // Epochs stop a guest that never returns; one OS thread ticks.
    config.epoch_interruption(true);
    // No component-model async: it costs several µs a call and most of the advisories.
    config.concurrency_support(false);
    config.wasm_component_model(true);
    // Not needed by any of our worlds, and each is a surface of its own.
    config.wasm_memory64(false).wasm_multi_memory(false).wasm_relaxed_simd(false).wasm_tail_call(false);
    // On by default, refused by the compiler's prescan: a host takes no more than what may be published.
    config.wasm_features(WasmFeatures::FUNCTION_REFERENCES, false);
    // Compiled code never reads a stack slot that it has not written, and zeroing what lies beyond the
    // resident part is a decommit for every call: it cost a tenth of the CPU with two threads.
    config.max_wasm_stack(WASM_STACK_BYTES).async_stack_size(FIBER_STACK_BYTES).async_stack_zeroing(false);
    // Data segments are copied in at instantiation, so that a slot suits every component alike. With images, a slot whose
    // last component was another one is mapped anew, under the process's lock: over 300 components in turn a call took
    // 87 µs instead of 52, and a single component gained nothing.
    config.memory_init_cow(false);
    // A trap's text names the guest's functions, not the host's files.
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(8));
    match profile.bounds {
        Bounds::Guards => config.signals_based_traps(true),
        Bounds::Hardened => config.signals_based_traps(false).memory_guard_size(0).memory_may_move(false),
    };
    Ok(config)
}

/// Identifies what precompiled code an engine can run: the wasmtime version,
/// target and CPU flags, tunables. A SHA-256, shown as 64 lowercase hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CompatibilityHash([u8; 32]);

impl CompatibilityHash {
    /// The hash of an engine.
    #[must_use]
    pub fn of(engine: &Engine) -> Self {
        let mut hasher = Sha256Hasher(aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256));
        std::hash::Hash::hash(&engine.precompile_compatibility_hash(), &mut hasher);
        Self(hasher.0.finish().as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    /// The hash of every engine of a profile in this program.
    ///
    /// # Errors
    /// When wasmtime refuses the configuration.
    pub fn of_profile(profile: Profile) -> Result<Self, ConfigError> {
        compile_engine(profile).map(|engine| Self::of(&engine))
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for CompatibilityHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CompatibilityHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CompatibilityHash({self})")
    }
}

/// Feeds `Hash` values to SHA-256: the standard hashers are too short for a key.
struct Sha256Hasher(aws_lc_rs::digest::Context);

impl std::hash::Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        // Only `Hash::hash` is called on this hasher, and it never finishes one.
        u64::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_compiler_of_a_profile_are_compatible_whatever_the_reset() {
        for bounds in [Bounds::Guards, Bounds::Hardened] {
            let profile = Profile { bounds };
            let compiler = CompatibilityHash::of(&compile_engine(profile).unwrap());
            for reset in [MemoryReset::Keep, MemoryReset::Scan] {
                let host = host_engine(profile, reset, PoolSize { instances: 4 }).unwrap();
                assert_eq!(CompatibilityHash::of(&host), compiler, "{profile:?} {reset:?}");
            }
        }
    }

    #[test]
    fn profiles_differ_in_the_hash() {
        let hash = |bounds| CompatibilityHash::of(&compile_engine(Profile { bounds }).unwrap());
        assert_ne!(hash(Bounds::Guards), hash(Bounds::Hardened));
    }

    #[test]
    fn profiles_read_back_by_name() {
        for bounds in [Bounds::Guards, Bounds::Hardened] {
            assert_eq!(Profile::named(Profile { bounds }.name()), Some(Profile { bounds }));
        }
        assert_eq!(Profile::named("fast"), None);
    }
}
