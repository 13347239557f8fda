//! Composes a registry: settings, stores, identity, API, upkeep.
//!
//! [`Registry`] is the program: its own listeners, health, drain. [`Embedded`]
//! is the same without listeners, for a process that has some: `ext dev`.
//! Everything is checked before a port is bound.

mod admin;
mod audit_file;
mod control_files;
mod embedded;
mod health;
mod operations;
mod server;
mod settings;
mod signer;
mod standalone;

pub use control_files::ControlFileSettings;
pub use embedded::{Embedded, EmbeddedParts};
pub use extensions_coordination::{
    CompileStream, ControlAt, Coordination, EntryState, Heartbeat, HostChange, HostId, Member, Members, Recent, RedisSettings, Trust,
};
pub use extensions_registry_api::{
    About, Asking, Audit, BoardSettings, Bundle, BundleError, COMPONENT_FILE, Connection, Fleet, GRPC_JOBS_SERVICE, GRPC_SERVICE, HTTP_PREFIX,
    JobKey, JobKeyError, LOOK_EVERY, LogAudit, Membership, Metrics, NobodyKnows, NobodyToTell, Notify, TOOL_FILE, Unknown, owns,
};
pub use extensions_registry_core::{AgentPolicy, Finding, Policy};
pub use extensions_registry_ledger::Stores;
pub use extensions_registry_signer::SignerSettings;
pub use extensions_registry_upkeep::UpkeepSettings;
pub use extensions_service::{Log, LogFormat, LogSettings, SettingsError, start_logging, stop_asked};

pub use settings::{AuditSettings, CompileSettings, EnvironmentStores, ListenSettings, RegistrySettings};
pub use signer::{SignerError, check_signer, sign, sign_once};
pub use standalone::{Addresses, Drained, Registry, StartError};
