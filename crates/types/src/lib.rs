//! The platform's words as types: ids, limits, definitions, error codes.
//!
//! Every plane uses these and parses into them once, at its edge; inner code
//! never checks again. Nothing here does I/O or knows a server or an engine.

mod cause_set;
mod causes;
mod context;
mod control;
mod definition;
mod digest;
mod entry;
mod error_code;
mod evidence;
mod failure;
mod fallback;
mod finding;
mod ids;
mod limits;
mod manifest;
mod precompiled;
mod refusal;
mod schema;
mod text;
mod vocabulary;
mod waiver;

pub use cause_set::CauseSet;
pub use causes::with_causes;
pub use context::ExecutionContext;
pub use control::{
    ControlScope, ControlSource, ControlState, EffectiveQuota, Policy, PolicyMode, Provenance, Quota, QuotaError, QuotaLimits, Ruling, Running,
    Switch, SwitchTarget, TenantWeight, Tightening, Weight, WeightError,
};
pub use definition::{ExtensionDefinition, Metadata, SCHEMA_BYTES_MAX, Schemas, ToolDescription, ToolError};
pub use digest::{NotASha256, Sha256};
pub use entry::{BlobRef, EntryDocument, EntryVersion};
pub use error_code::{ErrorCode, FailureCause, GrpcStatus, Retry, UnknownCode};
pub use evidence::{BuildEvidence, CaseEvidence, CheckEvidence, CheckOutcome, Evidence, StepEvidence, TestCounts, VersionDocument};
pub use failure::{Action, ContractError, DEFAULT_BYTES_MAX, FailureContract};
pub use fallback::{Fallback, FallbackAction};
pub use finding::Finding;
pub use ids::{CallLabel, ExtensionId, HostCallName, IdError, TenantId, Version, VersionSelector};
pub use limits::{INPUT_BYTES_DEFAULT, LOG_BYTES_MAX, LimitError, Limits, OUTPUT_BYTES_DEFAULT};
pub use manifest::{Build, BuildChoices, GarbageCollector, Language, MANIFEST_BYTES_MAX, MANIFEST_FILE, Manifest, ManifestError, SchemaFiles};
pub use precompiled::{Coverage, RefusedComponent, SignerAccount};
pub use refusal::{Problem, Refusal};
pub use schema::SchemaV1;
pub use vocabulary::{Abi, ActorType, Environment, Kind, Origin, RiskTier, UnknownWord, VersionState};
pub use waiver::Waiver;
