//! The instruction set that code is compiled for: named, never "this machine's".

use wasmtime::Config;

/// The target of every artifact.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// x86-64-v3 beyond the baseline, as Cranelift's settings are called.
/// Source: the x86-64 psABI, "Micro-architecture levels".
const CRANELIFT_FLAGS: [&str; 11] =
    ["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt", "has_avx", "has_avx2", "has_bmi1", "has_bmi2", "has_fma", "has_lzcnt"];

/// The processor lacks parts of the profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this processor lacks {} of x86-64-v3, which all extensions are compiled for; run the host on a newer one", .0.join(", "))]
pub struct MissingCpuFeatures(Vec<&'static str>);

pub(crate) fn target(config: &mut Config) -> wasmtime::Result<()> {
    config.target(TARGET)?;
    for flag in CRANELIFT_FLAGS {
        #[allow(unsafe_code, reason = "wasmtime marks all Cranelift flags unsafe")]
        // SAFETY: the flags only name instructions; `check_cpu` refuses to start a host without them.
        unsafe {
            config.cranelift_flag_enable(flag);
        }
    }
    Ok(())
}

/// Checks that this processor can run what the profile compiles for.
///
/// # Errors
/// Names the missing features.
pub fn check_cpu() -> Result<(), MissingCpuFeatures> {
    macro_rules! missing {
        ($($feature:tt),+) => { [$((std::arch::is_x86_feature_detected!($feature), $feature)),+] };
    }
    let features = missing!("sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "avx", "avx2", "bmi1", "bmi2", "fma", "lzcnt");
    let missing: Vec<_> = features.into_iter().filter_map(|(present, name)| (!present).then_some(name)).collect();
    if missing.is_empty() { Ok(()) } else { Err(MissingCpuFeatures(missing)) }
}
