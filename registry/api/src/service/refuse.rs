//! The ledger's errors as refusals; what is internal goes to the log.

use std::time::Duration;

use extensions_registry_ledger::LedgerError;
use extensions_types::{ErrorCode, Refusal, with_causes};

/// A store that hiccups is back within this time.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What a caller hears of a ledger's error.
pub(crate) fn refusal(error: &LedgerError) -> Refusal {
    let code = error.code();
    if matches!(code, ErrorCode::Unavailable | ErrorCode::Internal | ErrorCode::ArtifactCorrupt) {
        tracing::error!(%code, error = %with_causes(error), "the ledger failed");
    }
    let retry_after = (code == ErrorCode::Unavailable).then_some(RETRY_AFTER);
    Refusal { retry_after, ..Refusal::new(code, error.public()) }
}

/// A refusal that a later try may not meet.
pub(crate) fn unavailable(message: impl Into<String>) -> Refusal {
    Refusal { retry_after: Some(RETRY_AFTER), ..Refusal::new(ErrorCode::Unavailable, message) }
}

/// A service that has no room now.
pub(crate) fn overloaded(message: impl Into<String>) -> Refusal {
    Refusal { retry_after: Some(RETRY_AFTER), ..Refusal::new(ErrorCode::Overloaded, message) }
}

pub(crate) fn not_found(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::NotFound, message)
}

pub(crate) fn precondition(message: impl Into<String>) -> Refusal {
    Refusal::new(ErrorCode::Precondition, message)
}
