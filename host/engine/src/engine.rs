//! The engine: starts lanes and ticker, loads versions, runs calls.

use std::{sync::Arc, task::Poll, time::Instant};

use extensions_aot::Code;
use extensions_engine_config::{CompatibilityHash, ConfigError, MemoryReset, MissingCpuFeatures, PoolSize, Profile, check_cpu, host_engine};
use extensions_types::{ErrorCode, ExtensionDefinition, ToolDescription};

use crate::{
    budget::Stop,
    call::{Call, Failure, Outcome, Stats},
    control::Control,
    extension::{Extension, LoadError},
    guest::Linkers,
    invocation::Invocation,
    mapped::Mapped,
    orders::{Given, Orders},
    outcome,
    run::Run,
    slice::Sliced,
    slow_lane::{LaneSize, SlowLane, until},
    swap,
    ticker::Ticker,
};

/// How an engine is set up.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Which code it runs.
    pub profile: Profile,
    /// How slots are reset.
    pub memory_reset: MemoryReset,
    /// Threads that call [`Engine::invoke`] at once: each may hold one fresh
    /// instance in the fast lane.
    pub io_threads: usize,
    /// Calls in the slow lane, running or waiting.
    pub slow_calls_max: usize,
    /// Sum of the memory limits of those calls, in bytes.
    pub slow_memory_bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let io_threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { profile: Profile::default(), memory_reset: MemoryReset::default(), io_threads, slow_calls_max: 128, slow_memory_bytes_max: 4 << 30 }
    }
}

/// Why an engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The processor is too old.
    #[error(transparent)]
    Cpu(#[from] MissingCpuFeatures),
    /// Swapped pages would leak between tenants.
    #[error("memory_reset scan needs swap to be impossible; turn swap off or set memory.swap.max to 0, or use memory_reset keep")]
    Swap,
    /// wasmtime refuses.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The imports cannot be linked.
    #[error("the worlds' imports cannot be linked")]
    Linker(#[source] wasmtime::Error),
    /// No thread for the lanes or the ticker.
    #[error("cannot start the engine's threads")]
    Threads(#[from] std::io::Error),
}

/// Runs extensions. One for each process.
pub struct Engine {
    engine: wasmtime::Engine,
    linkers: Linkers,
    compatibility: CompatibilityHash,
    memory_reset: MemoryReset,
    slow_lane: SlowLane,
    orders: Given,
    ticker: Ticker,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("compatibility", &self.compatibility).finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts the engine's threads; they end when it is dropped.
    ///
    /// # Errors
    /// When this machine cannot run the profile or the settings are unsafe on it.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        check_cpu()?;
        if settings.memory_reset == MemoryReset::Scan && swap::possible() {
            return Err(StartError::Swap);
        }
        let instances = u32::try_from(settings.io_threads + settings.slow_calls_max).unwrap_or(u32::MAX);
        let engine = host_engine(settings.profile, settings.memory_reset, PoolSize { instances })?;
        let size = LaneSize {
            calls_max: settings.slow_calls_max,
            memory_bytes_max: settings.slow_memory_bytes_max,
            idle_threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        };
        Ok(Self {
            linkers: Linkers::new(&engine).map_err(StartError::Linker)?,
            compatibility: CompatibilityHash::of(&engine),
            memory_reset: settings.memory_reset,
            slow_lane: SlowLane::start(size)?,
            orders: Given::default(),
            ticker: Ticker::start(&engine)?,
            engine,
        })
    }

    /// Names the precompiled code that this engine can run.
    #[must_use]
    pub fn compatibility(&self) -> &CompatibilityHash {
        &self.compatibility
    }

    /// How slots are reset.
    #[must_use]
    pub fn memory_reset(&self) -> MemoryReset {
        self.memory_reset
    }

    /// Calls in the slow lane now.
    #[must_use]
    pub fn slow_calls(&self) -> usize {
        self.slow_lane.calls()
    }

    /// Instances that have a slot of the pool now, running or not: 0 when nothing runs.
    #[must_use]
    pub fn instances(&self) -> u64 {
        self.engine.pooling_allocator_metrics().map_or(0, |pool| pool.component_instances())
    }

    /// Asks `orders` from now on whether calls that waited may begin and those
    /// that run go on. The first giver of orders stays.
    pub fn obey(&self, orders: Arc<dyn Orders>) {
        self.orders.obey(orders);
    }

    /// Maps verified code. Takes about a millisecond: not for I/O threads.
    ///
    /// # Errors
    /// When the code is of another engine.
    pub fn map(&self, code: Code) -> Result<Mapped, extensions_aot::LoadError> {
        let runs_at_start = code.runs_at_start();
        Ok(Mapped::new(code.load(&self.engine)?, runs_at_start))
    }

    /// Links mapped code as one extension. Versions of the same component share
    /// its code and memory image, whoever owns them.
    ///
    /// # Errors
    /// When the component is of another world or a schema is refused.
    pub fn link(&self, definition: Arc<ExtensionDefinition>, mapped: &Mapped) -> Result<Extension, LoadError> {
        Extension::link(definition, &self.linkers, mapped, Arc::clone(self.ticker.beat()), self.orders.clone())
    }

    /// Runs one call to its outcome.
    ///
    /// The guest starts on the calling thread and goes on in the slow lane if
    /// it outlives its slice. Dropping the future stops the guest at its next tick.
    pub async fn invoke(&self, extension: &Arc<Extension>, call: Call) -> Outcome {
        let slow = extension.starts_slow(call.input.len());
        let mut sliced = Sliced::new(Invocation::begin(extension, call), slow);
        if !slow && let Poll::Ready(outcome) = sliced.poll_slice() {
            return outcome;
        }
        self.go_on_slowly(sliced).await
    }

    /// A tool's own description and schemas, under the limits of a call.
    ///
    /// # Errors
    /// When the tool traps, exceeds a limit or is no tool.
    pub async fn describe(&self, extension: &Arc<Extension>, call: Call) -> Result<(ToolDescription, [Vec<u8>; 2]), Failure> {
        let invocation = Invocation::begin(extension, call);
        let mut describing = Box::pin(Run(Arc::clone(&invocation)).describe());
        let described = std::future::poll_fn(|context| {
            extension.beat.feel();
            let polled = invocation.control.metered(Instant::now(), || describing.as_mut().poll(context)).result;
            if polled.is_pending() {
                // A slice is over; nothing else shares this runtime while a version is built.
                context.waker().wake_by_ref();
            }
            polled
        });
        let tool = described.await?;
        Ok((ToolDescription { name: tool.name, description: tool.description }, [tool.input_schema, tool.output_schema]))
    }

    async fn go_on_slowly(&self, call: Sliced) -> Outcome {
        let invocation = Arc::clone(&call.invocation);
        let Invocation { control, .. } = &*invocation;
        let waiting = match self.slow_lane.submit(call) {
            Ok(waiting) => waiting,
            Err(full) => return full.0.abandon(Failure::new(ErrorCode::Overloaded, "this host has no room for long calls now; try again")),
        };
        let guard = GiveUp(control);
        let (end, which) = control.budget.end();
        let outcome = tokio::time::timeout(until(end) + ANSWER_GRACE, waiting).await;
        match outcome {
            Ok(Ok(outcome)) => {
                std::mem::forget(guard);
                outcome
            }
            // The lane closed with the call in it; it has been observed there.
            Ok(Err(_)) => Outcome::failed(Failure::new(ErrorCode::Unavailable, "the host is stopping")),
            // The lane is too busy to stop the guest in time; the caller is answered in time all the same.
            Err(_) => early(which, &invocation),
        }
    }
}

/// A guest that runs stops itself at its end within a tick or two; only one
/// that waits for its turn is answered for.
const ANSWER_GRACE: std::time::Duration = std::time::Duration::from_millis(5);

fn early(which: Stop, invocation: &Invocation) -> Outcome {
    let Invocation { extension, call, control, .. } = invocation;
    let stats = control.stats(call.accepted, Instant::now(), Stats::default());
    if which == Stop::Wall && stats.cpu.is_zero() {
        // It never had a turn: that is the host's want of room, not the extension's slowness.
        return Outcome::failed(Failure::new(ErrorCode::Overloaded, "this host had no time for the call; try again"));
    }
    // It runs on for a moment, and what it calls meanwhile is not known here.
    let issued = !extension.definition.host_calls.is_empty();
    Outcome { stats, issued, ..Outcome::failed(outcome::of_stop(which, &extension.definition.limits)) }
}

/// Tells the guest that nobody waits for it, unless it has ended.
struct GiveUp<'c>(&'c Control);

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        self.0.caller_gave_up();
    }
}
