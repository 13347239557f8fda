//! Modules and components that nobody wrote: wasm-smith makes them of a seed.
//! Each goes the whole way (check, compile child, link, invoke under small
//! limits) and ends under a named code; afterwards nothing of it is left.
//!
//! `SMITH_SEEDS=300..600` runs other seeds than the usual ones.

use std::{collections::BTreeMap, env, ops::Range};

use arbitrary::Unstructured;
use extensions_compiler_core::{Code, Expected, check, embed_world};
use extensions_test_support::{Start, until};
use extensions_types::{Abi, ErrorCode, Kind};
use wasm_smith::{Component, Config, Module};

use crate::{
    smith_steady::steady,
    support::{CHILD, Scene, assert_public},
};

/// What a run takes by itself; each is compiled by a child of its own.
const SEEDS: Range<u64> = 0..160;
/// A module of that many bytes of chance has some ten functions.
const CHANCE_BYTES: usize = 4 << 10;
/// Most loops of chance never end: each costs its CPU limit.
const LIMITS: &str = "[limits]\ncpu_millis = 2\nmemory_mb = 2\ntimeout_ms = 30000\n";
const DECLARED: &str = "risk_tier = \"medium\"\nhost_calls = [\"orders.get\"]\n";

const PLAIN: &str = r#"(module
    (import "env" "host_log" (func (param i32 i32 i32)))
    (import "env" "host_context" (func (result i64)))
    (import "env" "host_call" (func (param i32 i32) (result i64)))
    (memory (export "memory") 1 40)
    (func (export "alloc") (param i32) (result i32) unreachable)
    (func (export "dealloc") (param i32 i32))
    (func (export "run") (param i32 i32) (result i64) unreachable))"#;
const HOOK: &str = r#"(module
    (import "ameide:extensions/logging@1.0.0" "log" (func (param i32 i32 i32)))
    (import "ameide:extensions/context@1.0.0" "current" (func (param i32)))
    (import "ameide:extensions/host-calls@1.0.0" "call" (func (param i32 i32 i32 i32 i32 i32 i32)))
    (memory (export "memory") 1 40)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "run") (param i32 i32 i32 i32) (result i32) unreachable))"#;

/// How a guest of a seed may end.
const ENDS: [ErrorCode; 13] = [
    ErrorCode::Rejected,
    ErrorCode::InvalidInput,
    ErrorCode::GuestFailed,
    ErrorCode::InvalidOutput,
    ErrorCode::Trap,
    ErrorCode::Timeout,
    ErrorCode::CpuLimit,
    ErrorCode::MemoryLimit,
    ErrorCode::OutputLimit,
    ErrorCode::HostCallDenied,
    ErrorCode::HostCallFailed,
    ErrorCode::InputTooLarge,
    ErrorCode::ArtifactCorrupt,
];

fn seeds() -> Range<u64> {
    let Ok(text) = env::var("SMITH_SEEDS") else { return SEEDS };
    let (from, to) = text.split_once("..").expect("SMITH_SEEDS is FROM..TO");
    from.parse().unwrap()..to.parse().unwrap()
}

/// Bytes that depend on the seed alone: splitmix64.
fn chance(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x2545_f491_4f6c_dd1d);
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    (0..CHANCE_BYTES / 8).flat_map(|_| next().to_le_bytes()).collect()
}

/// What hosts run: WebAssembly 2.0 with one small memory.
fn ours() -> Config {
    Config {
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        max_memory32_bytes: 4 << 20,
        max_table_elements: 1_000,
        max_tables: 2,
        ..Config::default()
    }
}

/// A module with exactly these imports and exports.
fn shaped(seed: u64, shape: &str) -> Option<Vec<u8>> {
    let config = Config { module_shape: Some(wat::parse_str(shape).unwrap()), ..ours() };
    Module::new(config, &mut Unstructured::new(&chance(seed))).ok().map(|module| module.to_bytes())
}

fn any_module(seed: u64, config: Config) -> Option<Vec<u8>> {
    Module::new(config, &mut Unstructured::new(&chance(seed))).ok().map(|module| module.to_bytes())
}

fn any_component(seed: u64) -> Option<Vec<u8>> {
    Component::new(ours(), &mut Unstructured::new(&chance(seed))).ok().map(|component| component.to_bytes())
}

/// What the compiler makes of a module; its refusals are named and no fault of its own.
fn component_of(seed: u64, module: &[u8], kind: Option<Kind>) -> Option<Vec<u8>> {
    let report = check(module, Expected { kind, host_calls: true, ..Expected::default() });
    assert_eq!(report.is_servable(), report.findings.is_empty(), "seed {seed}");
    assert!(report.findings.iter().all(|finding| finding.code != Code::Internal), "seed {seed}: {:?}", report.findings);
    report.component
}

/// A host with a few slots, and how often what happened on it.
struct Mill {
    scene: Scene,
    ends: BTreeMap<String, usize>,
}

impl Mill {
    async fn new() -> Self {
        Self { scene: Scene::of(Start::new(CHILD).io_threads(1).slow_calls_max(4)).await, ends: BTreeMap::new() }
    }

    /// Serves it and calls it twice; the second call finds the code loaded.
    async fn grind(&mut self, sort: &str, seed: u64, abi: Abi, component: Vec<u8>) {
        let (platform, id, manifest) = (&self.scene.platform, format!("{sort}-{seed}"), format!("{DECLARED}{LIMITS}"));
        match abi {
            Abi::Component => platform.serve(&self.scene.hostile, &id, Kind::ProcessHook, &manifest, component),
            Abi::Plain => platform.serve_plain(&self.scene.hostile, &id, Kind::ProcessHook, &manifest, component),
        };
        for _ in 0..2 {
            let end = match self.scene.invoke(&id).await {
                Ok(_) => "OK".to_owned(),
                Err(error) => {
                    let code = error.code().unwrap_or_else(|| panic!("{sort} of seed {seed}: {error}"));
                    assert!(ENDS.contains(&code), "{sort} of seed {seed}: {error}");
                    assert_public(&error.to_string());
                    code.to_string()
                }
            };
            *self.ends.entry(end).or_default() += 1;
        }
        if seed.is_multiple_of(8) {
            self.scene.others_are_unharmed(&format!("{sort} of seed {seed}")).await;
        }
    }

    /// Nothing is left of any call, and every slot can be had.
    async fn is_empty_again(&self) {
        let engine = self.scene.platform.engine();
        until(|| engine.slow_calls() == 0 && engine.instances() == 0).await;
        self.scene.others_are_unharmed("all seeds").await;
    }

    fn count(&self, end: &str) -> usize {
        self.ends.get(end).copied().unwrap_or(0)
    }
}

#[tokio::test]
async fn plain_modules_of_chance_end_under_a_name() {
    let mut mill = Mill::new().await;
    for seed in seeds() {
        let Some(module) = shaped(seed, PLAIN) else { continue };
        // As it came, and with an allocator that lets it begin.
        for (sort, module) in [("plain", module.clone()), ("steady-plain", steady(&module, "alloc"))] {
            if let Some(component) = component_of(seed, &module, None) {
                mill.grind(sort, seed, Abi::Plain, component).await;
            }
        }
    }
    mill.is_empty_again().await;
    assert!(mill.count("TRAP") > 0 && mill.count("CPU_LIMIT") > 0, "they hardly ran: {:?}", mill.ends);
}

#[tokio::test]
async fn process_hooks_of_chance_end_under_a_name() {
    let mut mill = Mill::new().await;
    for seed in seeds() {
        let Some(module) = shaped(seed, HOOK) else { continue };
        let module = embed_world(steady(&module, "cabi_realloc"), Kind::ProcessHook);
        if let Some(component) = component_of(seed, &module, Some(Kind::ProcessHook)) {
            mill.grind("hook", seed, Abi::Component, component).await;
        }
    }
    mill.is_empty_again().await;
    assert!(mill.count("TRAP") > 0 && mill.count("INVALID_OUTPUT") + mill.count("OK") > 0, "they hardly ran: {:?}", mill.ends);
}

/// No world of ours: the compiler refuses them, and a host that is given them all the same does, too.
#[tokio::test]
async fn what_has_no_world_is_refused_by_both() {
    let mut mill = Mill::new().await;
    for seed in seeds() {
        for bytes in [any_module(seed, ours()), any_module(seed, Config::default()), any_component(seed)].into_iter().flatten() {
            assert!(component_of(seed, &bytes, None).is_none(), "seed {seed} is served");
            mill.grind("any", seed, Abi::Component, bytes).await;
        }
    }
    mill.is_empty_again().await;
    assert_eq!(mill.ends.keys().collect::<Vec<_>>(), ["ARTIFACT_CORRUPT"], "{:?}", mill.ends);
}
