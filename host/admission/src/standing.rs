//! What each call of a version needs, kept with the version: whether it may
//! answer under the rules in force, and the gate that its calls enter by.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use extensions_catalog::ServedVersion;
use extensions_quota::{Asked, Gate, NoPass, Permit};
use extensions_types::{ExtensionDefinition, Refusal};

use crate::{
    Admission,
    refusals::{over_quota, switched_off},
    underway::{Stopped, Underway},
};

/// The gate of a version that no switch covers, made under the rules that it names.
#[derive(Debug, Default)]
struct Standing(ArcSwapOption<Gate>);

impl Admission {
    /// Switches, and the gate of the version under the rules in force.
    pub(crate) fn gate(&self, call: &Underway<'_>, version: &ServedVersion) -> Result<Arc<Gate>, Refusal> {
        self.check_local_switches(&version.definition)?;
        let (env, control) = (call.context().env, self.control_of(call));
        let standing = version.kept(Standing::default);
        let known = standing.and_then(|standing| standing.0.load_full()).filter(|gate| gate.is_under(env, control));
        if let Some(gate) = known {
            return Ok(gate);
        }
        self.check_switches(call, version)?;
        let gate = Arc::new(self.new_gate(call, version, control));
        if let Some(standing) = standing {
            standing.0.store(Some(Arc::clone(&gate)));
        }
        Ok(gate)
    }

    /// Takes the version's quota through its gate.
    pub(crate) fn pass(&self, call: &Underway<'_>, version: &ServedVersion, gate: &mut Arc<Gate>) -> Result<Permit, Stopped> {
        loop {
            match self.quotas.pass(gate, call.accepted) {
                Ok(permit) => return Ok(permit),
                Err(NoPass::Over(over)) => return Err(over_quota(&over)),
                // Nobody called for long, or the version was another host's before.
                Err(NoPass::Stale) => {
                    *gate = Arc::new(self.new_gate(call, version, self.control_of(call)));
                    if let Some(standing) = version.kept(Standing::default) {
                        standing.0.store(Some(Arc::clone(gate)));
                    }
                }
            }
        }
    }

    /// Whether the version may still answer that had this gate a while ago.
    pub(crate) fn check_again(&self, call: &Underway<'_>, version: &ServedVersion, gate: &Gate) -> Result<(), Refusal> {
        if gate.is_under(call.context().env, self.control_of(call)) {
            return self.check_local_switches(&version.definition);
        }
        self.check_switches(call, version)
    }

    fn check_switches(&self, call: &Underway<'_>, version: &ServedVersion) -> Result<(), Refusal> {
        self.switches.forced_off(call.context().env, &version.definition).map_or(Ok(()), |off| Err(switched_off(off)))
    }

    fn check_local_switches(&self, definition: &ExtensionDefinition) -> Result<(), Refusal> {
        self.switches.local.forced_off(definition).map_or(Ok(()), |off| Err(switched_off(off)))
    }

    /// The rules in force, as a number; read before anything that they say.
    fn control_of(&self, call: &Underway<'_>) -> u64 {
        self.catalogs().get(call.context().env).map_or(0, |catalog| catalog.control())
    }

    /// Whoever resolved a version of the environment knows its catalog.
    fn new_gate(&self, call: &Underway<'_>, version: &ServedVersion, control: u64) -> Gate {
        let (context, definition) = (&**call.context(), &*version.definition);
        let allowance = self.catalogs().get(context.env).map(|catalog| catalog.allowance(&context.tenant, &definition.id)).unwrap_or_default();
        let asked = Asked {
            env: context.env,
            tenant: &context.tenant,
            extension: &definition.id,
            limits: allowance.quota,
            weight: allowance.weight,
            memory_bytes: definition.limits.memory_bytes() as u64,
            now: call.accepted,
        };
        self.quotas.gate(&asked, control)
    }
}
