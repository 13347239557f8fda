//! What answers show: the lifecycle's state in the words of the contract.
//!
//! One form for both transports: JSON as it stands here, messages by conversion.

mod control;
mod event;
mod extension;
mod hosts;
mod precompiled;
mod proto;
mod version;

use extensions_registry_core::{Actor as CoreActor, Finding as CoreFinding};
use extensions_types::{ActorType, CallLabel};
use serde::Serialize;

pub use control::{ControlChanged, ControlPreview, ControlView};

pub use event::{HistoryPage, HistoryView, WatchView};
pub use extension::{Changed, EntryView, ExtensionView, ListPage, PinView};
pub use hosts::{HostInner, HostView, HostsView, ServesView};
pub use precompiled::{EngineView, PrecompiledView};
pub use version::{ReviewView, Uploaded, VersionDetail, VersionView, WaiverView};

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActorView {
    /// The issuer of the token.
    pub issuer: String,
    /// Its subject.
    pub subject: CallLabel,
    /// Who stands behind it.
    pub actor_type: ActorType,
    /// Who acted for the subject, the nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acted_by: Vec<CallLabel>,
}

impl From<&CoreActor> for ActorView {
    fn from(actor: &CoreActor) -> Self {
        Self { issuer: actor.iss.clone(), subject: actor.sub.clone(), actor_type: actor.actor_type, acted_by: actor.act.clone() }
    }
}

/// One reason why something may not be served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingView {
    /// The step that found it.
    pub step: String,
    /// A stable word for programs.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// Where: a file and line, or a part of the component.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

impl From<CoreFinding> for FindingView {
    fn from(finding: CoreFinding) -> Self {
        Self { step: finding.step, code: finding.code, message: finding.message, place: finding.place, remedy: finding.remedy }
    }
}
