//! A loaded version: everything that can be prepared before a call.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use extensions_fair::Share;
use extensions_json::{Schema, SchemaError};
use extensions_types::{Abi, ExtensionDefinition, Kind};
use wasmtime::component::InstancePre;

use crate::{
    bindings::{agent_tool::AgentToolIndices, domain_hook::DomainHookIndices, plain::PlainIndices, process_hook::ProcessHookIndices},
    figures::Counters,
    guest::{Guest, Linkers, World},
    history::History,
    mapped::Mapped,
    orders::Given,
    ready::{ReadyAhead, Shelf, StartCost},
    ticker::Beat,
};

/// Larger inputs start in the slow lane: parsing them outlives a slice.
const FAST_INPUT_BYTES_MAX: usize = 64 << 10;
/// Components with more data start in the slow lane: nothing interrupts its copy
/// into a fresh instance, which faults pages in beyond the resident window.
const FAST_DATA_BYTES_MAX: usize = 256 << 10;
/// Guests with more memory start in the slow lane: one bulk instruction over
/// it checks no epoch inside.
const FAST_MEMORY_BYTES_MAX: usize = 64 << 20;
/// Validations that could cost more start in the slow lane.
const FAST_SCHEMA_COST_MAX: u64 = 1 << 20;

/// Why a component cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It imports something else than its world, or lacks its export.
    #[error("the component is not of world {world}")]
    World {
        /// What the definition's kind and ABI ask for.
        world: &'static str,
        /// wasmtime's reason, which names the import or export.
        #[source]
        source: wasmtime::Error,
    },
    /// A schema of the definition does not compile.
    #[error("the definition's {which} schema is refused")]
    Schema {
        /// `input` or `output`.
        which: &'static str,
        /// Why.
        #[source]
        source: SchemaError,
    },
}

/// A version that is ready to run: compiled, linked, its schemas compiled.
pub struct Extension {
    pub(crate) definition: Arc<ExtensionDefinition>,
    pub(crate) instance: InstancePre<Guest>,
    pub(crate) world: World,
    pub(crate) input_schema: Option<Schema>,
    pub(crate) output_schema: Option<Schema>,
    pub(crate) common: Arc<Common>,
    pub(crate) history: History,
    pub(crate) start_cost: StartCost,
    /// Only where the start is dear.
    pub(crate) shelf: OnceLock<Shelf>,
    /// Versions of the component that are loaded later find its code by this one.
    mapped: Mapped,
}

/// What all extensions of an engine share.
pub(crate) struct Common {
    pub(crate) beat: Arc<Beat>,
    pub(crate) orders: Given,
    pub(crate) counters: Arc<Counters>,
    pub(crate) ready: ReadyAhead,
}

impl Extension {
    pub(crate) fn link(definition: Arc<ExtensionDefinition>, linkers: &Linkers, mapped: &Mapped, common: &Arc<Common>) -> Result<Self, LoadError> {
        let world = match definition.abi {
            Abi::Component => definition.kind.world(),
            Abi::Plain => "plain",
        };
        let failed = |source| LoadError::World { world, source };
        let instance = linkers.of(definition.abi).instantiate_pre(mapped.component()).map_err(failed)?;
        let world = exports(&definition, &instance).map_err(failed)?;
        let compile = |which, schema: &Option<serde_json::Value>| {
            schema.as_ref().map(Schema::compile).transpose().map_err(|source| LoadError::Schema { which, source })
        };
        let input_schema = compile("input", &definition.schemas.input)?;
        let output_schema = compile("output", &definition.schemas.output)?;
        Ok(Self {
            definition,
            instance,
            world,
            input_schema,
            output_schema,
            common: Arc::clone(common),
            history: History::new(),
            start_cost: StartCost::new(),
            shelf: OnceLock::new(),
            mapped: mapped.clone(),
        })
    }

    /// What the version is and may do.
    #[must_use]
    pub fn definition(&self) -> &Arc<ExtensionDefinition> {
        &self.definition
    }

    /// Bytes of its component's machine code.
    #[must_use]
    pub fn code_bytes(&self) -> usize {
        self.mapped.bytes()
    }

    /// Whether an instance runs guest code before it is called.
    pub(crate) fn runs_at_start(&self) -> bool {
        self.mapped.start().runs
    }

    /// Whether a call with `input_bytes` of a tenant should not start on an I/O thread.
    pub(crate) fn starts_slow(&self, input_bytes: usize, share: &Share) -> bool {
        let schema_cost = self.input_schema.as_ref().map_or(0, |schema| schema.cost(input_bytes));
        input_bytes > FAST_INPUT_BYTES_MAX
            || self.mapped.start().data_bytes > FAST_DATA_BYTES_MAX
            || self.definition.limits.memory_bytes() > FAST_MEMORY_BYTES_MAX
            || schema_cost > FAST_SCHEMA_COST_MAX
            || self.history.is_usually_long(Instant::now)
            || share.lately_surprised(Instant::now)
    }

    /// Whether checking an answer of this size would outlive a slice.
    pub(crate) fn is_long_to_check(&self, output_bytes: usize) -> bool {
        let schema_cost = self.output_schema.as_ref().map_or(0, |schema| schema.cost(output_bytes));
        output_bytes > FAST_INPUT_BYTES_MAX || schema_cost > FAST_SCHEMA_COST_MAX
    }
}

/// Finds the exports of the definition's world, by type.
fn exports(definition: &ExtensionDefinition, instance: &InstancePre<Guest>) -> wasmtime::Result<World> {
    Ok(match (definition.abi, definition.kind) {
        (Abi::Component, Kind::ProcessHook) => World::ProcessHook(ProcessHookIndices::new(instance)?),
        (Abi::Component, Kind::DomainHook) => World::DomainHook(DomainHookIndices::new(instance)?),
        (Abi::Component, Kind::AgentTool) => World::AgentTool(AgentToolIndices::new(instance)?),
        (Abi::Plain, Kind::ProcessHook | Kind::DomainHook | Kind::AgentTool) => World::Plain(PlainIndices::new(instance)?),
    })
}

impl std::fmt::Debug for Extension {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Extension({}/{}@{})", self.definition.tenant_id, self.definition.id, self.definition.version)
    }
}
