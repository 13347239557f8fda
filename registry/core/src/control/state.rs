//! What the events of an environment's control amount to.

use extensions_types::{ControlSource, ControlState, Environment, Provenance, Switch, SwitchTarget};
use serde::{Deserialize, Serialize};

use super::{ControlChange, ControlEvent};
use crate::{Recent, recent::Remembered};

/// `control/state.json`. Hosts read the [`ControlState`] in it and pass over
/// the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// What hosts read.
    #[serde(flatten)]
    pub state: ControlState,
    /// The commands of late.
    #[serde(default)]
    pub recent: Recent,
}

/// Why an event does not follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("control event {got} does not follow event {applied}: the history has a gap or is out of order")]
pub struct ControlApplyError {
    /// The last one applied.
    pub applied: u64,
    /// The one given.
    pub got: u64,
}

impl Control {
    /// The control of an environment in which nothing was ever switched.
    #[must_use]
    pub fn new(env: Environment) -> Self {
        Self { state: ControlState::new(env), recent: Recent::default() }
    }

    /// The state after a whole history.
    ///
    /// # Errors
    /// When an event is missing or out of order.
    pub fn fold<'e>(env: Environment, events: impl IntoIterator<Item = &'e ControlEvent>) -> Result<Self, ControlApplyError> {
        let mut control = Self::new(env);
        events.into_iter().try_for_each(|event| control.apply(event))?;
        Ok(control)
    }

    /// The state after one more event.
    ///
    /// # Errors
    /// When it is not the next one.
    pub fn apply(&mut self, event: &ControlEvent) -> Result<(), ControlApplyError> {
        if event.seq != self.state.applied_seq + 1 {
            return Err(ControlApplyError { applied: self.state.applied_seq, got: event.seq });
        }
        let switches = &mut self.state.switches;
        match &event.change {
            ControlChange::ForcedOff { target, source } => {
                let switch = Switch::new(target.clone(), provenance(event, *source));
                match find(switches, target, *source) {
                    Ok(at) => switches[at] = switch,
                    Err(at) => switches.insert(at, switch),
                }
            }
            ControlChange::Lifted { target, source } => {
                if let Ok(at) = find(switches, target, *source) {
                    switches.remove(at);
                }
            }
        }
        self.state.applied_seq = event.seq;
        self.recent.remember(Remembered {
            actor: &event.actor,
            id: &event.command_id,
            content: event.content,
            seq: event.seq,
            at_ms: event.at_ms,
            version: None,
        });
        Ok(())
    }

    /// Whether this source holds exactly this target off.
    #[must_use]
    pub fn holds_off(&self, target: &SwitchTarget, source: ControlSource) -> bool {
        find(&self.state.switches, target, source).is_ok()
    }
}

/// Where a switch stands, or belongs: they are ordered by target and source.
fn find(switches: &[Switch], target: &SwitchTarget, source: ControlSource) -> Result<usize, usize> {
    switches.binary_search_by(|switch| (&switch.target, switch.set.source).cmp(&(target, source)))
}

fn provenance(event: &ControlEvent, source: ControlSource) -> Provenance {
    Provenance { source, who: event.actor.to_string(), why: event.why.clone(), seq: event.seq, at_ms: event.at_ms }
}
