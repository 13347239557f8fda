//! The fastest way we know to run a guest once: a bare wasmtime loop.
//!
//! The product's own engine configuration, a cached `InstancePre`, a fresh
//! store and instance for each call, on a fiber; no limits, no accounting.

use wasmtime::{
    Engine, Store,
    component::{Component, HasSelf, Linker},
};

mod bindings {
    #![allow(missing_docs, unreachable_pub, missing_debug_implementations, reason = "generated from wit/")]
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "domain-hook",
        exports: { default: async },
    });
}

use bindings::{
    DomainHook, DomainHookPre,
    ameide::extensions::{context, host_calls, logging, trap_message, types},
};

/// A guest that is asked for nothing but its answer.
#[derive(Debug)]
struct Nothing;

impl types::Host for Nothing {}

impl logging::Host for Nothing {
    fn log(&mut self, _: logging::Level, _: String) {}
}

impl trap_message::Host for Nothing {
    fn append(&mut self, _: u64) {}
}

impl host_calls::Host for Nothing {
    fn call(&mut self, _: String, _: String, _: Vec<u8>) -> Result<Vec<u8>, host_calls::CallError> {
        Err(host_calls::CallError::BudgetExhausted)
    }
}

impl context::Host for Nothing {
    fn current(&mut self) -> context::ExecutionContext {
        context::ExecutionContext {
            tenant_id: String::new(),
            org_id: String::new(),
            user_id: String::new(),
            actor_type: context::ActorType::System,
            session_id: String::new(),
            correlation_id: String::new(),
            env: String::new(),
            risk_tier: context::RiskTier::Low,
            extension_id: String::new(),
            version: 1,
            hook_point: String::new(),
            deadline_ms: 0,
        }
    }
}

/// One guest, ready to run.
pub(crate) struct Floor {
    engine: Engine,
    guest: DomainHookPre<Nothing>,
}

impl Floor {
    pub(crate) fn new(engine: Engine, component: &[u8]) -> wasmtime::Result<Self> {
        let component = Component::new(&engine, component)?;
        component.initialize_copy_on_write_image()?;
        let mut linker = Linker::new(&engine);
        DomainHook::add_to_linker::<_, HasSelf<Nothing>>(&mut linker, |nothing| nothing)?;
        let guest = DomainHookPre::new(linker.instantiate_pre(&component)?)?;
        Ok(Self { engine, guest })
    }

    /// The length of the guest's answer.
    pub(crate) async fn call(&self, point: &str, input: &[u8]) -> anyhow::Result<usize> {
        self.run(point, input).await.map_err(|error| anyhow::anyhow!("the floor's guest failed: {error:#}"))
    }

    async fn run(&self, point: &str, input: &[u8]) -> wasmtime::Result<usize> {
        let mut store = Store::new(&self.engine, Nothing);
        // Nobody ticks, so this is never reached.
        store.set_epoch_deadline(1 << 40);
        let guest = self.guest.instantiate_async(&mut store).await?;
        let verdict = guest.call_evaluate(&mut store, point, input).await?;
        let verdict = verdict.map_err(|error| wasmtime::Error::msg(format!("{error:?}")))?;
        Ok(verdict.derived_fields.len())
    }
}
