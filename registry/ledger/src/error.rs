//! How the ledger can fail. What each leaves behind is part of its meaning:
//! nothing, perhaps an event, or an event that is not served yet.

use std::sync::Arc;

use extensions_artifact::{Key, StoreError, document::DocumentError};
use extensions_registry_core::{ApplyError, Refusal};
use extensions_types::{Environment, ErrorCode, TenantId, Version};

/// Why something did not end as asked. [`LedgerError::public`] is for answers,
/// the text of the error itself for logs: it names paths.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// The rules say no; nothing was changed.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The tenant is gone for good; nothing was changed.
    #[error("tenant `{0}` was erased; its id is never used again")]
    Erased(TenantId),
    /// Others won every try; nothing was changed.
    #[error("others changed it {tries} times in a row meanwhile; read it and try again")]
    Contended {
        /// How often it was tried.
        tries: u32,
    },
    /// Earlier commands of the same history took all the time; nothing was changed.
    #[error("earlier commands are not done yet; try again")]
    Busy,
    /// A store cannot be used; nothing was changed.
    #[error("a store failed")]
    Store(#[from] StoreError),
    /// Neither the write's answer nor reading back told whether the event is recorded.
    #[error("whether it is recorded is not known: repeat it with the same idempotency key")]
    Unsettled(#[source] Box<Self>),
    /// It is recorded for good, but an environment does not serve it yet; the reconciler goes on.
    #[error("recorded as event {seq}, but {env} does not serve it yet: repeat it with the same idempotency key to wait for it")]
    Unserved {
        /// The event.
        seq: u64,
        /// The environment that is behind.
        env: Environment,
        /// Why.
        #[source]
        source: Box<Self>,
    },
    /// A document cannot be read as what it should be.
    #[error("`{path}` cannot be read")]
    Document {
        /// Where it lies.
        path: String,
        /// What is wrong with it.
        #[source]
        source: Arc<DocumentError>,
    },
    /// A history breaks its own rules at `path`.
    #[error("the history does not go on at `{path}`; run `rebuild` for a report")]
    History {
        /// Which event.
        path: String,
        /// What is wrong, where an event is there.
        #[source]
        source: Option<ApplyError>,
    },
    /// An environment serves more than the history holds: a restore without a rebuild.
    #[error("{env} serves a state that the history lacks (event {seq}); run `rebuild`")]
    Ahead {
        /// The environment.
        env: Environment,
        /// The event that is missing.
        seq: u64,
    },
    /// An object is gone, or its bytes are not those that were committed.
    #[error("`{path}` is lost or damaged: {what}")]
    Corrupt {
        /// Which object.
        path: String,
        /// What was found instead.
        what: String,
    },
    /// An earlier attempt left other bytes under the version's number.
    #[error("version {0} already holds other bytes of an earlier attempt; push a new version")]
    Occupied(Version),
    /// A watch wants to go on after an event that the history does not have.
    #[error("event {after} is not in the history; it was restored or rebuilt: begin anew")]
    Beyond {
        /// Where it wanted to go on.
        after: u64,
    },
    /// A cursor that this registry did not make.
    #[error("this is no cursor of a watch; begin without one")]
    Cursor,
    /// More extensions than one watch can follow.
    #[error("a watch follows at most {max} extensions; watch single ones")]
    TooMany {
        /// The bound.
        max: usize,
    },
}

impl LedgerError {
    /// Its code in the platform's table.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(refusal) => refusal.code,
            Self::Erased(_) | Self::Beyond { .. } => ErrorCode::Precondition,
            Self::Contended { .. } | Self::Occupied(_) => ErrorCode::Conflict,
            Self::Busy | Self::Store(_) | Self::Unsettled(_) | Self::Unserved { .. } | Self::Ahead { .. } => ErrorCode::Unavailable,
            Self::Document { .. } | Self::History { .. } => ErrorCode::Internal,
            Self::Corrupt { .. } => ErrorCode::ArtifactCorrupt,
            Self::Cursor | Self::TooMany { .. } => ErrorCode::BadRequest,
        }
    }

    /// What may be told to whoever asked: no paths, no store's words.
    #[must_use]
    pub fn public(&self) -> String {
        match self {
            Self::Refused(refusal) => refusal.text.clone(),
            Self::Store(_) => "the registry's store does not answer; nothing was changed".to_owned(),
            Self::Document { .. } | Self::History { .. } => "the registry cannot read this history; its operators must look at it".to_owned(),
            Self::Corrupt { .. } => "an object of this version is lost or damaged in the store; nothing was changed".to_owned(),
            Self::Ahead { env, .. } => format!("{env} waits for a rebuild by the registry's operators"),
            Self::Erased(_)
            | Self::Contended { .. }
            | Self::Busy
            | Self::Unsettled(_)
            | Self::Unserved { .. }
            | Self::Occupied(_)
            | Self::Beyond { .. }
            | Self::Cursor
            | Self::TooMany { .. } => self.to_string(),
        }
    }

    pub(crate) fn document(key: &Key, source: DocumentError) -> Self {
        Self::Document { path: key.path(), source: Arc::new(source) }
    }

    pub(crate) fn corrupt(key: &Key, what: impl Into<String>) -> Self {
        Self::Corrupt { path: key.path(), what: what.into() }
    }

    pub(crate) fn history(key: &Key, source: Option<ApplyError>) -> Self {
        Self::History { path: key.path(), source }
    }
}
