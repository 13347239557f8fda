//! Which kind of object a key names.

use extensions_artifact::Key;

use crate::tally::ObjectKind;

impl From<&Key> for ObjectKind {
    fn from(key: &Key) -> Self {
        match key {
            Key::Event { .. } => Self::Event,
            Key::Head { .. } => Self::Head,
            Key::Component { .. } => Self::Component,
            Key::Definition { .. } => Self::Definition,
            Key::Source { .. } => Self::Source,
            Key::ControlEvent { .. } => Self::ControlEvent,
            Key::ControlState { .. } => Self::ControlState,
            Key::Entry { .. } => Self::Entry,
            Key::Pending { .. } => Self::Pending,
            Key::Compile { .. } => Self::Compile,
            Key::Erased { .. } => Self::Erased,
            Key::Precompiled { .. } | Key::Signer { .. } => Self::Precompiled,
            Key::Clock
            | Key::GcRun { .. }
            | Key::BackupRun { .. }
            | Key::BackupTenant { .. }
            | Key::BackupGeneration { .. }
            | Key::BackupLost { .. } => Self::Upkeep,
        }
    }
}
