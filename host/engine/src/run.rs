//! One invocation from fresh store to outcome. Knows nothing of lanes: it
//! yields at slices and is polled on by whoever holds it.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use extensions_json::{Schema, Violation};
use extensions_types::ErrorCode;
use wasmtime::{Store, StoreContextMut, UpdateDeadline, component::Instance};

use crate::{
    bindings::types::ToolDescription,
    budget::{Stop, Turn},
    call::{Failure, Outcome, Stats},
    guest::{Guest, World},
    invocation::Invocation,
    outcome::{self, Stopped},
    plain,
    ready::{Claim, Ready},
    yielded::yield_once,
};

/// Host vectors of one copy beyond the output limit: messages and log lines
/// have their own bounds.
const COPY_SLACK_BYTES: usize = 128 << 10;

/// The way of one invocation; owned, since it may change threads.
pub(crate) struct Run(pub(crate) Arc<Invocation>);

impl Run {
    /// Runs to the end. Times are filled in by who holds it.
    pub(crate) async fn finish(self) -> Outcome {
        if let Err(failure) = self.check_input() {
            return Outcome::failed(failure);
        }
        let (mut store, instance) = self.instance().await;
        let result = match instance {
            Ok(instance) => self.invoke(&mut store, &instance).await,
            Err(error) => Err(error),
        };
        let result = result.unwrap_or_else(|error| Err(outcome::of_error(&error, store.data())));
        let result = result.and_then(|output| {
            check(self.0.extension.output_schema.as_ref(), &output, ErrorCode::InvalidOutput)?;
            Ok(output)
        });
        let guest = store.into_data();
        let stats = Stats { memory_peak_bytes: guest.memory.peak() as u64, host_calls: guest.calls.made, ..Stats::default() };
        let (logs, logs_dropped) = guest.logs.finish();
        Outcome { result, stats, logs, logs_dropped, issued: guest.calls.issued }
    }

    /// Here and not at admission: large inputs are checked off the I/O threads, and at the extension's cost.
    fn check_input(&self) -> Result<(), Failure> {
        let Invocation { extension, call, .. } = &*self.0;
        extensions_json::check(&call.input).map_err(|error| Failure::new(ErrorCode::BadRequest, format!("the input is not JSON: {error}")))?;
        check(extension.input_schema.as_ref(), &call.input, ErrorCode::InvalidInput)
    }

    /// Asks a tool to describe itself; for building a version, never for a call.
    pub(crate) async fn describe(self) -> Result<ToolDescription, Failure> {
        let mut store = self.store();
        let described = match &self.0.extension.world {
            World::AgentTool(world) => match self.instantiate(&mut store).await.and_then(|instance| world.load(&mut store, &instance)) {
                Ok(tool) => tool.call_describe(&mut store).await,
                Err(error) => Err(error),
            },
            World::ProcessHook(_) | World::DomainHook(_) | World::Plain(_) => {
                return Err(Failure::new(ErrorCode::BadRequest, "only an agent_tool of its own world describes itself"));
            }
        };
        described.map_err(|error| outcome::of_error(&error, store.data()))
    }

    fn store(&self) -> Store<Guest> {
        let extension = &self.0.extension;
        let copy_bytes = extension.definition.limits.output_bytes as usize + COPY_SLACK_BYTES;
        let mut store = Store::new(extension.instance.engine(), Guest::new(Arc::clone(&self.0)));
        store.limiter(|guest| &mut guest.memory);
        store.set_hostcall_fuel(copy_bytes);
        store.set_max_component_handles(0);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(at_tick);
        store
    }

    /// Runs the start alone, and keeps what it leaves behind for the extension's
    /// next call if there is a claim to a place for it.
    pub(crate) async fn start(self, claim: Option<Claim>) -> Outcome {
        let Invocation { extension, call, control, .. } = &*self.0;
        let mut store = self.store();
        match self.instantiate(&mut store).await {
            Ok(instance) => {
                if let Some(claim) = claim.filter(|_| store.data().is_of_no_call()) {
                    store.data_mut().wait();
                    let (cpu, env, made) = (control.cpu_now(), call.context.env, Instant::now());
                    extension.common.ready.put(extension, Ready { store, instance, cpu, env, made, _claim: claim });
                }
                Outcome::of(Ok(Bytes::new()))
            }
            Err(error) => Outcome::failed(outcome::of_error(&error, store.data())),
        }
    }

    /// An instance that was made ready ahead, or a fresh one.
    async fn instance(&self) -> (Store<Guest>, wasmtime::Result<Instance>) {
        let Invocation { extension, call, control, .. } = &*self.0;
        if let Some(ready) = extension.common.ready.take(extension, call.context.env) {
            let Ready { mut store, instance, cpu, .. } = *ready;
            store.data_mut().go_on(Arc::clone(&self.0));
            store.set_epoch_deadline(1);
            control.started_ahead(cpu);
            return (store, Ok(instance));
        }
        let mut store = self.store();
        let instance = self.instantiate(&mut store).await;
        (store, instance)
    }

    /// A fresh instance. Where no start function runs, it needs no fiber: what
    /// is left is filling tables and memory, which the component's size bounds.
    async fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<Instance> {
        let Invocation { extension, control, .. } = &*self.0;
        let from = control.running();
        let instance = if extension.runs_at_start() {
            store.data_mut().on_fiber = true;
            extension.instance.instantiate_async(&mut *store).await
        } else {
            extension.instance.instantiate(&mut *store)
        };
        store.data_mut().on_fiber = true;
        let took = control.instantiated(from);
        if extension.runs_at_start() && instance.is_ok() {
            extension.start_cost.took(took, store.data().memory.peak());
            if !store.data().is_of_no_call() {
                extension.start_cost.depends_on_the_call();
            }
        }
        instance
    }

    /// Large answers are checked off the I/O threads, as large inputs are.
    async fn make_way(&self, output_bytes: usize) {
        if self.0.extension.is_long_to_check(output_bytes) {
            yield_once().await;
        }
    }

    /// The outer error ends the guest; the inner one is the guest's own.
    async fn invoke(&self, store: &mut Store<Guest>, instance: &Instance) -> wasmtime::Result<Result<Bytes, Failure>> {
        let Invocation { extension, call, .. } = &*self.0;
        let point = call.context.hook_point.as_ref().map_or("", |point| point.as_str());
        match &extension.world {
            World::ProcessHook(world) => {
                let hook = world.load(&mut *store, instance)?;
                let answer = hook.call_run(&mut *store, point, &call.input).await?;
                self.make_way(answer.as_ref().map_or(0, Vec::len)).await;
                Ok(outcome::of_json(answer, true, store.data()))
            }
            World::DomainHook(world) => {
                let hook = world.load(&mut *store, instance)?;
                let answer = hook.call_evaluate(&mut *store, point, &call.input).await?;
                self.make_way(answer.as_ref().map_or(0, |verdict| verdict.derived_fields.len())).await;
                Ok(outcome::of_verdict(answer, store.data()))
            }
            World::AgentTool(world) => {
                let tool = world.load(&mut *store, instance)?;
                let answer = tool.call_call(&mut *store, &call.input).await?;
                self.make_way(answer.as_ref().map_or(0, Vec::len)).await;
                Ok(outcome::of_json(answer, false, store.data()))
            }
            World::Plain(world) => {
                let module = world.load(&mut *store, instance)?;
                let kind = extension.definition.kind;
                let answer = module.call_run(&mut *store, &plain::input(kind, point, &call.input)).await?;
                self.make_way(answer.len()).await;
                Ok(plain::outcome(kind, answer, store.data()))
            }
        }
    }
}

/// Called by the running guest when the epoch has ticked.
fn at_tick(store: StoreContextMut<'_, Guest>) -> wasmtime::Result<UpdateDeadline> {
    let guest = store.data();
    let Invocation { extension, control, .. } = &**guest.invocation();
    if extension.common.orders.abort(guest.invocation()) {
        return Err(Stopped(Stop::Operators).into());
    }
    match control.turn() {
        // Filling tables is compiled code too, and checks the epoch; off a fiber it cannot yield.
        Turn::Yield if !guest.on_fiber => Ok(UpdateDeadline::Continue(1)),
        // A deadline of 0 ticks asks again as soon as the guest goes on: its
        // time may have run out while it waited.
        Turn::Yield => Ok(UpdateDeadline::YieldCustom(0, Box::pin(yield_once()))),
        Turn::GoOn => Ok(UpdateDeadline::Continue(1)),
        Turn::Stop(stop) => Err(Stopped(stop).into()),
    }
}

fn check(schema: Option<&Schema>, text: &[u8], code: ErrorCode) -> Result<(), Failure> {
    let Some(schema) = schema else { return Ok(()) };
    schema.validate(text).map_err(|violation| match violation {
        Violation::Mismatch(why) => Failure::new(code, format!("does not match the schema: {why}")),
        Violation::TooCostly { .. } if code == ErrorCode::InvalidInput => Failure::new(ErrorCode::InputTooLarge, violation.to_string()),
        Violation::TooCostly { .. } => Failure::new(ErrorCode::OutputLimit, violation.to_string()),
    })
}
