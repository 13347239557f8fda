//! An environment's switches.

use extensions_types::{ControlSource, ControlState, SwitchTarget};
use serde::Serialize;

/// An environment's control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ControlView {
    /// The last change.
    pub seq: u64,
    /// Rises when it was rebuilt or restored.
    pub generation: u64,
    /// What is off.
    pub switches: Vec<SwitchView>,
}

/// Something that is off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SwitchView {
    /// What.
    pub target: SwitchTarget,
    /// Who holds it off.
    pub source: ControlSource,
    /// Why.
    pub why: String,
    /// The event that set it.
    pub seq: u64,
    /// When.
    pub at_ms: u64,
}

/// The control after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ControlChanged {
    /// The event's seq.
    pub seq: u64,
    /// False when it had been so before.
    pub changed: bool,
}

impl From<ControlState> for ControlView {
    fn from(state: ControlState) -> Self {
        let switches = state.switches.into_iter().map(|switch| SwitchView {
            target: switch.target,
            source: switch.set.source,
            why: switch.set.why,
            seq: switch.set.seq,
            at_ms: switch.set.at_ms,
        });
        Self { seq: state.applied_seq, generation: state.generation, switches: switches.collect() }
    }
}
