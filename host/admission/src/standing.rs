//! What each call of a version needs, kept with the version: whether it may
//! answer under the rules in force, the gate that its calls enter by, and where
//! it is loaded.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use extensions_catalog::ServedVersion;
use extensions_engine::Extension;
use extensions_modules::NotLoaded;
use extensions_quota::{Asked, Gate, NoPass, Permit};
use extensions_types::{ExtensionDefinition, Refusal};

use crate::{
    Admission,
    refusals::{over_quota, switched_off},
    underway::{Stopped, Underway},
};

/// The module cache learns of a version's use this often, and of each use of one
/// that is called more seldom: enough to tell the busy ones from the others,
/// without a look into a table that all threads share for each call.
const NOTE_EACH: Duration = Duration::from_millis(100);

/// Where the standing of a version is kept.
#[derive(Debug, Default)]
struct Seat(ArcSwapOption<Standing>);

/// What holds for a version that no switch covers, under the rules that its gate names.
#[derive(Debug)]
pub(crate) struct Standing {
    gate: Arc<Gate>,
    /// Weak: the module cache decides how long it stays loaded.
    loaded: Weak<Extension>,
    made: Instant,
    /// When the module cache was last asked, in nanoseconds after `made`.
    noted: AtomicU64,
}

impl Standing {
    fn new(gate: Arc<Gate>, loaded: Weak<Extension>, now: Instant) -> Arc<Self> {
        Arc::new(Self { gate, loaded, made: now, noted: AtomicU64::new(0) })
    }

    /// The loaded version, unless the module cache is to hear of its use.
    fn loaded(&self, now: Instant) -> Option<Arc<Extension>> {
        let since = u64::try_from(now.saturating_duration_since(self.made).as_nanos()).unwrap_or(u64::MAX);
        if since.saturating_sub(self.noted.load(Relaxed)) < NOTE_EACH.as_nanos() as u64 {
            return self.loaded.upgrade();
        }
        self.noted.store(since, Relaxed);
        None
    }
}

impl Admission {
    /// Switches, and what the version has under the rules in force.
    pub(crate) fn standing(&self, call: &Underway<'_>, version: &ServedVersion) -> Result<Arc<Standing>, Refusal> {
        self.check_local_switches(&version.definition)?;
        let (env, control) = (call.context().env, self.control_of(call));
        let kept = version.kept(Seat::default).and_then(|seat| seat.0.load_full());
        if let Some(standing) = kept.filter(|standing| standing.gate.is_under(env, control)) {
            return Ok(standing);
        }
        self.check_switches(call, version)?;
        Ok(keep(version, Standing::new(self.new_gate(call, version, control), Weak::new(), call.accepted)))
    }

    /// Takes the version's quota through its gate.
    pub(crate) fn pass(&self, call: &Underway<'_>, version: &ServedVersion, standing: &mut Arc<Standing>) -> Result<Permit, Stopped> {
        loop {
            match self.quotas.pass(&standing.gate, call.accepted) {
                Ok(permit) => return Ok(permit),
                Err(NoPass::Over(over)) => return Err(over_quota(&over)),
                // Nobody called for long, or the version was another host's before.
                Err(NoPass::Stale) => {
                    let gate = self.new_gate(call, version, self.control_of(call));
                    *standing = keep(version, Standing::new(gate, Weak::new(), call.accepted));
                }
            }
        }
    }

    /// The version, ready to run; waits for its load where it is not.
    pub(crate) async fn load(&self, call: &Underway<'_>, version: &Arc<ServedVersion>, standing: &Standing) -> Result<Arc<Extension>, NotLoaded> {
        if let Some(extension) = standing.loaded(call.accepted) {
            return Ok(extension);
        }
        let extension = self.modules.get(version, call.request.deadline).await?;
        if !std::ptr::eq(standing.loaded.as_ptr(), &*extension) {
            keep(version, Standing::new(Arc::clone(&standing.gate), Arc::downgrade(&extension), call.accepted));
        }
        Ok(extension)
    }

    /// Whether the version may still answer that had this standing a while ago.
    pub(crate) fn check_again(&self, call: &Underway<'_>, version: &ServedVersion, standing: &Standing) -> Result<(), Refusal> {
        if standing.gate.is_under(call.context().env, self.control_of(call)) {
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
    fn new_gate(&self, call: &Underway<'_>, version: &ServedVersion, control: u64) -> Arc<Gate> {
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
        Arc::new(self.quotas.gate(&asked, control))
    }
}

fn keep(version: &ServedVersion, standing: Arc<Standing>) -> Arc<Standing> {
    if let Some(seat) = version.kept(Seat::default) {
        seat.0.store(Some(Arc::clone(&standing)));
    }
    standing
}
