//! What a guest sees of the host: the store's data and the imported interfaces.

use std::{sync::Arc, time::Instant};

use extensions_types::{Abi, ActorType, CallLabel, ExtensionDefinition, HostCallName, Limits, RiskTier};
use wasmtime::component::{HasSelf, Linker};

use crate::{
    bindings::{
        agent_tool::AgentToolIndices,
        context,
        domain_hook::DomainHookIndices,
        host_calls, logging,
        plain::{Plain, PlainIndices},
        process_hook::{ProcessHook, ProcessHookIndices},
        trap_message, types,
    },
    call::LogLevel,
    host_calls::HostCallError,
    invocation::Invocation,
    logs::Logs,
    memory::MemoryLimiter,
};

/// Host calls of one invocation; tiers allow fewer once they are granted.
const HOST_CALLS_MAX: u32 = 64;

/// The data of one store: one invocation's, never used again.
pub(crate) struct Guest {
    /// None only while its instance is ready and waits for its call: nothing of the guest runs then.
    invocation: Option<Arc<Invocation>>,
    pub(crate) memory: MemoryLimiter,
    pub(crate) logs: Logs,
    pub(crate) calls: CallRecord,
    /// Whether guest code runs on a fiber, so that a slice may end within it.
    pub(crate) on_fiber: bool,
    /// Whether it has asked who calls.
    pub(crate) knows_caller: bool,
}

/// The host calls of one invocation, as far as its outcome depends on them.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct CallRecord {
    pub(crate) made: u32,
    pub(crate) denied: bool,
    pub(crate) failed: bool,
    /// Whether one may have done something.
    pub(crate) issued: bool,
}

impl Guest {
    pub(crate) fn new(invocation: Arc<Invocation>) -> Self {
        let memory = MemoryLimiter::new(invocation.extension.definition.limits.memory_bytes());
        let (logs, calls) = (Logs::default(), CallRecord::default());
        Self { invocation: Some(invocation), memory, logs, calls, on_fiber: false, knows_caller: false }
    }

    /// Whether nothing that it did so far depended on its invocation or was seen outside.
    pub(crate) fn is_of_no_call(&self) -> bool {
        !self.knows_caller && self.calls.made == 0 && self.logs.is_empty()
    }

    /// Its start is over, and its call is not there yet.
    pub(crate) fn wait(&mut self) {
        self.invocation = None;
    }

    /// Its call is there.
    pub(crate) fn go_on(&mut self, invocation: Arc<Invocation>) {
        self.invocation = Some(invocation);
    }

    pub(crate) fn invocation(&self) -> &Arc<Invocation> {
        self.invocation.as_ref().expect("a guest runs in an invocation")
    }

    pub(crate) fn correlation(&self) -> &CallLabel {
        &self.invocation().call.context.correlation
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.definition().limits
    }

    pub(crate) fn definition(&self) -> &ExtensionDefinition {
        &self.invocation().extension.definition
    }

    /// Milliseconds until the call is ended.
    pub(crate) fn deadline_ms(&self) -> u32 {
        let end = self.invocation().control.budget.end().0;
        let left = end.saturating_duration_since(Instant::now()).as_millis();
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// Counts one host call, if there is one left.
    fn count_call(&mut self) -> Result<(), host_calls::CallError> {
        if self.calls.made >= HOST_CALLS_MAX {
            return Err(host_calls::CallError::BudgetExhausted);
        }
        self.calls.made += 1;
        Ok(())
    }

    /// A host call that says nothing sensible costs what another costs.
    pub(crate) fn unreadable_call(&mut self, why: String) -> Result<Vec<u8>, host_calls::CallError> {
        self.count_call()?;
        Err(host_calls::CallError::Failed(why))
    }

    pub(crate) fn answer(&mut self, service: &str, method: &str, request: &[u8]) -> Result<Vec<u8>, host_calls::CallError> {
        self.count_call()?;
        let declared = HostCallName::of(service, method).ok().filter(|name| self.definition().host_calls.contains(name));
        let answer = match declared {
            None => Err(HostCallError::Denied("the definition does not declare this call".to_owned())),
            Some(name) => {
                let began = Instant::now();
                let answer = self.invocation().call.host_calls.call(&name, request);
                self.invocation().control.called(began.elapsed());
                answer
            }
        };
        self.calls.issued |= !matches!(answer, Err(HostCallError::Denied(_)));
        answer.map_err(|error| match error {
            HostCallError::Denied(why) => {
                self.calls.denied = true;
                host_calls::CallError::Denied(why)
            }
            HostCallError::NotFound(what) => host_calls::CallError::NotFound(what),
            HostCallError::Failed(why) => {
                self.calls.failed = true;
                host_calls::CallError::Failed(why)
            }
        })
    }
}

impl types::Host for Guest {}

impl context::Host for Guest {
    fn current(&mut self) -> context::ExecutionContext {
        self.knows_caller = true;
        let (caller, definition) = (&self.invocation().call.context, self.definition());
        let text = |label: &Option<extensions_types::CallLabel>| label.as_ref().map(ToString::to_string).unwrap_or_default();
        context::ExecutionContext {
            tenant_id: caller.tenant.to_string(),
            org_id: text(&caller.org),
            user_id: caller.user.to_string(),
            actor_type: match caller.actor_type {
                ActorType::User => context::ActorType::User,
                ActorType::Agent => context::ActorType::Agent,
                ActorType::System => context::ActorType::System,
            },
            session_id: text(&caller.session),
            correlation_id: caller.correlation.to_string(),
            env: caller.env.to_string(),
            risk_tier: match definition.risk_tier {
                RiskTier::Low => context::RiskTier::Low,
                RiskTier::Medium => context::RiskTier::Medium,
                RiskTier::High => context::RiskTier::High,
            },
            extension_id: definition.id.to_string(),
            version: definition.version.get(),
            hook_point: text(&caller.hook_point),
            deadline_ms: self.deadline_ms(),
        }
    }
}

impl logging::Host for Guest {
    fn log(&mut self, level: logging::Level, message: String) {
        let level = match level {
            logging::Level::Trace => LogLevel::Trace,
            logging::Level::Debug => LogLevel::Debug,
            logging::Level::Info => LogLevel::Info,
            logging::Level::Warn => LogLevel::Warn,
            logging::Level::Error => LogLevel::Error,
        };
        self.logs.push(level, message);
    }
}

impl trap_message::Host for Guest {
    fn append(&mut self, text: u64) {
        self.logs.leave(text);
    }
}

impl host_calls::Host for Guest {
    fn call(&mut self, service: String, method: String, request: Vec<u8>) -> Result<Vec<u8>, host_calls::CallError> {
        self.answer(&service, &method, &request)
    }
}

/// What components are linked with: our interfaces, and nothing of WASI.
pub(crate) struct Linkers {
    /// For the worlds of the kinds.
    kinds: Linker<Guest>,
    /// For world `plain`.
    plain: Linker<Guest>,
}

impl Linkers {
    pub(crate) fn new(engine: &wasmtime::Engine) -> wasmtime::Result<Self> {
        let [mut kinds, mut plain] = [Linker::new(engine), Linker::new(engine)];
        // The worlds of the kinds share their imports; one of them defines all.
        ProcessHook::add_to_linker::<_, HasSelf<Guest>>(&mut kinds, |guest| guest)?;
        Plain::add_to_linker::<_, HasSelf<Guest>>(&mut plain, |guest| guest)?;
        Ok(Self { kinds, plain })
    }

    pub(crate) fn of(&self, abi: Abi) -> &Linker<Guest> {
        match abi {
            Abi::Component => &self.kinds,
            Abi::Plain => &self.plain,
        }
    }
}

/// A component's exports, looked up once for each version.
pub(crate) enum World {
    ProcessHook(ProcessHookIndices),
    DomainHook(DomainHookIndices),
    AgentTool(AgentToolIndices),
    /// Of any kind.
    Plain(PlainIndices),
}
