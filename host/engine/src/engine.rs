//! The engine: starts lanes and ticker, loads versions, runs calls.

use std::{sync::Arc, task::Poll, time::Instant};

use extensions_aot::Code;
use extensions_engine_config::{CompatibilityHash, ConfigError, MemoryReset, MissingCpuFeatures, PoolSize, Profile, check_cpu, host_engine};
use extensions_fair::{Lane, Nobody, Payer, RoomSize};
use extensions_types::{Environment, ExtensionDefinition, ToolDescription};
use tokio::sync::oneshot;

use crate::{
    budget::Stop,
    call::{Call, Failure, Outcome},
    extension::{Common, Extension, LoadError},
    fast_lane::{self, Turned},
    figures::{Counters, Dropped, Figures},
    guest::Linkers,
    invocation::Invocation,
    mapped::{Mapped, Start},
    orders::{Given, Orders},
    outcome,
    ready::{Claim, MemoryRoom, ReadyAhead, STARTS_UNTIL_KNOWN, start_of},
    run::Run,
    slice::Sliced,
    slow_lane::{LaneSize, SlowLane},
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
    /// Instances made ready ahead; 0 for none.
    pub ready_instances_max: usize,
    /// Sum of what they hold, in bytes.
    pub ready_memory_bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let io_threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            profile: Profile::default(),
            memory_reset: MemoryReset::default(),
            io_threads,
            slow_calls_max: 128,
            slow_memory_bytes_max: 4 << 30,
            ready_instances_max: 32,
            ready_memory_bytes_max: 64 << 20,
        }
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
    // Before what its threads use.
    slow_lane: SlowLane,
    common: Arc<Common>,
    _ticker: Ticker,
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
        let instances = settings.io_threads + settings.slow_calls_max + settings.ready_instances_max;
        let instances = u32::try_from(instances).unwrap_or(u32::MAX);
        let engine = host_engine(settings.profile, settings.memory_reset, PoolSize { instances })?;
        let size = LaneSize {
            calls_max: settings.slow_calls_max,
            memory_bytes_max: settings.slow_memory_bytes_max,
            idle_threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        };
        let counters = Arc::<Counters>::default();
        let ready = RoomSize { places: settings.ready_instances_max, bytes: settings.ready_memory_bytes_max };
        let ticker = Ticker::start(&engine)?;
        Ok(Self {
            linkers: Linkers::new(&engine).map_err(StartError::Linker)?,
            compatibility: CompatibilityHash::of(&engine),
            memory_reset: settings.memory_reset,
            slow_lane: SlowLane::start(size, Arc::clone(&counters))?,
            common: Arc::new(Common { beat: Arc::clone(ticker.beat()), orders: Given::default(), counters, ready: ReadyAhead::new(ready) }),
            _ticker: ticker,
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
        self.common.orders.obey(orders);
    }

    /// Maps verified code. Takes about a millisecond: not for I/O threads.
    ///
    /// # Errors
    /// When the code is of another engine.
    pub fn map(&self, code: Code) -> Result<Mapped, extensions_aot::LoadError> {
        let start = Start { runs: code.runs_at_start(), data_bytes: code.data_bytes() };
        Ok(Mapped::new(code.load(&self.engine)?, start))
    }

    /// Links mapped code as one extension. Versions of the same component share
    /// its code, whoever owns them.
    ///
    /// # Errors
    /// When the component is of another world or a schema is refused.
    pub fn link(&self, definition: Arc<ExtensionDefinition>, mapped: &Mapped) -> Result<Extension, LoadError> {
        Extension::link(definition, &self.linkers, mapped, &self.common)
    }

    /// Queues, drops and lane times, for operators.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.common.counters.figures(self.slow_lane.calls(), self.common.ready.figures())
    }

    /// Runs one call to its outcome.
    ///
    /// The guest starts on the calling thread, in its tenant's turn, and goes on
    /// in the slow lane if it outlives its slice. Dropping the future stops the
    /// guest at its next tick, and takes a call that waits out of its queue.
    pub async fn invoke(&self, extension: &Arc<Extension>, call: Call) -> Outcome {
        self.prepare_for_next(extension, &call);
        let slow = extension.starts_slow(call.input.len(), call.payer.share());
        let at_once = !slow && fast_lane::is_free();
        let mut sliced = Sliced::new(Invocation::begin(extension, call), !at_once);
        if sliced.came_late() {
            self.common.counters.dropped(if slow { Lane::Slow } else { Lane::Fast }, Dropped::Deadline);
            let failure = outcome::of_stop(Stop::Caller, sliced.limits());
            return sliced.abandon(failure);
        }
        if at_once {
            let polled = sliced.poll_slice(Lane::Fast);
            fast_lane::used(sliced.last_slice());
            if let Poll::Ready(outcome) = polled {
                return outcome;
            }
        } else if !slow {
            match fast_lane::take_turn(sliced, &self.common.counters).await {
                Turned::Ended(outcome) => return outcome,
                Turned::GoesOn(call) => sliced = call,
            }
        }
        self.slow_lane.finish(sliced).await
    }

    /// Gets a version ready for its first call in `env`: its code is in the caches,
    /// and an instance waits where its own start is dear. Never for a call: the
    /// platform pays, whose operators asked for it.
    pub async fn warm(&self, extension: &Arc<Extension>, env: Environment) {
        self.warm_for(&(Arc::new(Nobody) as Arc<dyn Payer>), extension, env).await;
    }

    /// The same at the payer's cost.
    pub(crate) async fn warm_for(&self, payer: &Arc<dyn Payer>, extension: &Arc<Extension>, env: Environment) {
        for _ in 0..=STARTS_UNTIL_KNOWN {
            let claim = self.common.ready.claim(extension, payer.as_ref());
            let is_last = claim.is_some();
            let Ok(started) = self.start_ahead(extension, env, Arc::clone(payer), claim) else { return };
            // Closed only by a lane that ends.
            let _ = started.await;
            if is_last || !extension.runs_at_start() {
                return;
            }
        }
    }

    /// Gives up instances that were made ready and that nobody calls, or all of
    /// them while `memory` is short. To be called about once a second.
    pub fn tend(&self, now: Instant, memory: Option<MemoryRoom>) {
        self.common.ready.tend(now, memory, &self.common.orders);
    }

    /// Makes an instance for the call after this one, where that is worth it.
    fn prepare_for_next(&self, extension: &Arc<Extension>, call: &Call) {
        if let Some(claim) = self.common.ready.claim(extension, call.payer.as_ref())
            && let Some(payer) = call.payer.ahead()
        {
            // The lane may be full: calls go before.
            drop(self.start_ahead(extension, call.context.env, payer, Some(claim)));
        }
    }

    fn start_ahead(
        &self,
        extension: &Arc<Extension>,
        env: Environment,
        payer: Arc<dyn Payer>,
        claim: Option<Claim>,
    ) -> Result<oneshot::Receiver<Outcome>, Box<Outcome>> {
        let call = start_of(&extension.definition, env, payer);
        self.slow_lane.submit(Sliced::start(Invocation::begin(extension, call), claim))
    }

    /// A tool's own description and schemas, under the limits of a call.
    ///
    /// # Errors
    /// When the tool traps, exceeds a limit or is no tool.
    pub async fn describe(&self, extension: &Arc<Extension>, call: Call) -> Result<(ToolDescription, [Vec<u8>; 2]), Failure> {
        let invocation = Invocation::begin(extension, call);
        let mut describing = Box::pin(Run(Arc::clone(&invocation)).describe());
        let described = std::future::poll_fn(|context| {
            let began = Instant::now();
            let running = extension.common.beat.slice(began);
            let polled = invocation.control.metered(began, || describing.as_mut().poll(context)).result;
            drop(running);
            if polled.is_pending() {
                // A slice is over; nothing else shares this runtime while a version is built.
                context.waker().wake_by_ref();
            }
            polled
        });
        let tool = described.await?;
        Ok((ToolDescription { name: tool.name, description: tool.description }, [tool.input_schema, tool.output_schema]))
    }

    #[cfg(test)]
    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.engine
    }

    /// Puts a call into the slow lane, and leaves it there.
    #[cfg(test)]
    pub(crate) fn hand_over(&self, extension: &Arc<Extension>, call: Call) -> Result<oneshot::Receiver<Outcome>, Box<Outcome>> {
        self.slow_lane.submit(Sliced::new(Invocation::begin(extension, call), true))
    }
}
