//! Refusals in public words: what a caller reads, and when to try again.

use std::time::{Duration, Instant};

use extensions_breakers::Open;
use extensions_catalog::{Missing, Off, Unread};
use extensions_engine::Failure;
use extensions_modules::NotLoaded;
use extensions_quota::OverQuota;
use extensions_types::{Environment, ErrorCode, ExtensionId, Refusal};

use crate::underway::Stopped;

/// When a caller may try again that met a full lane.
const OVERLOAD_RETRY: Duration = Duration::from_millis(100);
/// When a caller may try again whose version is being read or compiled.
pub(crate) const LOADING_RETRY: Duration = Duration::from_millis(500);

pub(crate) fn not_found(id: &ExtensionId, env: Environment) -> Refusal {
    Refusal::new(ErrorCode::NotFound, format!("the tenant has no extension `{id}` in {env}; `ext list` shows what it has"))
}

/// An entry that could not be had, as its caller sees it.
pub(crate) fn not_there(missing: &Missing, id: &ExtensionId, env: Environment, deadline: Option<Instant>) -> Refusal {
    let (code, retry_after) = match missing {
        Missing::Nothing => return not_found(id, env),
        Missing::Reading if is_over(deadline) => (ErrorCode::Deadline, None),
        Missing::Reading | Missing::Unread(Unread::Unavailable) => (ErrorCode::Unavailable, Some(LOADING_RETRY)),
        Missing::Unread(Unread::Damaged) => (ErrorCode::ArtifactCorrupt, None),
    };
    Refusal { retry_after, ..Refusal::new(code, missing.to_string()) }
}

pub(crate) fn switched_off(off: Off) -> Refusal {
    match off {
        Off::Unknown => Refusal { retry_after: Some(LOADING_RETRY), ..Refusal::new(ErrorCode::Unavailable, off.to_string()) },
        Off::Tenant | Off::Extension | Off::Version | Off::Kind(_) | Off::Tier(_) => Refusal::new(ErrorCode::Disabled, off.to_string()),
    }
}

pub(crate) fn circuit_open(open: Open) -> Refusal {
    Refusal { retry_after: Some(open.retry_after), ..Refusal::new(ErrorCode::CircuitOpen, open.to_string()) }
}

pub(crate) fn over_quota(over: &OverQuota) -> Stopped {
    let refusal = Refusal { retry_after: over.retry_after, ..Refusal::new(ErrorCode::QuotaExceeded, over.to_string()) };
    Stopped { quota: Some(over.quota.as_str()), ..refusal.into() }
}

pub(crate) fn not_loaded(error: &NotLoaded, deadline: Option<Instant>) -> Refusal {
    let (code, retry_after) = match error {
        NotLoaded::Loading if is_over(deadline) => (ErrorCode::Deadline, None),
        NotLoaded::Loading | NotLoaded::Unavailable => (ErrorCode::Unavailable, Some(LOADING_RETRY)),
        NotLoaded::Busy => (ErrorCode::Overloaded, Some(OVERLOAD_RETRY)),
        NotLoaded::Corrupt | NotLoaded::Refused(_) => (ErrorCode::ArtifactCorrupt, None),
        NotLoaded::Internal => (ErrorCode::Internal, None),
    };
    Refusal { retry_after, ..Refusal::new(code, error.to_string()) }
}

/// A failure of the engine's that is none of the extension's own.
pub(crate) fn by_engine(failure: Failure) -> Refusal {
    let retry_after = (failure.code == ErrorCode::Overloaded).then_some(OVERLOAD_RETRY);
    Refusal { retry_after, ..Refusal::new(failure.code, failure.message) }
}

fn is_over(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}
