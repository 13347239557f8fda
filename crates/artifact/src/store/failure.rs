//! What a backend's failure means. Pure.

use std::{error::Error, io, sync::Arc};

use object_store::client::{HttpError, HttpErrorKind};

use crate::{
    error::{Cause, Operation, StoreError},
    local::Undecided,
};

/// A failed try.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// Nothing is there.
    Absent,
    /// Something is there already.
    Exists,
    /// It is no longer what was read.
    Changed,
    /// Not done; the same may go at once.
    NotDone(Cause),
    /// A write may be done or not, a read has no answer; the same may go at once.
    Unknown(Cause),
    /// Not done, and would not be done again.
    Full(Cause),
    Denied(Cause),
    Misconfigured(Cause),
}

/// What S3 says when two conditional writes meet: neither lost, try again.
const CONTENDED: [&str; 2] = ["ConditionalRequestConflict", "409 Conflict"];
/// What a refused list says: unlike other refusals it comes without a kind.
const DENIED: [&str; 2] = ["403 Forbidden", "401 Unauthorized"];
/// A 404 that is not about the object.
const NO_BUCKET: &str = "NoSuchBucket";

impl Failure {
    /// Reads the backend's error.
    pub(super) fn of(error: object_store::Error) -> Self {
        use object_store::Error as E;
        match error {
            E::NotFound { .. } if says(&error, &[NO_BUCKET]) => Self::Misconfigured(Arc::new(error)),
            E::NotFound { .. } => Self::Absent,
            E::AlreadyExists { .. } if says(&error, &CONTENDED) => Self::NotDone(Arc::new(error)),
            E::AlreadyExists { .. } => Self::Exists,
            E::Precondition { .. } | E::NotModified { .. } => Self::Changed,
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => Self::Denied(Arc::new(error)),
            E::NotSupported { .. } | E::NotImplemented { .. } | E::UnknownConfigurationKey { .. } | E::InvalidPath { .. } => {
                Self::Misconfigured(Arc::new(error))
            }
            error => Self::generic(error),
        }
    }

    fn generic(error: object_store::Error) -> Self {
        let undecided = chain(&error).any(|cause| cause.is::<Undecided>());
        let system = chain(&error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
        let wire = chain(&error).find_map(|cause| cause.downcast_ref::<HttpError>()).map(HttpError::kind);
        let (misplaced, denied) = (says(&error, &[NO_BUCKET]), says(&error, &DENIED));
        let cause: Cause = Arc::new(error);
        match (undecided, wire, system) {
            (true, ..) => Self::Unknown(cause),
            (_, Some(HttpErrorKind::Connect), _) => Self::NotDone(cause),
            (_, Some(_), _) => Self::Unknown(cause),
            (_, None, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)) => Self::Full(cause),
            (_, None, Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)) => Self::Denied(cause),
            (_, None, Some(_)) => Self::NotDone(cause),
            (_, None, None) if misplaced => Self::Misconfigured(cause),
            (_, None, None) if denied => Self::Denied(cause),
            (_, None, None) => Self::Unknown(cause),
        }
    }

    /// No answer within the time of a try.
    pub(super) fn timeout(error: tokio::time::error::Elapsed) -> Self {
        Self::Unknown(Arc::new(error))
    }

    /// Whether another try could end otherwise. A refusal could: MinIO denies a put
    /// beside which somebody takes away the last object of the same folder.
    pub(super) const fn is_passing(&self) -> bool {
        matches!(self, Self::NotDone(_) | Self::Unknown(_) | Self::Denied(_))
    }

    /// The error of an operation whose tries ended with this. `unsure`: an earlier try may have been done.
    pub(super) fn into_error(self, operation: Operation, path: &str, unsure: bool) -> StoreError {
        let path = path.to_owned();
        match self {
            Self::Full(source) if !unsure => StoreError::Full { operation, path, source },
            Self::Denied(source) if !unsure => StoreError::Denied { operation, path, source },
            Self::Misconfigured(source) if !unsure => StoreError::Misconfigured { operation, path, source },
            failure if unsure => StoreError::Lost { operation, path, source: failure.into_cause() },
            failure => StoreError::Unavailable { operation, path, source: failure.into_cause() },
        }
    }

    fn into_cause(self) -> Cause {
        match self {
            Self::NotDone(cause) | Self::Unknown(cause) | Self::Full(cause) | Self::Denied(cause) | Self::Misconfigured(cause) => cause,
            Self::Absent => Arc::new(Odd("nothing is there")),
            Self::Exists => Arc::new(Odd("something is there already")),
            Self::Changed => Arc::new(Odd("it has changed")),
        }
    }
}

/// An answer that does not fit what was asked.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the store answered: {0}")]
pub(super) struct Odd(pub(super) &'static str);

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn says(error: &object_store::Error, words: &[&str]) -> bool {
    chain(error).any(|cause| {
        let text = cause.to_string();
        words.iter().any(|word| text.contains(word))
    })
}
