//! An environment's control, in the form of the lifecycle: commands of
//! operators, events, and a state derived from them.

mod decide;
mod state;

pub use decide::decide;
pub use state::{Control, ControlApplyError};

use extensions_types::{ControlSource, SwitchTarget};
use serde::{Deserialize, Serialize};

use crate::{Command, Event};

/// Switches of one environment: each is a line that an operator must keep in
/// mind, and hosts read them all at every change.
pub const SWITCHES_MAX: usize = 1_000;

/// What is asked of an environment's control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum ControlAction {
    /// Force something off. `why` is required.
    ForceOff {
        /// What.
        target: SwitchTarget,
        /// Who holds it off.
        source: ControlSource,
    },
    /// End that; other sources may still hold it off.
    Lift {
        /// What.
        target: SwitchTarget,
        /// Who held it off.
        source: ControlSource,
    },
}

/// One change of an environment's control. Stored for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ControlChange {
    /// Something is off; the event's `why` says why.
    ForcedOff {
        /// What.
        target: SwitchTarget,
        /// Who holds it off.
        source: ControlSource,
    },
    /// One source no longer holds it off.
    Lifted {
        /// What.
        target: SwitchTarget,
        /// Who held it off.
        source: ControlSource,
    },
}

/// A command to an environment's control.
pub type ControlCommand = Command<ControlAction>;
/// An event of an environment's control.
pub type ControlEvent = Event<ControlChange>;

impl ControlChange {
    /// The word for it in history: `forced_off`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ForcedOff { .. } => "forced_off",
            Self::Lifted { .. } => "lifted",
        }
    }
}
